// What an address is. A block is named by a granule index, one non-negative int32 for all segments:
//
//   | 30 .. 29 segment | 28 .. 10 page in the segment | 9 .. 0 granule of 8 bytes in the page |
//
// Four segments of 4 GiB (the most one SharedArrayBuffer holds) make 16 GiB. The split is at bit 29
// in production; tests move it down, so that they cross segments with little memory. Page 0 of
// every segment is a guard that is never handed out, so 0 is never a block.

export const GRANULE_BYTES = 8;
export const GRANULE_SHIFT = 3;
export const PAGE_BYTES = 8192;
/** From an address to its page number, over all segments. */
export const PAGE_SHIFT = 10;
export const PAGE_GRANULES: number = 1 << PAGE_SHIFT;
/** Spans up to this length live in the page cache, longer ones come from the system tier. */
export const SPAN_PAGES_MAX = 128;
/** Blocks up to this size come from size classes. */
export const SMALL_BYTES_MAX = 65_536;
/** One mark describes the block that starts in this many bytes; smaller blocks have marks apart. */
export const MARK_CELL_BYTES = 64;
/** Requests up to this size get a block smaller than a mark cell. */
export const TINY_BYTES_MAX: number = MARK_CELL_BYTES - GRANULE_BYTES;
export const SEGMENT_SHIFT = 29;
export const SEGMENTS_MAX = 4;
export const PAGES_MAX: number = SEGMENTS_MAX << (SEGMENT_SHIFT - PAGE_SHIFT);

export function pageOf(address: number): number {
  return address >>> PAGE_SHIFT;
}

export function addressOf(page: number): number {
  return page << PAGE_SHIFT;
}

export function pagesFor(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}
