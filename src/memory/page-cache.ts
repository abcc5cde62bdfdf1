// The back of the allocator: spans of 8 KiB pages, shared by all workers under one lock. Spans up
// to 128 pages are split from longer ones and merged with their neighbours when they come back;
// longer ones are cut straight from the system tier and go back to the operating system at once.
//
//   system tier (returned, best fit) --128 pages at a time--> free lists --split--> detached span
//                     ^---- madvise ---- free for two ticks <----merge---- free
//
// Invariant: free + in use = committed <= limit, and every span in use was handed out by
// `allocate`.

import { assert } from "../core/assert.ts";
import { PAGE_BYTES, PAGE_SHIFT, SPAN_PAGES_MAX, addressOf } from "./address.ts";
import {
  HEAP_COMMITTED,
  HEAP_EPOCH,
  HEAP_FREE,
  HEAP_LOCK,
  HEAP_RELEASED,
  LISTS_PER_STATE,
  RECORD_USE,
} from "./arena-layout.ts";
import { lock, unlock } from "./lock.ts";
import type { SharedMemory } from "./shared-memory.ts";
import { SpanLists } from "./span-lists.ts";
import { SPAN_DETACHED, SPAN_FREE, SPAN_GUARD, SPAN_RETURNED, SpanTable } from "./span-table.ts";
import { SystemMemory } from "./system-memory.ts";

const RELEASE_BATCH = 32; // spans given back between two takings of the lock
const RELEASE_PAGES_AT_ONCE = 4096; // 32 MiB: a few milliseconds of an event loop at the most
const IDLE_EPOCHS = 2; // ticks that a span stays free before it goes back to the system
// Neighbours that add up to more than 128 pages do not merge, so what is left of a burst can lie in
// pieces that never get that long: those go back too, but only when nobody wants them for longer.
const PIECE_PAGES_MIN = 8;
const PIECE_IDLE_EPOCHS = 10;

export class PageCache {
  readonly spans: SpanTable;
  private readonly memory: SharedMemory;
  private readonly words: Int32Array;
  private readonly heap: number;
  private readonly worker: number;
  private readonly free: SpanLists;
  private readonly returned: SpanLists;
  private readonly system: SystemMemory;
  /** Spans that could not be put back because the lock was not to be had; tried again later. */
  private readonly deferred: number[] = [];

  constructor(memory: SharedMemory, worker: number) {
    this.memory = memory;
    this.words = memory.words;
    this.heap = memory.layout.heap;
    this.worker = worker;
    this.spans = new SpanTable(memory);
    this.free = new SpanLists(memory, this.spans, 0, SPAN_FREE);
    this.returned = new SpanLists(memory, this.spans, 1, SPAN_RETURNED);
    this.system = new SystemMemory(memory.segments, memory.handle.mappings);
  }

  /** Builds the records of an empty arena. Once, by its creator. */
  format(): void {
    const { pages, segmentShift } = this.memory.shape;
    const perSegment = 1 << (segmentShift - PAGE_SHIFT);
    for (let page = 0; page < pages; page += perSegment) {
      this.setGuard(page);
      const length = Math.min(perSegment, pages - page) - 1;
      if (length > 0) this.returned.insert(page + 1, length);
    }
    this.setGuard(pages);
  }

  /** The first page of a detached span of exactly so many pages; 0 when the limit refuses it. */
  allocate(pages: number): number {
    let page = this.attempt(pages);
    // What is free lies in pieces, or counts against the limit: give it back in steps, and merge.
    while (page === 0 && this.freePages > 0 && this.release(1, 0, RELEASE_PAGES_AT_ONCE) > 0) {
      page = this.attempt(pages);
    }
    return page;
  }

  /** Takes back a detached span. */
  put(page: number): void {
    assert(this.spans.kind(page) === SPAN_DETACHED, "only a detached span can be put back");
    const huge = this.spans.length(page) > SPAN_PAGES_MAX;
    if (huge) this.adviseSystem(page);
    if (!this.acquire()) {
      this.deferred.push(page);
      return;
    }
    if (huge) this.insertReturned(page);
    else this.insertFree(page);
    this.retryDeferred();
    this.unlock();
  }

  /** One tick: spans that stayed free go back to the system. Returns the pages given. */
  scavenge(): number {
    Atomics.add(this.words, this.heap + HEAP_EPOCH, 1);
    const whole = this.release(SPAN_PAGES_MAX, IDLE_EPOCHS, RELEASE_PAGES_AT_ONCE);
    const left = RELEASE_PAGES_AT_ONCE - whole;
    return whole + this.release(PIECE_PAGES_MIN, PIECE_IDLE_EPOCHS, left);
  }

  /**
   * Gives back free spans of at least `pages` pages that are free for `epochs` ticks, until about
   * `pagesMax` are given. Returns the pages.
   */
  release(pages: number, epochs: number, pagesMax: number = this.spans.pages): number {
    const latest = Atomics.load(this.words, this.heap + HEAP_EPOCH) - epochs;
    const batch: number[] = [];
    let total = 0;
    while (total < pagesMax) {
      batch.length = 0;
      if (!this.acquire()) break;
      this.detachIdle(batch, pages, latest);
      this.unlock();
      if (batch.length === 0) break;
      for (const page of batch) this.adviseSystem(page);
      total += this.returnAll(batch);
    }
    return total;
  }

  /** With the page lock inherited from a dead worker: rebuilds lists and counts from the spans. */
  repair(): void {
    const { spans, words, heap } = this;
    this.free.clear();
    this.returned.clear();
    let committed = 0;
    let page = 0;
    while (page < spans.pages) {
      if (spans.isInUse(page)) {
        if (spans.kind(page) !== SPAN_GUARD) committed += spans.length(page);
        page += spans.length(page);
        continue;
      }
      const start = page;
      while (!spans.isInUse(page)) page++;
      spans.setBounds(start, page - start);
      this.adviseSystem(start);
      this.returned.insert(start, page - start);
    }
    words[heap + HEAP_FREE] = 0;
    words[heap + HEAP_COMMITTED] = committed;
  }

  get committedPages(): number {
    return this.words[this.heap + HEAP_COMMITTED]!;
  }

  get freePages(): number {
    return this.words[this.heap + HEAP_FREE]!;
  }

  get lockAt(): number {
    return this.heap + HEAP_LOCK;
  }

  unlock(): void {
    unlock(this.words, this.heap + HEAP_LOCK);
  }

  acquire(): boolean {
    return lock(this.words, this.heap + HEAP_LOCK, this.worker + 1);
  }

  private attempt(pages: number): number {
    if (!this.acquire()) return 0;
    this.retryDeferred();
    const page = this.takeFree(pages) || this.takeReturned(pages);
    this.unlock();
    return page;
  }

  private takeFree(pages: number): number {
    if (pages > SPAN_PAGES_MAX) return 0;
    const page = this.free.find(pages);
    if (page === 0) return 0;
    this.cut(this.free, page, pages);
    this.count(HEAP_FREE, -pages);
    return page;
  }

  /** Short spans are fetched 128 pages at a time, so that they do not pepper the region. */
  private takeReturned(pages: number): number {
    const room = this.memory.shape.pagesMax - this.committedPages;
    if (pages > room) return 0;
    if (pages < SPAN_PAGES_MAX && room >= SPAN_PAGES_MAX) {
      const page = this.returned.find(SPAN_PAGES_MAX);
      if (page !== 0) return this.commit(page, SPAN_PAGES_MAX, pages);
    }
    const page = this.returned.find(pages);
    return page === 0 ? 0 : this.commit(page, pages, pages);
  }

  /** Cuts `committed` pages from a returned span, and the first `pages` of them for the caller. */
  private commit(page: number, committed: number, pages: number): number {
    this.cut(this.returned, page, committed);
    this.count(HEAP_COMMITTED, committed);
    if (committed > pages) {
      const rest = committed - pages;
      this.spans.setBounds(page, pages);
      this.stamp(page + pages);
      this.free.insert(page + pages, rest);
      this.count(HEAP_FREE, rest);
    }
    return page;
  }

  /** Detaches the first `pages` of a listed span; the rest goes back into the same lists. */
  private cut(lists: SpanLists, page: number, pages: number): void {
    const length = this.spans.length(page);
    lists.remove(page);
    if (length > pages) {
      this.stamp(page + pages);
      lists.insert(page + pages, length - pages);
    }
    this.spans.setBounds(page, pages);
    this.spans.setKind(page, SPAN_DETACHED, this.worker);
  }

  private insertFree(page: number): void {
    const pages = this.spans.length(page);
    const merged = this.merge(this.free, SPAN_FREE, page, SPAN_PAGES_MAX);
    this.stamp(merged);
    this.count(HEAP_FREE, pages);
  }

  private insertReturned(page: number): void {
    const pages = this.spans.length(page);
    this.merge(this.returned, SPAN_RETURNED, page, this.spans.pages);
    this.count(HEAP_COMMITTED, -pages);
    this.words[this.heap + HEAP_RELEASED]! += pages;
  }

  /** Joins a span with its free neighbours of the same kind and lists the result. */
  private merge(lists: SpanLists, kind: number, page: number, pagesMax: number): number {
    const { spans } = this;
    let start = page;
    let pages = spans.length(page);
    const before = spans.head(page - 1);
    if (spans.kind(before) === kind && spans.length(before) + pages <= pagesMax) {
      lists.remove(before);
      pages += spans.length(before);
      start = before;
    }
    const after = start + pages;
    if (spans.kind(after) === kind && spans.length(after) + pages <= pagesMax) {
      lists.remove(after);
      pages += spans.length(after);
      spans.setKind(after, 0);
    }
    if (start !== page) spans.setKind(page, 0);
    lists.insert(start, pages);
    return start;
  }

  private detachIdle(batch: number[], pages: number, latest: number): void {
    const { spans, free } = this;
    for (let list = free.nonEmpty(pages); list >= 0; list = free.nonEmpty(list + 1)) {
      let page = free.first(list);
      while (page !== 0 && batch.length < RELEASE_BATCH) {
        const next = spans.next(page);
        if (spans.field(page, RECORD_USE) <= latest) {
          free.remove(page);
          spans.setKind(page, SPAN_DETACHED, this.worker);
          this.count(HEAP_FREE, -spans.length(page));
          batch.push(page);
        }
        page = next;
      }
      if (list + 1 >= LISTS_PER_STATE) return;
    }
  }

  private returnAll(batch: readonly number[]): number {
    if (!this.acquire()) {
      this.deferred.push(...batch);
      return 0;
    }
    let total = 0;
    for (const page of batch) {
      total += this.spans.length(page);
      this.insertReturned(page);
    }
    this.unlock();
    return total;
  }

  private retryDeferred(): void {
    for (let page = this.deferred.pop(); page !== undefined; page = this.deferred.pop()) {
      if (this.spans.length(page) > SPAN_PAGES_MAX) this.insertReturned(page);
      else this.insertFree(page);
    }
  }

  private adviseSystem(page: number): void {
    const address = addressOf(page);
    const offset = this.memory.offsetOf(address);
    const bytes = this.spans.length(page) * PAGE_BYTES;
    this.system.release(this.memory.segmentOf(address), offset, bytes);
  }

  private stamp(page: number): void {
    this.words[this.spans.record(page) + RECORD_USE] = this.words[this.heap + HEAP_EPOCH]!;
  }

  private count(counter: number, pages: number): void {
    this.words[this.heap + counter]! += pages;
  }

  private setGuard(page: number): void {
    this.spans.setBounds(page, 1);
    this.spans.setKind(page, SPAN_GUARD);
  }
}
