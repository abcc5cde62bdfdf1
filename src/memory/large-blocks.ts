// Blocks above the size classes: whole spans, straight from the page cache, or from the system tier
// when they are longer than 128 pages. Their mark stands at their first byte like any other, and is
// changed by compare-and-swap here, since a page lock is taken on the way anyway.

import { PAGE_BYTES, addressOf, pageOf, pagesFor } from "./address.ts";
import { BlockMarks, MARK_LEAVING, MARK_NONE, OWNER_SHIFT } from "./block-marks.ts";
import type { PageCache } from "./page-cache.ts";
import type { SharedMemory } from "./shared-memory.ts";
import { SPAN_DETACHED, SPAN_LARGE, type SpanTable } from "./span-table.ts";

export class LargeBlocks {
  private readonly marks: BlockMarks;
  private readonly pages: PageCache;
  private readonly spans: SpanTable;
  private readonly pageClass: Uint8Array;
  private readonly worker: number;

  constructor(memory: SharedMemory, pages: PageCache, worker: number) {
    this.marks = new BlockMarks(memory);
    this.pages = pages;
    this.spans = pages.spans;
    this.pageClass = memory.pageClass;
    this.worker = worker;
  }

  allocate(bytes: number): number {
    const page = this.pages.allocate(pagesFor(bytes));
    if (page === 0) return 0;
    const address = addressOf(page);
    this.marks.writeInUse(address, false, this.worker);
    this.spans.setKind(page, SPAN_LARGE);
    return address;
  }

  /** False when no large block in use starts at this address. */
  free(address: number): boolean {
    if (!this.isBlock(address)) return false;
    const leaving = MARK_LEAVING | (this.worker << OWNER_SHIFT);
    if (!this.marks.replace(address, false, this.marks.read(address, false), leaving)) return false;
    const page = pageOf(address);
    this.spans.setKind(page, SPAN_DETACHED, this.worker);
    this.marks.write(address, false, MARK_NONE);
    this.pages.put(page);
    return true;
  }

  isBlock(address: number): boolean {
    const page = pageOf(address);
    if (page >= this.spans.pages || addressOf(page) !== address) return false;
    if (this.pageClass[page] !== 0 || this.spans.kind(page) !== SPAN_LARGE) return false;
    return this.marks.isInUse(address, false);
  }

  bytes(address: number): number {
    return this.spans.length(pageOf(address)) * PAGE_BYTES;
  }
}
