// Where every reserved byte of an arena is. The identity holds whenever no thread is inside the
// allocator, and is what the tests of all tiers end with:
//
//   live + cached + transfer + central free + tail waste
//     + page free + returned + metadata = reserved

import { PAGE_BYTES } from "./address.ts";
import {
  CLASS_SPANS,
  CLASS_TRANSFER_USED,
  CLASS_USE,
  HEADER_PRESSURE,
  HEADER_REFUSED,
  HEAP_COMMITTED,
  HEAP_FREE,
  WORKER_BUDGET,
  WORKER_DEFERRED,
  WORKER_LOCK_TIMEOUTS,
  WORKER_REFILLS,
  WORKER_REFUSED,
  WORKER_SPILLS,
} from "./arena-layout.ts";
import type { SharedMemory } from "./shared-memory.ts";
import { WORKER_FREE, workerState } from "./worker-registry.ts";

/** One size class, in blocks unless the name says bytes. */
export interface ClassStats {
  sizeBytes: number;
  live: number;
  cached: number;
  transfer: number;
  free: number;
  spans: number;
  /** Behind the last block of each span. */
  tailWasteBytes: number;
}

/** One worker's cache. Counts since it attached. */
export interface WorkerStats {
  worker: number;
  cachedBytes: number;
  budgetBytes: number;
  refills: number;
  spills: number;
  lockTimeouts: number;
  deferred: number;
  refused: number;
}

/** All in bytes but the counts at the end. */
export interface ArenaStats {
  reservedBytes: number;
  /** The hard limit, and what counts against it: live, cached, transfer, free, waste. */
  limitBytes: number;
  committedBytes: number;
  /** Blocks that are out, by their real sizes. */
  liveBytes: number;
  /** Of these, blocks above the size classes. */
  largeBytes: number;
  cachedBytes: number;
  transferBytes: number;
  centralFreeBytes: number;
  tailWasteBytes: number;
  pageFreeBytes: number;
  returnedBytes: number;
  metadataBytes: number;
  refused: number;
  pressures: number;
  /** Classes that hold spans. */
  classes: ClassStats[];
  workers: WorkerStats[];
}

/** Bytes of all blocks that are out: one pass over the classes, about a microsecond a worker. */
export function liveBytes(memory: SharedMemory): number {
  const { classes } = memory.layout;
  let total = largePages(memory) * PAGE_BYTES;
  for (let index = 1; index <= classes.count; index++) {
    total += liveBlocks(memory, index) * classes.bytes[index]!;
  }
  return total;
}

export function arenaStats(memory: SharedMemory): ArenaStats {
  const { words, shape, layout } = memory;
  const classes = classStats(memory);
  const sum = (of: (stats: ClassStats) => number): number =>
    classes.reduce((total, stats) => total + of(stats), 0);
  const committed = words[layout.heap + HEAP_COMMITTED]!;
  const free = words[layout.heap + HEAP_FREE]!;
  const guards = layout.segmentBytes.length;
  const large = largePages(memory) * PAGE_BYTES;
  return {
    reservedBytes: shape.pages * PAGE_BYTES + memory.metadataBytes,
    limitBytes: shape.pagesMax * PAGE_BYTES,
    committedBytes: committed * PAGE_BYTES,
    liveBytes: large + sum((stats) => stats.live * stats.sizeBytes),
    largeBytes: large,
    cachedBytes: sum((stats) => stats.cached * stats.sizeBytes),
    transferBytes: sum((stats) => stats.transfer * stats.sizeBytes),
    centralFreeBytes: sum((stats) => stats.free * stats.sizeBytes),
    tailWasteBytes: sum((stats) => stats.tailWasteBytes),
    pageFreeBytes: free * PAGE_BYTES,
    returnedBytes: (shape.pages - guards - committed) * PAGE_BYTES,
    metadataBytes: memory.metadataBytes + guards * PAGE_BYTES,
    refused: words[HEADER_REFUSED]!,
    pressures: words[HEADER_PRESSURE]!,
    classes,
    workers: workerStats(memory),
  };
}

/** The left side of the identity. */
export function accountedBytes(stats: ArenaStats): number {
  const blocks = stats.liveBytes + stats.cachedBytes + stats.transferBytes + stats.centralFreeBytes;
  return (
    blocks + stats.tailWasteBytes + stats.pageFreeBytes + stats.returnedBytes + stats.metadataBytes
  );
}

function classStats(memory: SharedMemory): ClassStats[] {
  const { words, layout } = memory;
  const { count, bytes, spanBlocks, spanPages } = layout.classes;
  const all: ClassStats[] = [];
  for (let index = 1; index <= count; index++) {
    const base = layout.classBase[index]!;
    const spans = words[base + CLASS_SPANS]!;
    if (spans === 0) continue;
    const perSpan = spanBlocks[index]!;
    all.push({
      sizeBytes: bytes[index]!,
      live: liveBlocks(memory, index),
      cached: cachedBlocks(memory, index),
      transfer: words[base + CLASS_TRANSFER_USED]!,
      free: spans * perSpan - words[base + CLASS_USE]!,
      spans,
      tailWasteBytes: spans * (spanPages[index]! * PAGE_BYTES - perSpan * bytes[index]!),
    });
  }
  return all;
}

function workerStats(memory: SharedMemory): WorkerStats[] {
  const { words, layout, shape } = memory;
  const all: WorkerStats[] = [];
  for (let worker = 0; worker < shape.workers; worker++) {
    if (workerState(memory, worker) === WORKER_FREE) continue;
    const base = layout.workerBase[worker]!;
    let cachedBytes = 0;
    for (let index = 1; index <= layout.classes.count; index++) {
      cachedBytes += words[base + layout.listOffset[index]!]! * layout.classes.bytes[index]!;
    }
    all.push({
      worker,
      cachedBytes,
      budgetBytes: words[base + WORKER_BUDGET]!,
      refills: words[base + WORKER_REFILLS]!,
      spills: words[base + WORKER_SPILLS]!,
      lockTimeouts: words[base + WORKER_LOCK_TIMEOUTS]!,
      deferred: words[base + WORKER_DEFERRED]!,
      refused: words[base + WORKER_REFUSED]!,
    });
  }
  return all;
}

function liveBlocks(memory: SharedMemory, sizeClass: number): number {
  const base = memory.layout.classBase[sizeClass]!;
  const out = memory.words[base + CLASS_USE]! - memory.words[base + CLASS_TRANSFER_USED]!;
  return out - cachedBlocks(memory, sizeClass);
}

function cachedBlocks(memory: SharedMemory, sizeClass: number): number {
  const { words, layout } = memory;
  const offset = layout.listOffset[sizeClass]!;
  let total = 0;
  for (let worker = 0; worker < layout.workerBase.length; worker++) {
    total += words[layout.workerBase[worker]! + offset]!;
  }
  return total;
}

/** What is committed and neither free nor a span of small blocks. */
function largePages(memory: SharedMemory): number {
  const { words, layout } = memory;
  const { count, spanPages } = layout.classes;
  let pages = words[layout.heap + HEAP_COMMITTED]! - words[layout.heap + HEAP_FREE]!;
  for (let index = 1; index <= count; index++) {
    pages -= words[layout.classBase[index]! + CLASS_SPANS]! * spanPages[index]!;
  }
  return pages;
}
