// A hierarchical timing wheel over typed arrays: one deadline per timer id, 24 bytes a timer, no
// object and no closure. Owned by one worker. A record is the deadline, the deadline from which a
// change needs no re-filing, and the links of its slot's list:
//
//   record   | deadlineMs f64 | filedAfterMs f64 | next i32 | previous i32 |   24 bytes
//   ring     4096 slots of one tick, then five rings of 64 slots of 2^12, 2^18 .. 2^36 ticks
//
// Invariant: whatever is due at tick t is filed in a slot that is visited at tick t or before.
// A visit expires what is due and files the rest again, so refresh and cancel touch the record
// alone: a later deadline, or none, is found out when the slot comes round. Ticks are counted as
// doubles, because 2^31 of them pass in 24 days at 1 ms.

import { assert } from "../core/assert.ts";
import { lowestBit } from "../core/bits.ts";

const RING_BITS = 12;
const RING_SLOTS: number = 1 << RING_BITS;
const RING_MASK: number = RING_SLOTS - 1;
const UPPER_BITS = 6;
const UPPER_SLOTS: number = 1 << UPPER_BITS;
const UPPER_MASK: number = UPPER_SLOTS - 1;
const UPPER_LEVELS = 5;
const SLOTS: number = RING_SLOTS + UPPER_LEVELS * UPPER_SLOTS;

const RECORD_BYTES = 24;
const RECORD_DOUBLES = 3; // deadlineMs at 0, filedAfterMs at 1
const RECORD_INTS = 6; // next at 4, previous at 5
const NEXT = 4;
const PREVIOUS = 5;
const NONE = -1; // end of a list; the previous of a first entry is ~slot, at or below NONE

/** Ids are int32 and a record's index times 6 must stay one too. */
export const WHEEL_CAPACITY_MAX: number = 1 << 28;

export interface TimingWheelOptions {
  /** Ids are 0 .. capacity - 1 at first; a larger one makes the wheel grow by doubling. */
  capacity: number;
  /** Whole milliseconds; a timer fires less than one tick after its deadline. */
  tickMs: number;
  nowMs: number;
}

export class TimingWheel {
  readonly tickMs: number;
  /** Timers that will fire unless they are cancelled. */
  armedCount = 0;
  capacity = 0;
  private times: Float64Array;
  private links: Int32Array;
  private readonly heads: Int32Array = new Int32Array(SLOTS).fill(NONE);
  private readonly occupied: Int32Array = new Int32Array(SLOTS >> 5);
  private cursor: number; // every slot due at or before this tick has been visited
  private nowTick: number; // the tick of the latest expire(); not before the cursor

  constructor(options: TimingWheelOptions) {
    assert(Number.isInteger(options.tickMs) && options.tickMs > 0, "a tick is whole milliseconds");
    this.tickMs = options.tickMs;
    this.nowTick = Math.floor(options.nowMs / options.tickMs);
    this.cursor = this.nowTick;
    this.times = new Float64Array(0);
    this.links = new Int32Array(0);
    this.grow(options.capacity);
  }

  /** Makes room for ids below `count`; schedule() does it by itself. Armed timers stay armed. */
  ensureCapacity(count: number): void {
    if (count > this.capacity) this.grow(Math.max(count, this.capacity * 2));
  }

  /** Bytes of the records, at 24 a timer, and of the slots. */
  get byteLength(): number {
    return this.times.byteLength + this.heads.byteLength + this.occupied.byteLength;
  }

  /** Arms or re-arms; ids are the caller's, dense from 0. A later deadline is only stored; an earlier one is filed at once. */
  schedule(id: number, deadlineMs: number): void {
    assert(id >= 0, "a timer id must not be negative");
    assert(deadlineMs < Infinity, "a deadline must be a finite time");
    if (id >= this.capacity) this.ensureCapacity(id + 1);
    const times = this.times;
    const at = id * RECORD_DOUBLES;
    if (times[at]! === Infinity) this.armedCount++;
    times[at] = deadlineMs;
    if (deadlineMs > times[at + 1]!) return;
    if (times[at + 1]! !== Infinity) this.unlink(id);
    this.file(id, deadlineMs);
  }

  cancel(id: number): void {
    if (!this.isArmed(id)) return;
    this.times[id * RECORD_DOUBLES] = Infinity;
    this.armedCount--;
  }

  isArmed(id: number): boolean {
    return this.deadlineMs(id) !== Infinity;
  }

  /** Infinity when the timer is not armed. */
  deadlineMs(id: number): number {
    assert(id >= 0, "a timer id must not be negative");
    return id < this.capacity ? this.times[id * RECORD_DOUBLES]! : Infinity;
  }

  /**
   * Writes the ids of up to `budget` due timers to `out`, disarms them, and returns how many; call
   * again while it returns `budget`. Never early, less than a tick late, in the order of ticks. The
   * cost is that of the occupied slots that have come due, whatever time has passed.
   */
  expire(nowMs: number, out: Int32Array, budget: number): number {
    assert(budget > 0 && budget <= out.length, "the budget must fit into the output");
    this.nowTick = Math.max(this.nowTick, Math.floor(nowMs / this.tickMs));
    let count = 0;
    let tick = this.nextTick();
    while (tick <= this.nowTick) {
      this.cursor = tick - 1;
      count = this.visit(tick, nowMs, out, count, budget);
      if (count === budget) return count;
      this.cursor = tick;
      tick = this.nextTick();
    }
    this.cursor = this.nowTick;
    return count;
  }

  /** Tells the time without expiring anything, so that what is armed next is filed once. */
  advance(nowMs: number): void {
    this.nowTick = Math.max(this.nowTick, Math.floor(nowMs / this.tickMs));
    this.cursor = Math.min(this.nowTick, this.nextTick() - 1);
  }

  /** When expire() next has a slot to visit: Infinity when nothing is armed. */
  nextWakeMs(): number {
    return this.armedCount === 0 ? Infinity : this.nextTick() * this.tickMs;
  }

  private grow(capacity: number): void {
    assert(capacity > 0 && capacity <= WHEEL_CAPACITY_MAX, "wheel capacity out of range");
    const buffer = new ArrayBuffer(capacity * RECORD_BYTES);
    const links = new Int32Array(buffer);
    links.set(this.links);
    this.times = new Float64Array(buffer);
    this.links = links;
    for (let id = this.capacity; id < capacity; id++) {
      this.times[id * RECORD_DOUBLES] = Infinity;
      this.times[id * RECORD_DOUBLES + 1] = Infinity;
    }
    this.capacity = capacity;
  }

  // Slot u of a level is visited at the first tick of unit u. Windows are (cursor, cursor + slots],
  // in units: all entries of one unit fit below it once the cursor stands just before that unit,
  // so a visit never files into the slot that it empties.
  private file(id: number, deadlineMs: number): void {
    const tick = Math.max(Math.ceil(deadlineMs / this.tickMs), this.nowTick + 1);
    if (tick - this.cursor <= RING_SLOTS) return this.link(id, tick & RING_MASK, tick);
    let unitTicks = RING_SLOTS;
    let base = RING_SLOTS;
    for (let level = 1; level < UPPER_LEVELS; level++) {
      const unit = Math.floor(tick / unitTicks);
      if (unit - Math.floor(this.cursor / unitTicks) <= UPPER_SLOTS) {
        return this.link(id, base + (unit & UPPER_MASK), unit * unitTicks);
      }
      unitTicks *= UPPER_SLOTS;
      base += UPPER_SLOTS;
    }
    const last = Math.floor(this.cursor / unitTicks) + UPPER_SLOTS;
    const unit = Math.min(Math.floor(tick / unitTicks), last);
    this.link(id, base + (unit & UPPER_MASK), unit * unitTicks);
  }

  private link(id: number, slot: number, visitTick: number): void {
    const links = this.links;
    const at = id * RECORD_INTS;
    const first = this.heads[slot]!;
    this.times[id * RECORD_DOUBLES + 1] = (visitTick - 1) * this.tickMs;
    links[at + NEXT] = first;
    links[at + PREVIOUS] = ~slot;
    this.heads[slot] = id;
    if (first !== NONE) links[first * RECORD_INTS + PREVIOUS] = id;
    else this.occupied[slot >> 5]! |= 1 << (slot & 31);
  }

  private unlink(id: number): void {
    const links = this.links;
    const next = links[id * RECORD_INTS + NEXT]!;
    const previous = links[id * RECORD_INTS + PREVIOUS]!;
    if (next !== NONE) links[next * RECORD_INTS + PREVIOUS] = previous;
    if (previous < 0) this.setHead(~previous, next);
    else links[previous * RECORD_INTS + NEXT] = next;
  }

  private setHead(slot: number, id: number): void {
    this.heads[slot] = id;
    if (id === NONE) this.occupied[slot >> 5]! &= ~(1 << (slot & 31));
  }

  /** The earliest tick at which a slot is to be visited; Infinity when nothing is filed. */
  private nextTick(): number {
    const from = this.cursor + 1;
    const distance = this.nextRingSlot(from & RING_MASK);
    let earliest = distance === NONE ? Infinity : from + distance;
    let unitTicks = RING_SLOTS;
    for (let level = 0; level < UPPER_LEVELS; level++) {
      const word = (RING_SLOTS + level * UPPER_SLOTS) >> 5;
      const low = this.occupied[word]!;
      const high = this.occupied[word + 1]!;
      if ((low | high) !== 0) {
        const unit = Math.floor(this.cursor / unitTicks) + 1;
        const tick = (unit + nextOf64(low, high, unit & UPPER_MASK)) * unitTicks;
        if (tick < earliest) earliest = tick;
      }
      unitTicks *= UPPER_SLOTS;
    }
    return earliest;
  }

  /** Slots from `start` round the ring to the next occupied one, `start` included; or NONE. */
  private nextRingSlot(start: number): number {
    const occupied = this.occupied;
    const words = RING_SLOTS >> 5;
    const first = start >> 5;
    let word = occupied[first]! & (-1 << (start & 31));
    for (let step = 0; step <= words; step++) {
      const index = (first + step) & (words - 1);
      if (step > 0) word = occupied[index]!;
      if (word !== 0) return ((index << 5) + lowestBit(word) - start) & RING_MASK;
    }
    return NONE;
  }

  /** Empties the slots that are due at `tick`: one of the ring, and of each level it begins a unit of. */
  private visit(
    tick: number,
    nowMs: number,
    out: Int32Array,
    from: number,
    budget: number,
  ): number {
    let index = tick & RING_MASK;
    let count = this.drain(index, nowMs, out, from, budget);
    let unit = tick / RING_SLOTS;
    let base = RING_SLOTS;
    for (let level = 0; index === 0 && level < UPPER_LEVELS && count < budget; level++) {
      index = unit & UPPER_MASK;
      count = this.drain(base + index, nowMs, out, count, budget);
      unit /= UPPER_SLOTS;
      base += UPPER_SLOTS;
    }
    return count;
  }

  private drain(
    slot: number,
    nowMs: number,
    out: Int32Array,
    from: number,
    budget: number,
  ): number {
    const { times, links } = this;
    let count = from;
    let id = this.heads[slot]!;
    if (id === NONE) return count;
    while (id !== NONE && count < budget) {
      const next = links[id * RECORD_INTS + NEXT]!;
      const at = id * RECORD_DOUBLES;
      const deadlineMs = times[at]!;
      if (deadlineMs !== Infinity && deadlineMs > nowMs) {
        this.file(id, deadlineMs);
      } else {
        times[at + 1] = Infinity;
        if (deadlineMs !== Infinity) {
          times[at] = Infinity;
          this.armedCount--;
          out[count++] = id;
        }
      }
      id = next;
    }
    if (id !== NONE) links[id * RECORD_INTS + PREVIOUS] = ~slot;
    this.setHead(slot, id);
    return count;
  }

  /** Walks every list. For tests and fuzzing. */
  checkInvariants(): void {
    let filed = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const bit = (this.occupied[slot >> 5]! >>> (slot & 31)) & 1;
      assert((bit === 1) === (this.heads[slot]! !== NONE), "occupied bit disagrees with its list");
      if (bit === 1) filed += this.checkSlot(slot);
    }
    let armed = 0;
    for (let id = 0; id < this.capacity; id++) {
      const isFiled = this.times[id * RECORD_DOUBLES + 1]! !== Infinity;
      assert(isFiled || !this.isArmed(id), "an armed timer is in no slot");
      if (isFiled) filed--;
      if (this.isArmed(id)) armed++;
    }
    assert(filed === 0, "a slot holds a timer that is not marked as filed");
    assert(armed === this.armedCount, "armedCount is wrong");
    assert(this.cursor <= this.nowTick, "the cursor is ahead of time");
  }

  private checkSlot(slot: number): number {
    let count = 0;
    let previous = ~slot;
    for (let id = this.heads[slot]!; id !== NONE; id = this.links[id * RECORD_INTS + NEXT]!) {
      assert(this.links[id * RECORD_INTS + PREVIOUS]! === previous, "a list is broken");
      const tick = this.times[id * RECORD_DOUBLES + 1]! / this.tickMs + 1;
      const deadlineTick = Math.ceil(this.deadlineMs(id) / this.tickMs);
      assert(tick > this.cursor, "a timer is filed in the past");
      assert(tick <= Math.max(deadlineTick, this.nowTick + 1), "a timer would fire late");
      assert(slotAt(tick, this.cursor, slot), "a timer is in another slot than its visit");
      previous = id;
      count++;
    }
    return count;
  }
}

/** Bits from `start` round the 64 to the next one that is set, `start` included. */
function nextOf64(low: number, high: number, start: number): number {
  const [near, far] = start < 32 ? [low, high] : [high, low];
  const shift = start & 31;
  const ahead = near & (-1 << shift);
  if (ahead !== 0) return lowestBit(ahead) - shift;
  if (far !== 0) return 32 - shift + lowestBit(far);
  return 64 - shift + lowestBit(near);
}

/** Whether `slot` stands for `tick` and for no other tick of its window after `cursor`. */
function slotAt(tick: number, cursor: number, slot: number): boolean {
  if (slot < RING_SLOTS) return (tick & RING_MASK) === slot && tick - cursor <= RING_SLOTS;
  const level = (slot - RING_SLOTS) >> UPPER_BITS;
  const unitTicks = 2 ** (RING_BITS + level * UPPER_BITS);
  const unit = tick / unitTicks;
  const inWindow = unit - Math.floor(cursor / unitTicks) <= UPPER_SLOTS;
  return Number.isInteger(unit) && (unit & UPPER_MASK) === (slot & UPPER_MASK) && inWindow;
}
