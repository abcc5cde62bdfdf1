// A hierarchical timing wheel: one deadline per timer id, 20 bytes a timer, no object, no closure.
//   record of a timer   | deadlineMs f64 | filedAfterMs f64 |      owned by one worker
//   ring                4096 slots of one tick, then five rings of 64 slots of 2^12 .. 2^36 ticks
//   inbox               the last up to 64 deadlines that were told and are not in the records yet
// Invariant: an armed timer is in a slot that is visited at its deadline's tick or before, and
// filedAfterMs is one tick before that visit. So refresh and cancel touch the record alone: a
// later deadline, or none, is found out at the visit. An earlier one is filed again, and the entry
// left behind is dropped when it is met. A list for each duration renews two to four times slower
// at 1,000,000 timers (bench/micro/timer-wheel.bench.ts), and renewing is what happens. The inbox
// is for records at random: one by one each is waited for, 64 together come from memory at the
// same time. So do those of a chunk of entries at a visit. Whoever asks the wheel for anything
// empties the inbox.

import { assert } from "../core/assert.ts";
import { IDS_PER_CHUNK, NONE, SlotLists } from "./slot-lists.ts";

const RING_BITS = 12;
const RING_SLOTS: number = 1 << RING_BITS;
const RING_MASK: number = RING_SLOTS - 1;
const UPPER_BITS = 6;
const UPPER_SLOTS: number = 1 << UPPER_BITS;
const UPPER_MASK: number = UPPER_SLOTS - 1;
const UPPER_LEVELS = 5;
const SLOTS: number = RING_SLOTS + UPPER_LEVELS * UPPER_SLOTS;

const INBOX_SIZE = 64;

const ENTRIES_PER_TIMER_MAX = 8; // of 4 bytes; beyond it what was left behind is swept out
const ENTRIES_SPARE = 1024;

/** A record's index, twice the id, must stay an int32. */
export const WHEEL_CAPACITY_MAX: number = 1 << 28;

export interface TimingWheelOptions {
  /** Ids are 0 .. capacity - 1 at first; a larger one makes the wheel grow by doubling. */
  capacity: number;
  /** Whole milliseconds; a timer fires at most one tick after its deadline. */
  tickMs: number;
  nowMs: number;
}

export class TimingWheel {
  readonly tickMs: number;
  capacity = 0;
  private times: Float64Array;
  private armed = 0;
  private readonly inboxIds: Int32Array = new Int32Array(INBOX_SIZE);
  private readonly inboxMs: Float64Array = new Float64Array(INBOX_SIZE); // Infinity for a cancel
  private inboxCount = 0;
  private readonly ahead: Int32Array = new Int32Array(IDS_PER_CHUNK);
  private readonly slots: SlotLists;
  // Ticks are doubles: at 1 ms, 2^31 of them pass in 24 days.
  private cursor: number; // every slot of this tick and before has been visited
  private upperTick = Infinity; // the next visit above the ring
  private visitsLeft = 0; // of the expire() that runs
  private nowTick: number; // the latest tick that was told; not before the cursor

  constructor(options: TimingWheelOptions) {
    assert(Number.isInteger(options.tickMs) && options.tickMs > 0, "a tick is whole milliseconds");
    this.tickMs = options.tickMs;
    this.nowTick = Math.floor(options.nowMs / options.tickMs);
    this.cursor = this.nowTick;
    this.slots = new SlotLists(SLOTS, options.capacity);
    this.times = new Float64Array(0);
    this.grow(options.capacity);
  }

  /** Makes room for ids below `count`; schedule() does it by itself. Armed timers stay armed. */
  ensureCapacity(count: number): void {
    if (count > this.capacity) this.grow(Math.max(count, this.capacity * 2));
  }

  /** Timers that will fire unless they are cancelled. */
  get armedCount(): number {
    this.settle();
    return this.armed;
  }

  /** Entries in all slots: armed timers, and what cancels and earlier deadlines left behind. */
  get entryCount(): number {
    this.settle();
    return this.slots.count;
  }

  /** Bytes of the records, 16 a timer, of the slots, about 4 a timer, and of the inbox. */
  get byteLength(): number {
    const inbox = this.inboxIds.byteLength + this.inboxMs.byteLength;
    return this.times.byteLength + this.slots.byteLength + inbox;
  }

  /** Arms or re-arms; ids are the caller's, dense from 0. A later deadline is only stored. */
  schedule(id: number, deadlineMs: number): void {
    assert(id >= 0, "a timer id must not be negative");
    assert(deadlineMs < Infinity, "a deadline must be a finite time");
    if (id >= this.capacity) this.ensureCapacity(id + 1);
    this.note(id, deadlineMs);
  }

  cancel(id: number): void {
    assert(id >= 0, "a timer id must not be negative");
    if (id < this.capacity) this.note(id, Infinity);
  }

  isArmed(id: number): boolean {
    return this.deadlineMs(id) !== Infinity;
  }

  /** Infinity when the timer is not armed. */
  deadlineMs(id: number): number {
    assert(id >= 0, "a timer id must not be negative");
    this.settle();
    return id < this.capacity ? this.times[id << 1]! : Infinity;
  }

  /**
   * Writes the ids of up to `budget` due timers to `out`, disarms them, and returns how many; call
   * again while it returns `budget`. Never early, at most a tick late, in the order of ticks. The
   * cost is that of the occupied slots that have come due, whatever time has passed. With `visits`
   * it stops after about so many entries, due or not: see isBehind.
   */
  expire(nowMs: number, out: Int32Array, budget: number, visits: number = Infinity): number {
    assert(budget > 0 && budget <= out.length, "the budget must fit into the output");
    this.settle();
    this.nowTick = Math.max(this.nowTick, Math.floor(nowMs / this.tickMs));
    this.visitsLeft = visits;
    let count = 0;
    let tick = this.nextTick();
    while (tick <= this.nowTick) {
      this.cursor = tick - 1;
      count = this.visit(tick, nowMs, out, count, budget);
      if (count === budget || this.visitsLeft <= 0) return count;
      this.cursor = tick;
      if (tick === this.upperTick) this.upperTick = this.findUpperTick();
      tick = this.nextTick();
    }
    this.cursor = this.nowTick;
    return count;
  }

  /** The latest expire() has not visited every slot that was due by its time. */
  get isBehind(): boolean {
    return this.nextTick() <= this.nowTick;
  }

  /** Tells the time without expiring anything, so that what is armed next is filed once. */
  advance(nowMs: number): void {
    this.settle();
    this.nowTick = Math.max(this.nowTick, Math.floor(nowMs / this.tickMs));
    this.cursor = Math.min(this.nowTick, this.nextTick() - 1);
  }

  /** When expire() next has a slot to visit: Infinity when nothing is armed. */
  nextWakeMs(): number {
    return this.armedCount === 0 ? Infinity : this.nextTick() * this.tickMs;
  }

  private grow(capacity: number): void {
    assert(capacity > 0 && capacity <= WHEEL_CAPACITY_MAX, "wheel capacity out of range");
    const times = new Float64Array(capacity * 2).fill(Infinity);
    times.set(this.times);
    this.times = times;
    this.capacity = capacity;
  }

  private note(id: number, deadlineMs: number): void {
    const at = this.inboxCount;
    this.inboxIds[at] = id;
    this.inboxMs[at] = deadlineMs;
    this.inboxCount = at + 1;
    if (at === INBOX_SIZE - 1) this.settleAll();
  }

  private settle(): void {
    if (this.inboxCount > 0) this.settleAll();
  }

  /** Empties the inbox into the records, in the order in which it was told. */
  private settleAll(): void {
    const { times, inboxIds, inboxMs, inboxCount } = this;
    this.inboxCount = 0;
    readAhead(times, inboxIds, inboxCount);
    for (let index = 0; index < inboxCount; index++) {
      const id = inboxIds[index]!;
      const deadlineMs = inboxMs[index]!;
      const at = id << 1;
      if (times[at]! === Infinity) this.armed++;
      times[at] = deadlineMs;
      if (deadlineMs === Infinity) this.armed--;
      else if (deadlineMs <= times[at + 1]!) this.fileSooner(id, deadlineMs);
    }
  }

  private fileSooner(id: number, deadlineMs: number): void {
    const most = this.capacity * ENTRIES_PER_TIMER_MAX + ENTRIES_SPARE;
    if (this.slots.count >= most) this.sweep();
    this.file(id, deadlineMs);
  }

  // Slot u of a level is visited at the first tick of unit u. Windows are (cursor, cursor + slots],
  // in units: all entries of one unit fit below it once the cursor stands just before that unit,
  // so a visit never files into the slot that it empties.
  private file(id: number, deadlineMs: number): void {
    const tick = Math.max(Math.ceil(deadlineMs / this.tickMs), this.nowTick + 1);
    if (tick - this.cursor <= RING_SLOTS) return this.put(id, tick & RING_MASK, tick);
    let unitTicks = RING_SLOTS;
    let base = RING_SLOTS;
    for (let level = 1; level < UPPER_LEVELS; level++) {
      const unit = Math.floor(tick / unitTicks);
      if (unit - Math.floor(this.cursor / unitTicks) <= UPPER_SLOTS) {
        return this.putUpper(id, base + (unit & UPPER_MASK), unit * unitTicks);
      }
      unitTicks *= UPPER_SLOTS;
      base += UPPER_SLOTS;
    }
    const last = Math.floor(this.cursor / unitTicks) + UPPER_SLOTS;
    const unit = Math.min(Math.floor(tick / unitTicks), last);
    this.putUpper(id, base + (unit & UPPER_MASK), unit * unitTicks);
  }

  private putUpper(id: number, slot: number, visitTick: number): void {
    if (visitTick < this.upperTick) this.upperTick = visitTick;
    this.put(id, slot, visitTick);
  }

  private put(id: number, slot: number, visitTick: number): void {
    this.times[(id << 1) + 1] = (visitTick - 1) * this.tickMs;
    this.slots.push(slot, id);
  }

  /** Files every timer anew, which drops all entries that were left behind or cancelled. */
  private sweep(): void {
    const times = this.times;
    this.slots.clear();
    this.upperTick = Infinity;
    for (let at = 0; at < times.length; at += 2) {
      times[at + 1] = Infinity;
      if (times[at]! !== Infinity) this.file(at >> 1, times[at]!);
    }
  }

  /** The earliest tick at which a slot is to be visited; Infinity when nothing is filed. */
  private nextTick(): number {
    const from = this.cursor + 1;
    const distance = this.slots.nextOccupied(0, RING_SLOTS, from & RING_MASK);
    return distance === NONE ? this.upperTick : Math.min(this.upperTick, from + distance);
  }

  private findUpperTick(): number {
    let earliest = Infinity;
    let unitTicks = RING_SLOTS;
    for (let base = RING_SLOTS; base < SLOTS; base += UPPER_SLOTS) {
      const unit = Math.floor(this.cursor / unitTicks) + 1;
      const ahead = this.slots.nextOccupied(base, UPPER_SLOTS, unit & UPPER_MASK);
      if (ahead !== NONE) earliest = Math.min(earliest, (unit + ahead) * unitTicks);
      unitTicks *= UPPER_SLOTS;
    }
    return earliest;
  }

  /** Empties the slots of `tick`: one of the ring, and of each level it begins a unit of. */
  private visit(
    tick: number,
    nowMs: number,
    out: Int32Array,
    from: number,
    budget: number,
  ): number {
    const mark = (tick - 1) * this.tickMs;
    let slot = tick & RING_MASK;
    let count = this.drain(slot, mark, nowMs, out, from, budget);
    let unit = tick / RING_SLOTS;
    for (let base = RING_SLOTS; slot === 0 && base < SLOTS; base += UPPER_SLOTS) {
      slot = unit & UPPER_MASK;
      count = this.drain(base + slot, mark, nowMs, out, count, budget);
      unit /= UPPER_SLOTS;
    }
    return count;
  }

  private drain(
    slot: number,
    mark: number,
    nowMs: number,
    out: Int32Array,
    from: number,
    budget: number,
  ): number {
    const { times, slots, ahead } = this;
    let count = from;
    while (count < budget && this.visitsLeft > 0) {
      this.visitsLeft--;
      if (slots.peekFull(slot, ahead)) readAhead(times, ahead, ahead.length);
      const id = slots.pop(slot);
      if (id === NONE) break;
      const at = id << 1;
      if (times[at + 1]! !== mark) continue; // it was filed elsewhere since
      const deadlineMs = times[at]!;
      times[at + 1] = Infinity;
      if (deadlineMs === Infinity) continue;
      if (deadlineMs > nowMs) {
        this.file(id, deadlineMs);
        continue;
      }
      times[at] = Infinity;
      this.armed--;
      out[count++] = id;
    }
    return count;
  }

  /** Walks everything. For tests and fuzzing. */
  checkInvariants(): void {
    this.settle();
    this.slots.checkInvariants();
    assert(this.cursor <= this.nowTick, "the cursor is ahead of time");
    assert(this.upperTick <= this.findUpperTick(), "a visit above the ring would be missed");
    const found = new Set<number>();
    for (let slot = 0; slot < SLOTS; slot++) this.checkSlot(slot, found);
    let armed = 0;
    for (let id = 0; id < this.capacity; id++) {
      if (this.times[id * 2 + 1]! !== Infinity) assert(found.has(id), "a filed timer is lost");
      else assert(!this.isArmed(id), "an armed timer is in no slot");
      if (this.isArmed(id)) armed++;
    }
    assert(armed === this.armedCount, "armedCount is wrong");
  }

  private checkSlot(slot: number, found: Set<number>): void {
    if (!this.slots.isOccupied(slot)) return;
    const tick = this.visitTickOf(slot);
    this.slots.forEach(slot, (id) => {
      if (this.times[id * 2 + 1]! !== (tick - 1) * this.tickMs) return;
      const deadlineTick = Math.ceil(this.deadlineMs(id) / this.tickMs);
      assert(tick <= Math.max(deadlineTick, this.nowTick + 1), "a timer would fire late");
      found.add(id);
    });
  }

  /** When an occupied slot comes round: the only tick after the cursor that it stands for. */
  private visitTickOf(slot: number): number {
    const isRing = slot < RING_SLOTS;
    const level = (slot - RING_SLOTS) >> UPPER_BITS;
    const unitTicks = isRing ? 1 : 2 ** (RING_BITS + level * UPPER_BITS);
    const mask = isRing ? RING_MASK : UPPER_MASK;
    const first = Math.floor(this.cursor / unitTicks) + 1;
    return (first + ((slot - first) & mask)) * unitTicks;
  }
}

/** Reads every record once before the first is worked on, so that the cache misses overlap. */
function readAhead(times: Float64Array, ids: Int32Array, count: number): void {
  let broken = 0;
  for (let index = 0; index < count; index++) {
    if (Number.isNaN(times[ids[index]! << 1]!)) broken++;
  }
  assert(broken === 0, "a record holds no number");
}
