// The free spans of one state, by length: an exact list for each length up to 128 pages, above it
// one list a power of two, and a bitmap of the lists that are not empty. Guarded by the page lock.
//
//   list   1 | 2 | ... | 128 | 129..255 | 256..511 | ...

import { assert } from "../core/assert.ts";
import { log2Floor, lowestBit } from "../core/bits.ts";
import { SPAN_PAGES_MAX } from "./address.ts";
import { HEAP_BITMAP, HEAP_LISTS, LISTS_PER_STATE } from "./arena-layout.ts";
import type { SharedMemory } from "./shared-memory.ts";
import type { SpanTable } from "./span-table.ts";

const BITMAP_WORDS: number = LISTS_PER_STATE / 32;

export class SpanLists {
  private readonly spans: SpanTable;
  private readonly words: Int32Array;
  private readonly heads: number;
  private readonly bitmap: number;
  private readonly kind: number;

  /** `index` is 0 for free spans, 1 for returned ones. */
  constructor(memory: SharedMemory, spans: SpanTable, index: 0 | 1, kind: number) {
    const { heap } = memory.layout;
    this.spans = spans;
    this.words = memory.words;
    this.heads = heap + HEAP_LISTS + index * LISTS_PER_STATE;
    this.bitmap = heap + HEAP_BITMAP + index * BITMAP_WORDS;
    this.kind = kind;
  }

  insert(page: number, pages: number): void {
    const list = listOf(pages);
    this.spans.setBounds(page, pages);
    this.spans.setKind(page, this.kind);
    this.spans.link(this.heads + list, page);
    const at = this.bitmap + (list >> 5);
    this.words[at] = this.words[at]! | (1 << (list & 31));
  }

  remove(page: number): void {
    assert(this.spans.kind(page) === this.kind, "a span must be in the list it is taken from");
    const list = listOf(this.spans.length(page));
    this.spans.unlink(this.heads + list, page);
    if (this.words[this.heads + list] !== 0) return;
    const at = this.bitmap + (list >> 5);
    this.words[at] = this.words[at]! & ~(1 << (list & 31));
  }

  /** The best fit for so many pages, 0 when there is none. It stays in its list. */
  find(pages: number): number {
    for (let list = this.nonEmpty(listOf(pages)); list >= 0; list = this.nonEmpty(list + 1)) {
      if (list <= SPAN_PAGES_MAX) return this.first(list);
      const page = this.bestOf(list, pages);
      if (page !== 0) return page;
    }
    return 0;
  }

  first(list: number): number {
    return this.words[this.heads + list]!;
  }

  /** The first list from `list` on that holds a span, -1 when there is none. */
  nonEmpty(list: number): number {
    let word = list >> 5;
    let bits = word < BITMAP_WORDS ? this.words[this.bitmap + word]! & (-1 << (list & 31)) : 0;
    while (bits === 0) {
      if (++word >= BITMAP_WORDS) return -1;
      bits = this.words[this.bitmap + word]!;
    }
    return (word << 5) + lowestBit(bits);
  }

  clear(): void {
    this.words.fill(0, this.heads, this.heads + LISTS_PER_STATE);
    this.words.fill(0, this.bitmap, this.bitmap + BITMAP_WORDS);
  }

  /** The shortest span of a list that is long enough; of equals the one at the lowest address. */
  private bestOf(list: number, pages: number): number {
    let best = 0;
    let bestPages = 0;
    for (let page = this.first(list); page !== 0; page = this.spans.next(page)) {
      const length = this.spans.length(page);
      if (length < pages) continue;
      const better = best === 0 || length < bestPages || (length === bestPages && page < best);
      if (!better) continue;
      best = page;
      bestPages = length;
    }
    return best;
  }
}

export function listOf(pages: number): number {
  if (pages <= SPAN_PAGES_MAX) return pages;
  return SPAN_PAGES_MAX + 1 + log2Floor(pages >> 7);
}
