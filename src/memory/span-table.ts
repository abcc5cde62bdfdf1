// Spans: runs of whole pages. There is no span object and no span id: the record of a span stands
// at the page where it starts, so that finding, splitting and merging allocate nothing.
//
// The one truth is RECORD_STATE at the first page. A kind from SPAN_DETACHED on means "in use", and
// only first pages of such spans carry one; everything else can be rebuilt by a walk over the pages
// (see recovery.ts), which is what makes a death inside a critical section repairable.

import { RECORD_HEAD, RECORD_PAGES, RECORD_SHIFT, RECORD_STATE } from "./arena-layout.ts";
import { RECORD_NEXT, RECORD_PREVIOUS } from "./arena-layout.ts";
import type { SharedMemory } from "./shared-memory.ts";

export const SPAN_FREE = 1; // in a list of the page cache, committed
export const SPAN_RETURNED = 2; // in a list of the system tier, not committed
export const SPAN_DETACHED = 4; // in the hands of one worker, whose number stands above the kind
export const SPAN_SMALL = 5; // blocks of one class, owned by the central cache
export const SPAN_LARGE = 6; // one block
export const SPAN_GUARD = 7; // first page of a segment, and one behind the last
const KIND_MASK = 0xf;
const OWNER_SHIFT = 8;

export class SpanTable {
  readonly words: Int32Array;
  readonly base: number;
  readonly pages: number;

  constructor(memory: SharedMemory) {
    this.words = memory.words;
    this.base = memory.layout.records;
    this.pages = memory.shape.pages;
  }

  /** Word offset of the record at a page. */
  record(page: number): number {
    return this.base + (page << RECORD_SHIFT);
  }

  field(page: number, field: number): number {
    return this.words[this.record(page) + field]!;
  }

  kind(page: number): number {
    return this.field(page, RECORD_STATE) & KIND_MASK;
  }

  isInUse(page: number): boolean {
    return this.kind(page) >= SPAN_DETACHED;
  }

  /** The worker that holds a detached span. */
  owner(page: number): number {
    return this.field(page, RECORD_STATE) >> OWNER_SHIFT;
  }

  setKind(page: number, kind: number, owner = 0): void {
    this.words[this.record(page) + RECORD_STATE] = kind | (owner << OWNER_SHIFT);
  }

  length(page: number): number {
    return this.field(page, RECORD_PAGES);
  }

  /** The first page of the span that a page belongs to. */
  head(page: number): number {
    return this.field(page, RECORD_HEAD);
  }

  /** Writes the length and the entries of the first and last page. */
  setBounds(page: number, pages: number): void {
    const { words } = this;
    words[this.record(page) + RECORD_PAGES] = pages;
    words[this.record(page) + RECORD_HEAD] = page;
    words[this.record(page + pages - 1) + RECORD_HEAD] = page;
  }

  /** Makes every page of a span know its first page, for lookups by interior address. */
  setInterior(page: number, pages: number): void {
    const { words } = this;
    for (let at = page; at < page + pages; at++) words[this.record(at) + RECORD_HEAD] = page;
  }

  /** Pushes a span on the list whose head stands at word `list`. */
  link(list: number, page: number): void {
    const { words } = this;
    const first = words[list]!;
    const record = this.record(page);
    words[record + RECORD_PREVIOUS] = 0;
    words[record + RECORD_NEXT] = first;
    if (first !== 0) words[this.record(first) + RECORD_PREVIOUS] = page;
    words[list] = page;
  }

  unlink(list: number, page: number): void {
    const { words } = this;
    const record = this.record(page);
    const previous = words[record + RECORD_PREVIOUS]!;
    const next = words[record + RECORD_NEXT]!;
    if (previous === 0) words[list] = next;
    else words[this.record(previous) + RECORD_NEXT] = next;
    if (next !== 0) words[this.record(next) + RECORD_PREVIOUS] = previous;
  }

  next(page: number): number {
    return this.field(page, RECORD_NEXT);
  }
}
