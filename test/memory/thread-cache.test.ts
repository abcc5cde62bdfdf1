import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { LIST_MAX, WORKER_DEFERRED, arenaShape } from "../../src/memory/arena-layout.ts";
import { CentralCache } from "../../src/memory/central-cache.ts";
import { PageCache } from "../../src/memory/page-cache.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { ThreadCache } from "../../src/memory/thread-cache.ts";

const SIZE_CLASS = 72; // 1,024 bytes

function create() {
  const memory = SharedMemory.reserve(arenaShape({ bytesMax: 32 * MIB, workers: 2, spread: 2 }));
  const pages = new PageCache(memory, 0);
  pages.format();
  const central = new CentralCache(memory, pages, 0);
  const cache = new ThreadCache(memory, central, 0);
  const base = memory.layout.workerBase[0]!;
  const max = (): number => memory.words[base + memory.layout.listOffset[SIZE_CLASS]! + LIST_MAX]!;
  return { memory, pages, central, cache, base, max };
}

test("ThreadCache starts slowly: a class that is used once holds next to nothing", () => {
  const { cache, max } = create();
  cache.free(cache.allocate(1024));
  expect(max()).toBeLessThanOrEqual(2);
  expect(cache.cachedBytes).toBeLessThanOrEqual(2048);
});

test("ThreadCache lets a list grow with its use, up to its bound", () => {
  const { memory, cache, max } = create();
  for (let round = 0; round < 30; round++) {
    const blocks = Array.from({ length: 3000 }, () => cache.allocate(1024));
    for (const address of blocks) cache.free(address);
  }
  expect(max()).toBeGreaterThan(128);
  expect(max()).toBeLessThanOrEqual(memory.layout.listMax[SIZE_CLASS]!);
});

test("ThreadCache.flush leaves nothing behind", () => {
  const { cache, central, pages } = create();
  const blocks = Array.from({ length: 500 }, (_, index) => cache.allocate(57 + index));
  for (const address of blocks) expect(cache.free(address)).toBe(true);
  cache.flush();
  central.drain();
  expect(cache.cachedBytes).toBe(0);
  expect(pages.committedPages).toBe(pages.freePages);
});

test.each([0, -1, 7, 2 ** 31 - 1, 0.5, Number.NaN])("ThreadCache.free refuses %d", (address) => {
  expect(create().cache.free(address)).toBe(false);
});

test("ThreadCache keeps what it cannot hand back, and hands it back later", () => {
  const { memory, pages, cache, central, base } = create();
  const { listMax } = memory.layout;
  const blocks = Array.from({ length: 40 }, () => cache.allocate(65_536));
  const other = new CentralCache(memory, pages, 1);
  const largest = memory.layout.classes.count;
  other.acquire(largest);
  const some = blocks.splice(0, 3);
  for (const address of some) expect(cache.free(address)).toBe(true);
  other.unlock(largest);
  for (const address of blocks) cache.free(address);
  cache.flush();
  central.drain();
  expect(listMax[largest]!).toBeGreaterThan(0);
  expect(memory.words[base + WORKER_DEFERRED]!).toBeGreaterThanOrEqual(0);
  expect(pages.committedPages).toBe(pages.freePages);
});
