// Where everything stands in the memory that the workers share. The control buffer holds all
// bookkeeping, the marks one entry per block, the segments nothing but the users' bytes, so that a
// stray write through a view cannot reach the allocator's own state.
//
//   control: | header | page lock, lists | classes | transfer slots | workers | records | map |
//   marks:   | u16 per 64 bytes |   tiny marks: | u8 per 8 bytes |   segments: | 8 KiB pages ... |
//
// All are reserved once and committed by the system page by page as they are touched.

import { assert } from "../core/assert.ts";
import { GIB, MIB } from "../core/limits.ts";
import {
  GRANULE_BYTES,
  MARK_CELL_BYTES,
  PAGE_BYTES,
  PAGE_GRANULES,
  PAGES_MAX,
  PAGE_SHIFT,
  SEGMENT_SHIFT,
  pagesFor,
} from "./address.ts";
import { buildSizeClasses, sizesOf, type SizeClasses, type SizeScheme } from "./size-classes.ts";

/** The numbers that fix a layout: what travels to a worker beside the buffers. */
export interface ArenaShape {
  readonly scheme: SizeScheme;
  readonly segmentShift: number;
  /** Pages of all segments, guards included. */
  readonly pages: number;
  /** The hard limit, in pages. */
  readonly pagesMax: number;
  readonly workers: number;
  readonly checked: boolean;
  /** The pages are mapped outside of the collector's sight, and there are no tiny blocks. */
  readonly mapped: boolean;
}

// Header words.
export const HEADER_MAGIC = 0;
export const HEADER_PRESSURE = 1; // grows when somebody met the limit: others flush their caches
export const HEADER_SCAVENGES = 2; // grows with every worker's tick
export const HEADER_REFUSED = 3; // requests that the limit refused
export const HEADER_STEAL_FROM = 4; // round robin over workers whose budget is taken
export const HEADER_WORDS = 32;
export const ARENA_MAGIC = 0x6d696c6c;

// One page record; it stands at the page where a span starts. HEAD is valid at every page of a
// span of small blocks, else at the first and the last one.
export const RECORD_SHIFT = 3;
export const RECORD_WORDS: number = 1 << RECORD_SHIFT;
export const RECORD_HEAD = 0; // page where the span starts
export const RECORD_PAGES = 1;
export const RECORD_STATE = 2; // span kind | owner << 8: the one truth, see span.ts
export const RECORD_PREVIOUS = 3;
export const RECORD_NEXT = 4;
export const RECORD_USE = 5; // blocks that are not free in the span; epoch of a free span
export const RECORD_ROVER = 6; // no free block below this address
export const RECORD_CLASS = 7;

// The page heap: its lock on a cache line of its own, then its lists.
export const HEAP_LOCK = 0;
export const HEAP_COMMITTED = 1; // pages in use or free and not returned to the system
export const HEAP_FREE = 2; // pages free and not returned
export const HEAP_EPOCH = 3;
export const HEAP_RELEASED = 4; // pages given back to the system, ever (wraps)
export const HEAP_BITMAP = 16; // non-empty lists, 5 words for free, 5 for returned spans
export const HEAP_LISTS = 32; // heads
export const LISTS_PER_STATE = 160; // exact up to 128 pages, then one a power of two
export const HEAP_WORDS: number = HEAP_LISTS + 2 * LISTS_PER_STATE;

// One class of the central cache: two cache lines.
export const CLASS_WORDS = 32;
export const CLASS_LOCK = 0;
export const CLASS_TRANSFER_USED = 1;
export const CLASS_TRANSFER_LOW = 2; // lowest level since the last scavenge
export const CLASS_SPANS = 3;
export const CLASS_USE = 4; // blocks out of their spans: live, cached or in transfer
export const CLASS_LIST_MASK = 5; // occupancy lists that are not empty
export const CLASS_LISTS = 8; // heads, fullest spans first
export const CLASS_LISTS_COUNT = 8;

// One worker: a header, two tables of its own (in these words, because one array less on the fast
// path is 0.6 ns), then per class a list header with its slots behind it.
export const WORKER_STATE = 0;
export const WORKER_BUDGET = 1; // bytes its cache may hold; others may lower it
export const WORKER_CLAIMED = 2; // bytes that its lists' lengths may add up to
export const WORKER_REFILLS = 3;
export const WORKER_SPILLS = 4;
export const WORKER_REFUSED = 5;
export const WORKER_LOCK_TIMEOUTS = 6;
export const WORKER_DEFERRED = 7;
export const WORKER_HEADER_WORDS = 32;
export const LIST_LENGTH = 0;
export const LIST_MAX = 1; // slow start: grows with use
export const LIST_OVERAGES = 2;
export const LIST_SLOTS = 4;
export const SLOT_ADDRESS_MASK = 0x7fff_ffff;
export const SLOT_UNUSED_FLAG: number = 1 << 31; // not taken since the last scavenge

const LIST_BYTES_MAX: number = 4 * MIB; // one list holds at most so much, however often it is used
const LIST_BLOCKS_MAX = 2048;
const TRANSFER_BATCHES_MAX = 256;
const TRANSFER_SHARE = 256; // one class may hold this part of the limit, 1 MiB at the most

export interface ArenaLayout {
  readonly classes: SizeClasses;
  readonly heap: number;
  /** Word offset of a class's words, by class. */
  readonly classBase: Int32Array;
  readonly transferBase: Int32Array;
  /** Blocks that a class's transfer cache can hold. */
  readonly transferMax: Int32Array;
  readonly workerBase: Int32Array;
  /** Word offset of a list inside a worker's region, by class. */
  readonly listOffset: Int32Array;
  /** Word offsets inside a worker's region of its tables from lookup index, from class, to list. */
  readonly lookupOffset: number;
  readonly listsOffset: number;
  readonly listMax: Int32Array;
  readonly records: number;
  /** Byte offset of the map from page to class. */
  readonly pageClassByte: number;
  readonly controlBytes: number;
  readonly marksBytes: number;
  readonly tinyMarksBytes: number;
  readonly segmentBytes: readonly number[];
}

export function arenaLayout(shape: ArenaShape): ArenaLayout {
  const classes = buildSizeClasses(sizesOf(shape.scheme));
  const { count, batch, bytes } = classes;
  const transferBytes = Math.min(MIB, (shape.pagesMax * PAGE_BYTES) / TRANSFER_SHARE);
  const transferMax = bytes.map((size, index) => {
    const batches = index === 0 ? 0 : Math.floor(transferBytes / (size * batch[index]!));
    return Math.min(Math.max(batches, 1), TRANSFER_BATCHES_MAX) * batch[index]!;
  });
  const listMax = bytes.map((size, index) => {
    const blocks = index === 0 ? 0 : Math.min(LIST_BLOCKS_MAX, Math.floor(LIST_BYTES_MAX / size));
    return index === 0 ? 0 : blocks - (blocks % batch[index]!);
  });
  let next = HEADER_WORDS;
  const take = (words: number): number => {
    const at = next;
    next += Math.ceil(words / 16) * 16; // whole cache lines
    return at;
  };
  const heap = take(HEAP_WORDS);
  const classBase = new Int32Array(count + 1).map(() => take(CLASS_WORDS));
  const transferBase = transferMax.map((blocks) => take(blocks));
  const listOffset = new Int32Array(count + 1);
  // Class 0 has a list that is always empty and full.
  listOffset[0] = WORKER_HEADER_WORDS;
  const lookupOffset = WORKER_HEADER_WORDS + LIST_SLOTS;
  const listsOffset = lookupOffset + classes.lookup.length;
  let workerWords = listsOffset + count + 1;
  for (let index = 1; index <= count; index++) {
    listOffset[index] = workerWords;
    workerWords += LIST_SLOTS + listMax[index]! + 1; // one more while it spills
  }
  const workerBase = new Int32Array(shape.workers).map(() => take(workerWords));
  const records = take((shape.pages + 1) * RECORD_WORDS);
  const pageClassByte = next * 4;
  const granules = shape.pages * PAGE_GRANULES; // of 16 GiB one more than an int32 holds
  return {
    classes,
    heap,
    classBase,
    transferBase,
    transferMax,
    workerBase,
    listOffset,
    lookupOffset,
    listsOffset,
    listMax,
    records,
    pageClassByte,
    controlBytes: pageClassByte + shape.pages + 1,
    marksBytes: (granules / (MARK_CELL_BYTES / GRANULE_BYTES)) * 2,
    tinyMarksBytes: shape.mapped ? 0 : granules,
    segmentBytes: segmentSizes(shape),
  };
}

function segmentSizes(shape: ArenaShape): number[] {
  const perSegment = 1 << (shape.segmentShift - PAGE_SHIFT);
  const sizes: number[] = [];
  for (let left = shape.pages; left > 0; left -= perSegment) {
    sizes.push(Math.min(left, perSegment) * PAGE_BYTES);
  }
  return sizes;
}

/** A shape for so many bytes; `spread` is address space over limit, against fragmentation. */
export function arenaShape(options: {
  bytesMax: number;
  workers: number;
  spread: number;
  scheme?: SizeScheme;
  segmentShift?: number;
  checked?: boolean;
  mapped?: boolean;
}): ArenaShape {
  const segmentShift = options.segmentShift ?? SEGMENT_SHIFT;
  const perSegment = 1 << (segmentShift - PAGE_SHIFT);
  const most = Math.min(PAGES_MAX, perSegment * Math.floor(2 ** (31 - segmentShift)));
  const pagesMax = pagesFor(options.bytesMax);
  const wanted = Math.ceil(pagesMax * options.spread);
  const guards = Math.ceil((wanted + 1) / (perSegment - 1));
  const pages = Math.min(wanted + guards, most);
  assert(pages > guards, "an arena must have at least one page");
  return {
    scheme: options.scheme ?? "aligned",
    segmentShift,
    pages,
    pagesMax: Math.min(pagesMax, pages - Math.ceil(pages / perSegment)),
    workers: options.workers,
    checked: options.checked ?? false,
    mapped: options.mapped ?? false,
  };
}

/** The most that an arena can be asked to hold. */
export const ARENA_BYTES_MAX: number = 16 * GIB - 4 * PAGE_BYTES;
