// Walks a whole arena and throws on the first thing that is not as it must be. For tests and
// fuzzing, at moments when no thread is inside the allocator; O(pages + blocks).

import { assert } from "../core/assert.ts";
import { SPAN_PAGES_MAX, addressOf, pageOf } from "./address.ts";
import {
  CLASS_LISTS,
  CLASS_LISTS_COUNT,
  CLASS_LIST_MASK,
  CLASS_LOCK,
  CLASS_SPANS,
  CLASS_TRANSFER_USED,
  CLASS_USE,
  HEAP_COMMITTED,
  HEAP_FREE,
  HEAP_LISTS,
  HEAP_LOCK,
  LISTS_PER_STATE,
  LIST_MAX,
  LIST_SLOTS,
  RECORD_CLASS,
  RECORD_ROVER,
  RECORD_USE,
  SLOT_ADDRESS_MASK,
  WORKER_BUDGET,
  WORKER_CLAIMED,
} from "./arena-layout.ts";
import { accountedBytes, arenaStats } from "./arena-stats.ts";
import {
  BlockMarks,
  MARK_CACHED,
  MARK_FREE,
  MARK_MATCH_MASK,
  MARK_NONE,
  MARK_QUARANTINED,
} from "./block-marks.ts";
import { overallBudgetBytes } from "./cache-budget.ts";
import type { SharedMemory } from "./shared-memory.ts";
import { listOf } from "./span-lists.ts";
import { SPAN_FREE, SPAN_GUARD, SPAN_LARGE, SPAN_RETURNED, SPAN_SMALL } from "./span-table.ts";
import { SpanTable } from "./span-table.ts";

export function auditArena(memory: SharedMemory): void {
  new ArenaAudit(memory).run();
}

class ArenaAudit {
  private readonly memory: SharedMemory;
  private readonly words: Int32Array;
  private readonly spans: SpanTable;
  private readonly marks: BlockMarks;
  /** Blocks marked as cached, by class: what lists and transfer caches must add up to. */
  private readonly cached: Int32Array;
  private readonly use: Int32Array;
  private readonly spanCount: Int32Array;
  private readonly filed: Int32Array;

  constructor(memory: SharedMemory) {
    this.memory = memory;
    this.words = memory.words;
    this.spans = new SpanTable(memory);
    this.marks = new BlockMarks(memory);
    const { count } = memory.layout.classes;
    this.cached = new Int32Array(count + 1);
    this.use = new Int32Array(count + 1);
    this.spanCount = new Int32Array(count + 1);
    this.filed = new Int32Array(count + 1);
  }

  run(): void {
    this.auditPages();
    this.auditLists();
    for (let index = 1; index < this.cached.length; index++) this.auditClass(index);
    this.auditBudgets();
    const stats = arenaStats(this.memory);
    assert(accountedBytes(stats) === stats.reservedBytes, "the bytes must add up to the reserved");
    assert(stats.committedBytes <= stats.limitBytes, "no more than the limit may be committed");
  }

  private auditPages(): void {
    const { spans, words } = this;
    const { heap } = this.memory.layout;
    let committed = 0;
    let free = 0;
    let returnedBefore = false;
    let page = 0;
    while (page < spans.pages) {
      const kind = spans.kind(page);
      const pages = spans.length(page);
      assert(pages > 0 && page + pages <= spans.pages, "a span must lie inside the arena");
      assert(spans.head(page) === page, "the first page must know its span");
      assert(spans.head(page + pages - 1) === page, "the last page must know its span");
      if (kind === SPAN_SMALL) this.auditSmall(page);
      else if (kind === SPAN_LARGE) this.auditLarge(page);
      else this.auditUnused(page, kind, returnedBefore);
      if (kind === SPAN_SMALL || kind === SPAN_LARGE || kind === SPAN_FREE) committed += pages;
      if (kind === SPAN_FREE) free += pages;
      returnedBefore = kind === SPAN_RETURNED;
      page += pages;
    }
    assert(page === spans.pages, "the spans must tile the arena");
    assert(spans.kind(page) === SPAN_GUARD, "a guard must stand behind the last page");
    assert(words[heap + HEAP_COMMITTED] === committed, "committed pages must be counted");
    assert(words[heap + HEAP_FREE] === free, "free pages must be counted");
    assert(words[heap + HEAP_LOCK] === 0, "the page lock must not be held");
  }

  private auditUnused(page: number, kind: number, returnedBefore: boolean): void {
    if (kind === SPAN_GUARD) {
      assert(this.spans.length(page) === 1, "a guard is one page");
      return;
    }
    assert(kind === SPAN_FREE || kind === SPAN_RETURNED, "nothing may be detached at rest");
    assert(kind !== SPAN_RETURNED || !returnedBefore, "returned neighbours must be merged");
    const short = this.spans.length(page) <= SPAN_PAGES_MAX;
    assert(kind === SPAN_RETURNED || short, "a free span must not be longer than 128 pages");
    assert(this.memory.pageClass[page] === 0, "an unused page has no class");
    assert(this.marks.read(addressOf(page), false) === MARK_NONE, "an unused page has no block");
  }

  private auditLarge(page: number): void {
    assert(this.memory.pageClass[page] === 0, "a large block has no class");
    const mark = this.marks.read(addressOf(page), false);
    const quarantined = (mark & MARK_MATCH_MASK) === MARK_QUARANTINED;
    const inUse = this.marks.isInUse(addressOf(page), false);
    assert(inUse || quarantined, "a large block must be marked in use");
  }

  private auditSmall(page: number): void {
    const { spans } = this;
    const { classes } = this.memory.layout;
    const sizeClass = spans.field(page, RECORD_CLASS);
    const pages = spans.length(page);
    const granules = classes.granules[sizeClass]!;
    const tiny = sizeClass <= classes.tinyLast;
    assert(pages === classes.spanPages[sizeClass], "a span must have the pages of its class");
    for (let at = page; at < page + pages; at++) {
      assert(spans.head(at) === page, "every page of a small span must know its span");
      assert(this.memory.pageClass[at] === sizeClass, "every page must know its class");
    }
    let free = 0;
    for (let index = 0; index < classes.spanBlocks[sizeClass]!; index++) {
      const address = addressOf(page) + index * granules;
      const mark = this.marks.read(address, tiny);
      assert(mark !== MARK_NONE, "every block must have a mark");
      if (mark === MARK_CACHED) this.cached[sizeClass]!++;
      if (mark !== MARK_FREE) continue;
      assert(address >= spans.field(page, RECORD_ROVER), "no free block may stand below the rover");
      free++;
    }
    const used = classes.spanBlocks[sizeClass]! - free;
    assert(used > 0, "an empty span must go back to the page cache");
    assert(spans.field(page, RECORD_USE) === used, "the use count must match the marks");
    this.use[sizeClass]! += used;
    this.spanCount[sizeClass]!++;
    if (free > 0) this.filed[sizeClass]!++;
  }

  private auditLists(): void {
    const base = this.memory.layout.heap + HEAP_LISTS;
    for (const [index, kind] of [SPAN_FREE, SPAN_RETURNED].entries()) {
      for (let list = 0; list < LISTS_PER_STATE; list++) {
        let page = this.words[base + index * LISTS_PER_STATE + list]!;
        for (; page !== 0; page = this.spans.next(page)) {
          assert(this.spans.kind(page) === kind, "a listed span must be of the kind of its list");
          assert(listOf(this.spans.length(page)) === list, "a span must stand in its list");
        }
      }
    }
  }

  private auditClass(sizeClass: number): void {
    const { words } = this;
    const base = this.memory.layout.classBase[sizeClass]!;
    assert(words[base + CLASS_LOCK] === 0, "a class lock must not be held");
    assert(words[base + CLASS_USE] === this.use[sizeClass], "blocks out of spans must be counted");
    assert(words[base + CLASS_SPANS] === this.spanCount[sizeClass], "spans must be counted");
    this.auditOccupancy(sizeClass, base);
    const seen = new Set<number>();
    const used = words[base + CLASS_TRANSFER_USED]!;
    this.auditSlots(sizeClass, this.memory.layout.transferBase[sizeClass]!, used, seen);
    for (const worker of this.memory.layout.workerBase) {
      const list = worker + this.memory.layout.listOffset[sizeClass]!;
      this.auditSlots(sizeClass, list + LIST_SLOTS, words[list]!, seen);
    }
    assert(seen.size === this.cached[sizeClass], "each cached block must be listed exactly once");
  }

  private auditOccupancy(sizeClass: number, base: number): void {
    const blocks = this.memory.layout.classes.spanBlocks[sizeClass]!;
    let filed = 0;
    for (let index = 0; index < CLASS_LISTS_COUNT; index++) {
      let page = this.words[base + CLASS_LISTS + index]!;
      const bit = (this.words[base + CLASS_LIST_MASK]! >> index) & 1;
      assert((page !== 0) === (bit === 1), "the mask must tell which lists are empty");
      for (; page !== 0; page = this.spans.next(page), filed++) {
        const free = blocks - this.spans.field(page, RECORD_USE);
        const right = Math.min(31 - Math.clz32(free), CLASS_LISTS_COUNT - 1);
        assert(right === index, "a span must stand in the list of its occupancy");
      }
    }
    assert(filed === this.filed[sizeClass], "every span with a free block must be listed");
  }

  private auditSlots(sizeClass: number, at: number, count: number, seen: Set<number>): void {
    const tiny = sizeClass <= this.memory.layout.classes.tinyLast;
    for (let index = 0; index < count; index++) {
      const address = this.words[at + index]! & SLOT_ADDRESS_MASK;
      assert(!seen.has(address), "a block must not be listed twice");
      seen.add(address);
      assert(this.marks.read(address, tiny) === MARK_CACHED, "a listed block must be cached");
      assert(this.memory.pageClass[pageOf(address)] === sizeClass, "a block must be of its class");
    }
  }

  private auditBudgets(): void {
    const { workerBase, listOffset, classes } = this.memory.layout;
    let total = 0;
    for (const base of workerBase) {
      total += this.words[base + WORKER_BUDGET]!;
      let claimed = 0;
      for (let index = 1; index <= classes.count; index++) {
        claimed += this.words[base + listOffset[index]! + LIST_MAX]! * classes.bytes[index]!;
      }
      assert(claimed === this.words[base + WORKER_CLAIMED], "a worker's claims must be counted");
    }
    assert(total <= overallBudgetBytes(this.memory.shape), "budgets must not exceed their sum");
  }
}
