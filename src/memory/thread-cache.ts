// The front tier: one worker's stacks of free blocks, a stack per class, used by that worker alone
// with plain loads and stores. The stacks live in shared memory, so that they can be emptied by
// others after the worker's death; the blocks themselves are never written.
//
//   list of a class: | length | max | overages | - | slot 0 .. max |
//
// The low-water mark costs the fast path nothing: a scavenge flags the slots in use, a push writes
// a slot anew, so the slots that still carry the flag at the next scavenge were not needed
// meanwhile.
//
// Slow start: max grows with use, by a quarter up to a batch, then by batches, as far as the budget
// goes. A list that is longer than its max gives half of itself back, a batch at the most. Order of
// stores on both ways: see recovery.ts, which finds every block whatever store was the last.

import { PAGE_SHIFT } from "./address.ts";
import {
  HEADER_PRESSURE,
  LIST_MAX,
  LIST_OVERAGES,
  LIST_SLOTS,
  SLOT_ADDRESS_MASK,
  SLOT_UNUSED_FLAG,
  WORKER_DEFERRED,
  WORKER_LOCK_TIMEOUTS,
  WORKER_REFILLS,
  WORKER_SPILLS,
} from "./arena-layout.ts";
import {
  MARK_CACHED,
  MARK_IN_USE,
  MARK_LOW_MASK,
  MARK_MATCH_MASK,
  OWNER_SHIFT,
  TINY_IN_USE,
} from "./block-marks.ts";
import { CacheBudget } from "./cache-budget.ts";
import type { CentralCache } from "./central-cache.ts";
import { MARK_CELL_SHIFT, type SharedMemory } from "./shared-memory.ts";
import { LOOKUP_COARSE_BIAS } from "./size-classes.ts";

const OVERAGES_MAX = 3;
const LOOKUP_FINE_MAX = 1024;

export class ThreadCache {
  private readonly words: Int32Array;
  private readonly marks: Uint16Array;
  private readonly tiny: Uint8Array;
  private readonly pageClass: Uint8Array;
  private readonly lookup: Uint8Array;
  /** Where the tables from lookup index and from class to list stand in the words. */
  private readonly lookupAt: number;
  private readonly listsAt: number;
  /** Word offset of each class's list. */
  private readonly lists: Int32Array;
  private readonly tinyLast: number;
  private readonly inUse: number;
  private readonly tinyInUse: number;

  private readonly central: CentralCache;
  private readonly budget: CacheBudget;
  private readonly listMax: Int32Array;
  private readonly base: number;
  private pressureSeen: number;
  /** Blocks that neither their list nor the centre could take. They count as in use. */
  private readonly deferred: number[] = [];

  constructor(memory: SharedMemory, central: CentralCache, worker: number) {
    const { layout } = memory;
    this.words = memory.words;
    this.marks = memory.marks;
    this.tiny = memory.tinyMarks;
    this.pageClass = memory.pageClass;
    this.lookup = layout.classes.lookup;
    this.base = layout.workerBase[worker]!;
    this.lists = layout.listOffset.map((offset) => offset + this.base);
    this.lookupAt = this.base + layout.lookupOffset;
    this.listsAt = this.base + layout.listsOffset;
    const lookup = Int32Array.from(this.lookup, (sizeClass) => this.lists[sizeClass]!);
    this.words.set(lookup, this.lookupAt);
    this.words.set(this.lists, this.listsAt);
    this.tinyLast = layout.classes.tinyLast;
    this.inUse = (worker << OWNER_SHIFT) | MARK_IN_USE;
    this.tinyInUse = TINY_IN_USE + worker;
    this.central = central;
    this.budget = new CacheBudget(memory, worker);
    this.listMax = layout.listMax;
    this.pressureSeen = this.words[HEADER_PRESSURE]!;
  }

  // The next two are written to be small: a JIT compiler only inlines what is.

  /** A block of at least `bytes` (an integer, 57..65536); 0 when there is none within the limit. */
  allocate(bytes: number): number {
    const { words } = this;
    const index = bytes <= LOOKUP_FINE_MAX ? (bytes + 7) >> 3 : (bytes + LOOKUP_COARSE_BIAS) >> 7;
    const list = words[this.lookupAt + index]!;
    const top = words[list]! - 1;
    if (top < 0) return this.allocateSlow(index);
    const address = words[list + LIST_SLOTS + top]! & SLOT_ADDRESS_MASK;
    this.marks[address >> MARK_CELL_SHIFT] = this.inUse | (address & MARK_LOW_MASK);
    words[list] = top;
    return address;
  }

  /**
   * Takes a block of at most 64 KiB back. False when none that is in use starts at this address.
   * The first page of a large block has class 0, whose list is always full, and a tiny block has no
   * wide mark: so both leave the fast path without a test of their own.
   */
  free(address: number): boolean {
    if (address !== (address | 0)) return false; // compiles to nothing for an int32
    const { words, marks } = this;
    const cell = address >> MARK_CELL_SHIFT;
    const expected = MARK_IN_USE | (address & MARK_LOW_MASK);
    if ((marks[cell]! & MARK_MATCH_MASK) !== expected) return this.freeTiny(address);
    const list = words[this.listsAt + this.pageClass[address >> PAGE_SHIFT]!]!;
    const length = words[list]!;
    if (length >= words[list + LIST_MAX]!) return this.freeSlow(address);
    words[list + LIST_SLOTS + length] = address;
    words[list] = length + 1;
    marks[cell] = MARK_CACHED;
    return true;
  }

  /** The same as allocate for 0..56 bytes. */
  allocateTiny(bytes: number): number {
    const { words } = this;
    const index = (bytes + 7) >> 3;
    const list = words[this.lookupAt + index]!;
    const top = words[list]! - 1;
    if (top < 0) return this.allocateSlow(index);
    const address = words[list + LIST_SLOTS + top]! & SLOT_ADDRESS_MASK;
    this.tiny[address] = this.tinyInUse;
    words[list] = top;
    return address;
  }

  /** One tick of an event loop, about once a second: hands back what was not needed since. */
  scavenge(): void {
    this.retryDeferred();
    for (let sizeClass = 1; sizeClass < this.lists.length; sizeClass++) {
      const list = this.lists[sizeClass]!;
      if (this.words[list + LIST_MAX] !== 0) this.scavengeList(sizeClass, list);
    }
  }

  /** Hands everything back: at the limit, and when the worker leaves. */
  flush(): void {
    this.pressureSeen = Atomics.load(this.words, HEADER_PRESSURE);
    for (let sizeClass = 1; sizeClass < this.lists.length; sizeClass++) {
      const list = this.lists[sizeClass]!;
      this.giveBack(sizeClass, this.words[list]!);
      this.setMax(sizeClass, 0);
    }
    this.retryDeferred();
  }

  /** Follows what other workers asked for: to flush, or to live with a smaller budget. */
  settle(): void {
    if (this.pressureSeen !== Atomics.load(this.words, HEADER_PRESSURE)) this.flush();
    else if (this.budget.isOverdrawn) this.shrink();
  }

  /** Bytes that stand in the lists. */
  get cachedBytes(): number {
    const { bytes } = this.central.classes;
    let total = 0;
    for (let index = 1; index < this.lists.length; index++) {
      total += this.words[this.lists[index]!]! * bytes[index]!;
    }
    return total;
  }

  leave(): void {
    this.flush();
    this.budget.surrender();
  }

  private allocateSlow(index: number): number {
    const sizeClass = this.lookup[index]!;
    this.settle();
    const { words } = this;
    const list = this.lists[sizeClass]!;
    const batch = this.central.classes.batch[sizeClass]!;
    const max = words[list + LIST_MAX]!;
    words[this.base + WORKER_REFILLS]!++;
    if (words[list] === 0) {
      const want = Math.min(Math.max(max, 1), batch);
      if (this.central.fetch(sizeClass, list, want) === 0) return 0;
    }
    this.setMax(sizeClass, max < batch ? slowStart(max, batch) : max + batch);
    const bytes = this.central.classes.bytes[sizeClass]!;
    return sizeClass > this.tinyLast ? this.allocate(bytes) : this.allocateTiny(bytes);
  }

  private freeTiny(address: number): boolean {
    const sizeClass = this.pageClass[address >>> PAGE_SHIFT] ?? 0;
    if (sizeClass === 0 || sizeClass > this.tinyLast) return false;
    if (this.tiny[address]! < TINY_IN_USE) return false;
    const { words } = this;
    const list = this.lists[sizeClass]!;
    const length = words[list]!;
    if (length >= words[list + LIST_MAX]!) return this.freeSlow(address);
    words[list + LIST_SLOTS + length] = address;
    words[list] = length + 1;
    this.tiny[address] = MARK_CACHED;
    return true;
  }

  /** The list is as long as it may be: a batch goes to the centre, the new block with it. */
  private freeSlow(address: number): boolean {
    const sizeClass = this.pageClass[address >>> PAGE_SHIFT]!;
    if (sizeClass === 0) return false;
    this.settle();
    const { words } = this;
    const list = this.lists[sizeClass]!;
    const length = words[list]!;
    words[this.base + WORKER_SPILLS]!++;
    if (length > this.listMax[sizeClass]!) return this.defer(address, sizeClass);
    words[list + LIST_SLOTS + length] = address;
    words[list] = length + 1;
    this.mark(address, sizeClass, MARK_CACHED);
    if (words[list]! > words[list + LIST_MAX]!) this.tooLong(sizeClass);
    return true;
  }

  private tooLong(sizeClass: number): void {
    const { words } = this;
    const list = this.lists[sizeClass]!;
    const batch = this.central.classes.batch[sizeClass]!;
    const max = words[list + LIST_MAX]!;
    this.giveBack(sizeClass, Math.min(batch, (words[list]! + 1) >> 1));
    if (max < batch) this.setMax(sizeClass, slowStart(max, batch));
    else if (max > batch && ++words[list + LIST_OVERAGES]! > OVERAGES_MAX) {
      this.setMax(sizeClass, max - batch);
      words[list + LIST_OVERAGES] = 0;
    }
  }

  private giveBack(sizeClass: number, count: number): void {
    if (count <= 0) return;
    const list = this.lists[sizeClass]!;
    if (!this.central.release(sizeClass, list, count)) {
      this.words[this.base + WORKER_LOCK_TIMEOUTS]!++;
    }
  }

  /** Sets how long a list may be, as far as budget and room allow. */
  private setMax(sizeClass: number, wanted: number): void {
    const at = this.lists[sizeClass]! + LIST_MAX;
    const size = this.central.classes.bytes[sizeClass]!;
    const max = Math.min(wanted, this.listMax[sizeClass]!);
    const growth = (max - this.words[at]!) * size;
    if (growth <= 0) this.budget.unclaim(-growth);
    else if (!this.budget.claim(growth)) return;
    this.words[at] = max;
  }

  private scavengeList(sizeClass: number, list: number): void {
    const { words } = this;
    const low = this.lowWater(list);
    const max = words[list + LIST_MAX]!;
    const batch = this.central.classes.batch[sizeClass]!;
    if (low === words[list]!) {
      this.giveBack(sizeClass, low); // nobody used it: all goes
      this.setMax(sizeClass, 0);
    } else if (low > 0) {
      this.giveBack(sizeClass, (low + 1) >> 1);
      if (max > batch) this.setMax(sizeClass, Math.max(max - batch, batch));
    }
    const end = list + LIST_SLOTS + words[list]!;
    for (let slot = list + LIST_SLOTS; slot < end; slot++) words[slot]! |= SLOT_UNUSED_FLAG;
  }

  /** How many blocks were never taken since the last scavenge: their slots still carry its flag. */
  private lowWater(list: number): number {
    const length = this.words[list]!;
    let low = 0;
    while (low < length && this.words[list + LIST_SLOTS + low]! < 0) low++;
    return low;
  }

  /** Somebody took from the budget: lists get shorter until the rest is enough. */
  private shrink(): void {
    this.scavenge();
    for (let index = this.lists.length - 1; index > 0 && this.budget.isOverdrawn; index--) {
      const list = this.lists[index]!;
      const max = this.words[list + LIST_MAX]! >> 1;
      this.giveBack(index, this.words[list]! - max);
      this.setMax(index, max);
    }
  }

  private defer(address: number, sizeClass: number): boolean {
    this.words[this.base + WORKER_DEFERRED]!++;
    const tiny = sizeClass <= this.tinyLast;
    if (tiny) this.tiny[address] = this.tinyInUse;
    else this.marks[address >> MARK_CELL_SHIFT] = this.inUse | (address & MARK_LOW_MASK);
    this.deferred.push(address);
    return true;
  }

  private retryDeferred(): void {
    for (let left = this.deferred.length; left > 0; left--) this.free(this.deferred.pop()!);
  }

  private mark(address: number, sizeClass: number, state: number): void {
    if (sizeClass <= this.tinyLast) this.tiny[address] = state;
    else this.marks[address >> MARK_CELL_SHIFT] = state;
  }
}

/** From 0 to a batch of 128 in 17 steps: a class that is used once holds next to nothing. */
function slowStart(max: number, batch: number): number {
  return Math.min(max + 1 + (max >> 2), batch);
}
