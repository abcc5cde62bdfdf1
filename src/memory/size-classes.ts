// Which block sizes exist. A table is data, generated from a list of sizes, so that another scheme
// can be swapped in and compared. Classes are numbered from 1; class 0 means "not a small block".
//
//   request  1..128   129..1024  1025..8192  8193..65536
//   aligned     8         16         128          512       -> 16 + 56 + 56 + 112 = 240 classes
//
// Invariant: a span of a class wastes at most 1/8 of itself behind its last block.

import { assert } from "../core/assert.ts";
import {
  GRANULE_BYTES,
  MARK_CELL_BYTES,
  PAGE_BYTES,
  SMALL_BYTES_MAX,
  TINY_BYTES_MAX,
} from "./address.ts";

/** A scheme by name, as it travels between workers. */
export type SizeScheme = "aligned" | "geometric";

export const ALIGNED_STEPS: readonly { upToBytes: number; alignBytes: number }[] = [
  { upToBytes: 128, alignBytes: 8 },
  { upToBytes: 1024, alignBytes: 16 },
  { upToBytes: 8192, alignBytes: 128 },
  { upToBytes: SMALL_BYTES_MAX, alignBytes: 512 },
];

const BATCH_BYTES = 64 * 1024; // blocks move between tiers in batches of about so many bytes
const BATCH_BLOCKS_MIN = 2;
const BATCH_BLOCKS_MAX = 128;
const LOOKUP_FINE_BYTES = 1024; // below it the lookup steps by 8 bytes, above it by 128
/** Added before the shift by 7, so that 1025 follows the last fine index. */
export const LOOKUP_COARSE_BIAS: number = 127 + (120 << 7);
const LOOKUP_LENGTH: number = ((SMALL_BYTES_MAX + LOOKUP_COARSE_BIAS) >> 7) + 1;
const CLASSES_MAX = 255; // a class is a byte of the page map

export interface SizeClasses {
  /** Classes are 1..count. */
  readonly count: number;
  /** Block size by class. */
  readonly bytes: Int32Array;
  readonly granules: Int32Array;
  readonly spanPages: Int32Array;
  readonly spanBlocks: Int32Array;
  /** How many blocks move at once between a worker and the centre. */
  readonly batch: Int32Array;
  /** Class by `lookupIndex(bytes)`. */
  readonly lookup: Uint8Array;
  /** The last class whose blocks are smaller than a mark cell (see block-marks.ts). */
  readonly tinyLast: number;
}

export function lookupIndex(bytes: number): number {
  return bytes <= LOOKUP_FINE_BYTES ? (bytes + 7) >> 3 : (bytes + LOOKUP_COARSE_BIAS) >> 7;
}

export function sizesOf(scheme: SizeScheme): number[] {
  return scheme === "aligned" ? alignedSizes() : geometricSizes(4);
}

export function alignedSizes(): number[] {
  const sizes: number[] = [];
  let last = 0;
  for (const { upToBytes, alignBytes } of ALIGNED_STEPS) {
    while (last < upToBytes) sizes.push((last += alignBytes));
  }
  return sizes;
}

/** So many classes between a power of two and the next; by eights below 32 bytes. */
export function geometricSizes(perDoubling: number): number[] {
  const sizes = [8, 16, 24, 32];
  for (let base = 32; base < SMALL_BYTES_MAX; base *= 2) {
    const step = Math.max(base / perDoubling, GRANULE_BYTES);
    for (let size = base + step; size <= base * 2; size += step) sizes.push(size);
  }
  return sizes;
}

export function buildSizeClasses(sizes: readonly number[]): SizeClasses {
  const count = sizes.length;
  assert(count > 0 && count <= CLASSES_MAX, "a class number must fit into a byte");
  assert(sizes.includes(TINY_BYTES_MAX), "tiny requests must get tiny blocks");
  assert(sizes[count - 1] === SMALL_BYTES_MAX, "the last class must hold the largest small block");
  const bytes = Int32Array.from([0, ...sizes]);
  const batch = bytes.map((size) => (size === 0 ? 0 : batchOf(size)));
  const spanPages = bytes.map((size, index) => (size === 0 ? 0 : spanPagesOf(size, batch[index]!)));
  return {
    count,
    bytes,
    batch,
    spanPages,
    granules: bytes.map((size) => size / GRANULE_BYTES),
    spanBlocks: bytes.map((size, i) =>
      size === 0 ? 0 : ((spanPages[i]! * PAGE_BYTES) / size) | 0,
    ),
    lookup: buildLookup(bytes),
    tinyLast: sizes.filter((size) => size < MARK_CELL_BYTES).length,
  };
}

function batchOf(size: number): number {
  const blocks = Math.floor(BATCH_BYTES / size);
  return Math.min(Math.max(blocks, BATCH_BLOCKS_MIN), BATCH_BLOCKS_MAX);
}

/** The fewest pages that waste at most 1/8 and hold at least a quarter of a batch. */
function spanPagesOf(size: number, batch: number): number {
  let pages = 1;
  for (;;) {
    const spanBytes = pages * PAGE_BYTES;
    const fits = spanBytes % size <= spanBytes >> 3;
    if (fits && Math.floor(spanBytes / size) >= batch >> 2) return pages;
    pages++;
  }
}

function buildLookup(bytes: Int32Array): Uint8Array {
  const lookup = new Uint8Array(LOOKUP_LENGTH);
  let sizeClass = 1;
  for (let index = 0; index < LOOKUP_LENGTH; index++) {
    const largest = index <= LOOKUP_FINE_BYTES >> 3 ? index << 3 : (index - 120) << 7;
    while (bytes[sizeClass]! < largest) sizeClass++;
    lookup[index] = sizeClass;
  }
  return lookup;
}
