// The middle tier: per size class a transfer cache of blocks and the spans they are cut from, under
// one lock a class. Never are two class locks held, and none while the page cache is called.
//
// Spans with free blocks stand in eight lists by how many are free; blocks are taken from the
// fullest, so that the others drain and go back to the page cache. Which blocks of a span are free
// is said by their marks alone.
//
// Invariant: RECORD_USE of a span = its blocks whose mark is not MARK_FREE.

import { log2Floor, lowestBit } from "../core/bits.ts";
import { PAGE_GRANULES, addressOf, pageOf } from "./address.ts";
import {
  CLASS_LIST_MASK,
  CLASS_LISTS,
  CLASS_LISTS_COUNT,
  CLASS_LOCK,
  CLASS_SPANS,
  CLASS_TRANSFER_LOW,
  CLASS_TRANSFER_USED,
  CLASS_USE,
  LIST_LENGTH,
  LIST_SLOTS,
  RECORD_CLASS,
  RECORD_ROVER,
  RECORD_USE,
  SLOT_ADDRESS_MASK,
} from "./arena-layout.ts";
import { BlockMarks, MARK_CACHED, MARK_FREE } from "./block-marks.ts";
import { lock, unlock } from "./lock.ts";
import type { PageCache } from "./page-cache.ts";
import type { SharedMemory } from "./shared-memory.ts";
import type { SizeClasses } from "./size-classes.ts";
import { SPAN_DETACHED, SPAN_SMALL, type SpanTable } from "./span-table.ts";
import { putIntoTransfer, takeFromTransfer } from "./transfer-cache.ts";

export class CentralCache {
  readonly classes: SizeClasses;
  private readonly memory: SharedMemory;
  private readonly words: Int32Array;
  private readonly spans: SpanTable;
  private readonly pages: PageCache;
  private readonly marks: BlockMarks;
  private readonly worker: number;
  private readonly empty: number[] = [];

  constructor(memory: SharedMemory, pages: PageCache, worker: number) {
    this.memory = memory;
    this.classes = memory.layout.classes;
    this.words = memory.words;
    this.pages = pages;
    this.spans = pages.spans;
    this.marks = new BlockMarks(memory);
    this.worker = worker;
  }

  /** Puts up to `want` blocks on a worker's list. How many; 0 when memory or lock is refused. */
  fetch(sizeClass: number, list: number, want: number): number {
    if (!this.acquire(sizeClass)) return 0;
    const base = this.memory.layout.classBase[sizeClass]!;
    const slots = this.memory.layout.transferBase[sizeClass]!;
    let got = takeFromTransfer(this.words, base, slots, list, want);
    if (got === 0) got = this.takeFromSpans(sizeClass, list, want);
    this.unlock(sizeClass);
    return got > 0 ? got : this.fetchFromNewSpan(sizeClass, list, want);
  }

  /** Takes `count` blocks from the top of a worker's list. False when the lock is not to be had. */
  release(sizeClass: number, list: number, count: number): boolean {
    if (!this.acquire(sizeClass)) return false;
    const { classBase, transferBase, transferMax } = this.memory.layout;
    const base = classBase[sizeClass]!;
    const slots = transferBase[sizeClass]!;
    const max = transferMax[sizeClass]!;
    const moved = putIntoTransfer(this.words, base, slots, max, list, count);
    if (moved < count) this.putIntoSpans(sizeClass, list, count - moved);
    this.unlock(sizeClass);
    this.passOnEmpty(sizeClass);
    return true;
  }

  /** One tick: half of what stood unused in each transfer cache goes back to its spans. */
  scavenge(): void {
    this.drainTransfers((low) => (low + 1) >> 1);
  }

  /** At the limit: all transfer caches go back to their spans. */
  drain(): void {
    this.drainTransfers((_low, used) => used);
  }

  acquire(sizeClass: number): boolean {
    return lock(this.words, this.lockAt(sizeClass), this.worker + 1);
  }

  unlock(sizeClass: number): void {
    unlock(this.words, this.lockAt(sizeClass));
  }

  lockAt(sizeClass: number): number {
    return this.memory.layout.classBase[sizeClass]! + CLASS_LOCK;
  }

  isTiny(sizeClass: number): boolean {
    return sizeClass <= this.classes.tinyLast;
  }

  /** With the class lock held: a block goes back into its span. */
  putBlock(sizeClass: number, address: number): void {
    const page = this.spans.head(pageOf(address));
    const record = this.spans.record(page);
    const { words } = this;
    this.marks.write(address, this.isTiny(sizeClass), MARK_FREE);
    if (address < words[record + RECORD_ROVER]!) words[record + RECORD_ROVER] = address;
    const blocks = this.classes.spanBlocks[sizeClass]!;
    const before = blocks - words[record + RECORD_USE]!;
    words[record + RECORD_USE]!--;
    words[this.memory.layout.classBase[sizeClass]! + CLASS_USE]!--;
    if (before + 1 === blocks) this.detach(sizeClass, page, before);
    else this.refile(sizeClass, page, before, before + 1);
  }

  /** With the lock inherited from a dead worker: rebuilds the lists and counts of one class. */
  repair(sizeClass: number): void {
    const { words, spans } = this;
    const base = this.memory.layout.classBase[sizeClass]!;
    words.fill(0, base + CLASS_LISTS, base + CLASS_LISTS + CLASS_LISTS_COUNT);
    words[base + CLASS_LIST_MASK] = 0;
    words[base + CLASS_SPANS] = 0;
    words[base + CLASS_USE] = 0;
    for (let page = 0; page < spans.pages; page++) {
      if (spans.kind(page) !== SPAN_SMALL) continue;
      if (spans.field(page, RECORD_CLASS) === sizeClass) this.recount(sizeClass, page);
    }
  }

  /** Hands the spans that became empty to the page cache. Call without any lock. */
  passOnEmpty(sizeClass: number): void {
    for (let page = this.empty.pop(); page !== undefined; page = this.empty.pop()) {
      this.eraseSpan(sizeClass, page);
      this.pages.put(page);
    }
  }

  /** Removes a detached span from the map from page to class, and its blocks' marks. */
  eraseSpan(sizeClass: number, page: number): void {
    const length = this.spans.length(page);
    this.memory.pageClass.fill(0, page, page + length);
    this.marks.clear(addressOf(page), length * PAGE_GRANULES, this.isTiny(sizeClass));
  }

  private fetchFromNewSpan(sizeClass: number, list: number, want: number): number {
    const page = this.pages.allocate(this.classes.spanPages[sizeClass]!);
    if (page === 0) return 0;
    this.prepareSpan(sizeClass, page);
    if (!this.acquire(sizeClass)) {
      this.eraseSpan(sizeClass, page);
      this.pages.put(page);
      return 0;
    }
    const base = this.memory.layout.classBase[sizeClass]!;
    this.words[base + CLASS_SPANS]!++;
    this.spans.setKind(page, SPAN_SMALL);
    this.file(sizeClass, page, this.classes.spanBlocks[sizeClass]!);
    // From this span first: others may have been filled meanwhile, and it must not stay empty.
    const got = this.takeFromSpan(sizeClass, page, list, want);
    this.words[base + CLASS_USE]! += got;
    this.unlock(sizeClass);
    return got;
  }

  private prepareSpan(sizeClass: number, page: number): void {
    const { words, spans, marks } = this;
    const length = spans.length(page);
    const record = spans.record(page);
    const granules = this.classes.granules[sizeClass]!;
    const tiny = this.isTiny(sizeClass);
    words[record + RECORD_USE] = 0;
    words[record + RECORD_CLASS] = sizeClass;
    words[record + RECORD_ROVER] = addressOf(page);
    spans.setInterior(page, length);
    const end = addressOf(page) + this.classes.spanBlocks[sizeClass]! * granules;
    for (let at = addressOf(page); at < end; at += granules) marks.write(at, tiny, MARK_FREE);
    this.memory.pageClass.fill(sizeClass, page, page + length);
  }

  private takeFromSpans(sizeClass: number, list: number, want: number): number {
    const { words } = this;
    const base = this.memory.layout.classBase[sizeClass]!;
    let got = 0;
    while (got < want) {
      const mask = words[base + CLASS_LIST_MASK]!;
      if (mask === 0) break;
      const page = words[base + CLASS_LISTS + lowestBit(mask)]!;
      got += this.takeFromSpan(sizeClass, page, list, want - got);
    }
    words[base + CLASS_USE]! += got;
    return got;
  }

  /** Walks the marks from the rover on. Listed before marked: see recovery.ts on the order. */
  private takeFromSpan(sizeClass: number, page: number, list: number, want: number): number {
    const { words, marks } = this;
    const record = this.spans.record(page);
    const tiny = this.isTiny(sizeClass);
    const granules = this.classes.granules[sizeClass]!;
    const free = this.classes.spanBlocks[sizeClass]! - words[record + RECORD_USE]!;
    const count = free < want ? free : want;
    let length = words[list + LIST_LENGTH]!;
    let address = words[record + RECORD_ROVER]!;
    for (let left = count; left > 0; address += granules) {
      if (marks.read(address, tiny) !== MARK_FREE) continue;
      words[list + LIST_SLOTS + length++] = address;
      words[list + LIST_LENGTH] = length;
      marks.write(address, tiny, MARK_CACHED);
      left--;
    }
    words[record + RECORD_ROVER] = address;
    words[record + RECORD_USE]! += count;
    this.refile(sizeClass, page, free, free - count);
    return count;
  }

  private putIntoSpans(sizeClass: number, list: number, count: number): void {
    const { words } = this;
    const length = words[list + LIST_LENGTH]! - count;
    const from = list + LIST_SLOTS + length;
    for (let index = count - 1; index >= 0; index--) {
      this.putBlock(sizeClass, words[from + index]! & SLOT_ADDRESS_MASK);
    }
    words[list + LIST_LENGTH] = length;
  }

  private drainTransfers(share: (low: number, used: number) => number): void {
    for (let sizeClass = 1; sizeClass <= this.classes.count; sizeClass++) {
      const base = this.memory.layout.classBase[sizeClass]!;
      if (this.words[base + CLASS_TRANSFER_USED] === 0) continue;
      if (!this.acquire(sizeClass)) continue;
      const used = this.words[base + CLASS_TRANSFER_USED]!;
      this.drainTransfer(sizeClass, share(this.words[base + CLASS_TRANSFER_LOW]!, used));
      this.words[base + CLASS_TRANSFER_LOW] = this.words[base + CLASS_TRANSFER_USED]!;
      this.unlock(sizeClass);
      this.passOnEmpty(sizeClass);
    }
  }

  private drainTransfer(sizeClass: number, count: number): void {
    const { words } = this;
    const used = this.memory.layout.classBase[sizeClass]! + CLASS_TRANSFER_USED;
    const slots = this.memory.layout.transferBase[sizeClass]!;
    for (let left = count; left > 0; left--) {
      this.putBlock(sizeClass, words[slots + words[used]! - 1]!);
      words[used]!--;
    }
  }

  /** Takes an empty span off its list. It goes to the page cache when the lock is dropped. */
  private detach(sizeClass: number, page: number, free: number): void {
    const base = this.memory.layout.classBase[sizeClass]!;
    if (free > 0) this.unfile(sizeClass, page, free);
    this.words[base + CLASS_SPANS]!--;
    this.spans.setKind(page, SPAN_DETACHED, this.worker);
    this.empty.push(page);
  }

  private refile(sizeClass: number, page: number, before: number, after: number): void {
    if (listIndex(before) === listIndex(after)) return;
    if (before > 0) this.unfile(sizeClass, page, before);
    if (after > 0) this.file(sizeClass, page, after);
  }

  private file(sizeClass: number, page: number, free: number): void {
    const base = this.memory.layout.classBase[sizeClass]!;
    const index = listIndex(free);
    this.spans.link(base + CLASS_LISTS + index, page);
    this.words[base + CLASS_LIST_MASK]! |= 1 << index;
  }

  private unfile(sizeClass: number, page: number, free: number): void {
    const base = this.memory.layout.classBase[sizeClass]!;
    const index = listIndex(free);
    this.spans.unlink(base + CLASS_LISTS + index, page);
    if (this.words[base + CLASS_LISTS + index] !== 0) return;
    this.words[base + CLASS_LIST_MASK]! &= ~(1 << index);
  }

  private recount(sizeClass: number, page: number): void {
    const { words } = this;
    const base = this.memory.layout.classBase[sizeClass]!;
    const record = this.spans.record(page);
    const granules = this.classes.granules[sizeClass]!;
    const blocks = this.classes.spanBlocks[sizeClass]!;
    let free = 0;
    for (let index = 0; index < blocks; index++) {
      const address = addressOf(page) + index * granules;
      if (this.marks.read(address, this.isTiny(sizeClass)) === MARK_FREE) free++;
    }
    words[record + RECORD_ROVER] = addressOf(page);
    words[record + RECORD_USE] = blocks - free;
    words[base + CLASS_SPANS]!++;
    words[base + CLASS_USE]! += blocks - free;
    if (free === blocks) this.detach(sizeClass, page, 0);
    else if (free > 0) this.file(sizeClass, page, free);
  }
}

/** The occupancy list for so many free blocks; -1 for none. */
function listIndex(free: number): number {
  return Math.min(log2Floor(free), CLASS_LISTS_COUNT - 1);
}
