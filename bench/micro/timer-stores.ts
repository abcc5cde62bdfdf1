// The timing wheel and what it is measured against, behind one interface. Each is run in a process
// of its own, so that the calls of a workload are not shared between them. All but "native" live
// on a virtual clock and must fire the same timers at the same ticks.
//
//   wheel    src/timer/timing-wheel.ts          heap   binary heap with positions, typed arrays
//   lists    one linked list for each duration  sweep  every deadline looked at in every tick
//   native   setTimeout, refresh, clearTimeout of Bun

import { TimingWheel } from "../../src/timer/timing-wheel.ts";

export const TICK_MS = 100;

export interface TimerStore {
  /** `delayMs` is deadlineMs less now: lists and native timers need it. */
  schedule(id: number, deadlineMs: number, delayMs: number): void;
  /** The same deadline rule, for a timer that is armed and moves to a later time. */
  refresh(id: number, deadlineMs: number, delayMs: number): void;
  cancel(id: number): void;
  /** Fires what is due, `budget` at most, and returns how many. */
  expire(nowMs: number, budget: number): number;
  nextWakeMs(): number;
  /** Bytes of all that it allocated. */
  readonly byteLength: number;
  /** Sum over the ids that fired, in no order. */
  firedHash: number;
}

export type StoreName = "wheel" | "heap" | "lists" | "sweep" | "native";
export const STORE_NAMES: readonly StoreName[] = ["wheel", "heap", "lists", "sweep", "native"];

export function createStore(name: StoreName, capacity: number): TimerStore {
  if (name === "wheel") return new WheelStore(capacity);
  if (name === "heap") return new HeapStore(capacity);
  if (name === "lists") return new ListStore(capacity);
  if (name === "sweep") return new SweepStore(capacity);
  return new NativeStore(capacity);
}

const mix = (id: number): number => Math.imul(id + 1, 0x9e3779b1);

class WheelStore implements TimerStore {
  firedHash = 0;
  private readonly wheel: TimingWheel;
  private readonly out: Int32Array = new Int32Array(4096);

  constructor(capacity: number) {
    this.wheel = new TimingWheel({ capacity, tickMs: TICK_MS, nowMs: 0 });
  }

  get byteLength(): number {
    return this.wheel.byteLength;
  }

  schedule(id: number, deadlineMs: number): void {
    this.wheel.schedule(id, deadlineMs);
  }

  refresh(id: number, deadlineMs: number): void {
    this.wheel.schedule(id, deadlineMs);
  }

  cancel(id: number): void {
    this.wheel.cancel(id);
  }

  expire(nowMs: number, budget: number): number {
    const { wheel, out } = this;
    let fired = 0;
    while (fired < budget) {
      const most = Math.min(out.length, budget - fired);
      const count = wheel.expire(nowMs, out, most);
      for (let index = 0; index < count; index++) {
        this.firedHash = (this.firedHash + mix(out[index]!)) | 0;
      }
      fired += count;
      if (count < most) break;
    }
    return fired;
  }

  nextWakeMs(): number {
    return this.wheel.nextWakeMs();
  }
}

class HeapStore implements TimerStore {
  firedHash = 0;
  private readonly ids: Int32Array;
  private readonly positions: Int32Array; // of an id in the heap, -1 outside it
  private readonly deadlines: Float64Array;
  private size = 0;

  constructor(capacity: number) {
    this.ids = new Int32Array(capacity);
    this.positions = new Int32Array(capacity).fill(-1);
    this.deadlines = new Float64Array(capacity);
  }

  get byteLength(): number {
    return this.ids.byteLength + this.positions.byteLength + this.deadlines.byteLength;
  }

  schedule(id: number, deadlineMs: number): void {
    this.deadlines[id] = deadlineMs;
    let position = this.positions[id]!;
    if (position < 0) position = this.size++;
    this.settle(this.siftUp(position, id), id);
  }

  refresh(id: number, deadlineMs: number): void {
    this.schedule(id, deadlineMs);
  }

  cancel(id: number): void {
    const position = this.positions[id]!;
    if (position < 0) return;
    this.positions[id] = -1;
    const last = this.ids[--this.size]!;
    if (last !== id) this.settle(this.siftUp(position, last), last);
  }

  expire(nowMs: number, budget: number): number {
    let fired = 0;
    while (fired < budget && this.size > 0 && this.deadlines[this.ids[0]!]! <= nowMs) {
      const id = this.ids[0]!;
      this.cancel(id);
      this.firedHash = (this.firedHash + mix(id)) | 0;
      fired++;
    }
    return fired;
  }

  nextWakeMs(): number {
    return this.size === 0 ? Infinity : this.deadlines[this.ids[0]!]!;
  }

  private siftUp(from: number, id: number): number {
    const { ids, positions, deadlines } = this;
    const deadlineMs = deadlines[id]!;
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const other = ids[parent]!;
      if (deadlines[other]! <= deadlineMs) break;
      ids[position] = other;
      positions[other] = position;
      position = parent;
    }
    return position;
  }

  private settle(from: number, id: number): void {
    const { ids, positions, deadlines, size } = this;
    const deadlineMs = deadlines[id]!;
    let position = from;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= size) break;
      if (child + 1 < size && deadlines[ids[child + 1]!]! < deadlines[ids[child]!]!) child++;
      const other = ids[child]!;
      if (deadlines[other]! >= deadlineMs) break;
      ids[position] = other;
      positions[other] = position;
      position = child;
    }
    ids[position] = id;
    positions[id] = position;
  }
}

/** As Node keeps its timers: a list for each duration, in the order of deadlines. */
class ListStore implements TimerStore {
  firedHash = 0;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private readonly deadlines: Float64Array;
  private readonly heads: number[] = []; // index = list; the node of a head is capacity + list
  private readonly listOfDelay: Map<number, number> = new Map();
  private readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.next = new Int32Array(capacity * 2).fill(-1);
    this.previous = new Int32Array(capacity * 2).fill(-1);
    this.deadlines = new Float64Array(capacity);
  }

  get byteLength(): number {
    return this.next.byteLength + this.previous.byteLength + this.deadlines.byteLength;
  }

  schedule(id: number, deadlineMs: number, delayMs: number): void {
    this.cancel(id);
    const head = this.headOf(delayMs);
    const last = this.previous[head]!;
    this.deadlines[id] = deadlineMs;
    this.next[last] = id;
    this.previous[id] = last;
    this.next[id] = head;
    this.previous[head] = id;
  }

  refresh(id: number, deadlineMs: number, delayMs: number): void {
    this.schedule(id, deadlineMs, delayMs);
  }

  cancel(id: number): void {
    const after = this.next[id]!;
    if (after < 0) return;
    const before = this.previous[id]!;
    this.next[before] = after;
    this.previous[after] = before;
    this.next[id] = -1;
  }

  expire(nowMs: number, budget: number): number {
    let fired = 0;
    for (const head of this.heads) {
      for (;;) {
        const id = this.next[head]!;
        if (id === head || this.deadlines[id]! > nowMs || fired === budget) break;
        this.cancel(id);
        this.firedHash = (this.firedHash + mix(id)) | 0;
        fired++;
      }
    }
    return fired;
  }

  nextWakeMs(): number {
    let earliest = Infinity;
    for (const head of this.heads) {
      const id = this.next[head]!;
      if (id !== head) earliest = Math.min(earliest, this.deadlines[id]!);
    }
    return earliest;
  }

  private headOf(delayMs: number): number {
    let head = this.listOfDelay.get(delayMs);
    if (head === undefined) {
      head = this.capacity + this.heads.length;
      this.listOfDelay.set(delayMs, head);
      this.heads.push(head);
      this.next[head] = head;
      this.previous[head] = head;
    }
    return head;
  }
}

class SweepStore implements TimerStore {
  firedHash = 0;
  private readonly deadlines: Float64Array;

  constructor(capacity: number) {
    this.deadlines = new Float64Array(capacity).fill(Infinity);
  }

  get byteLength(): number {
    return this.deadlines.byteLength;
  }

  schedule(id: number, deadlineMs: number): void {
    this.deadlines[id] = deadlineMs;
  }

  refresh(id: number, deadlineMs: number): void {
    this.deadlines[id] = deadlineMs;
  }

  cancel(id: number): void {
    this.deadlines[id] = Infinity;
  }

  expire(nowMs: number, budget: number): number {
    const deadlines = this.deadlines;
    let fired = 0;
    for (let id = 0; id < deadlines.length && fired < budget; id++) {
      if (deadlines[id]! > nowMs) continue;
      deadlines[id] = Infinity;
      this.firedHash = (this.firedHash + mix(id)) | 0;
      fired++;
    }
    return fired;
  }

  nextWakeMs(): number {
    return 0; // it looks at everything in every tick
  }
}

class NativeStore implements TimerStore {
  firedHash = 0;
  readonly byteLength = 0;
  private readonly timers: Timer[];
  private fired = 0;
  private readonly onFire: () => void = () => void this.fired++;

  constructor(capacity: number) {
    this.timers = new Array<Timer>(capacity);
  }

  schedule(id: number, _deadlineMs: number, delayMs: number): void {
    this.timers[id] = setTimeout(this.onFire, delayMs);
  }

  refresh(id: number): void {
    this.timers[id]!.refresh();
  }

  cancel(id: number): void {
    clearTimeout(this.timers[id]);
  }

  expire(): number {
    return 0;
  }

  nextWakeMs(): number {
    return Infinity;
  }
}
