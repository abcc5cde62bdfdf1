import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { arenaShape } from "../../src/memory/arena-layout.ts";
import { PageCache } from "../../src/memory/page-cache.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { canReleasePages } from "../../src/memory/system-memory.ts";

function create(bytesMax: number = 8 * MIB): { memory: SharedMemory; pages: PageCache } {
  const memory = SharedMemory.reserve(arenaShape({ bytesMax, workers: 2, spread: 2 }));
  const pages = new PageCache(memory, 0);
  pages.format();
  return { memory, pages };
}

test("PageCache fetches 128 pages at a time and splits them", () => {
  const { pages } = create();
  const first = pages.allocate(3);
  const second = pages.allocate(5);
  expect(second).toBe(first + 3);
  expect(pages.committedPages).toBe(128);
  expect(pages.freePages).toBe(120);
});

test("PageCache merges neighbours in any order, up to 128 pages", () => {
  const { pages } = create();
  const parts = [10, 20, 30, 68].map((length) => pages.allocate(length));
  for (const index of [1, 3, 0, 2]) pages.put(parts[index]!);
  expect(pages.freePages).toBe(128);
  expect(pages.allocate(128)).toBe(parts[0]!);
});

test("PageCache cuts what is longer than 128 pages from the system tier, and gives it back", () => {
  const { pages } = create();
  const page = pages.allocate(300);
  expect(pages.committedPages).toBe(300);
  pages.put(page);
  expect(pages.committedPages).toBe(0);
});

test("PageCache refuses what is above the limit, and merges what is free before it refuses", () => {
  const { memory, pages } = create();
  const { pagesMax } = memory.shape;
  expect(pages.allocate(pagesMax + 1)).toBe(0);
  const parts = Array.from({ length: Math.floor(pagesMax / 64) }, () => pages.allocate(64));
  expect(pages.allocate(64)).toBe(0);
  for (const page of parts) pages.put(page);
  expect(pages.allocate(pagesMax)).toBeGreaterThan(0);
});

test("PageCache does not hand out guards between segments", () => {
  const shape = arenaShape({ bytesMax: 12 * MIB, workers: 1, spread: 1, segmentShift: 19 });
  const memory = SharedMemory.reserve(shape);
  const pages = new PageCache(memory, 0);
  pages.format();
  const seen: number[] = [];
  for (let page = pages.allocate(1); page !== 0; page = pages.allocate(1)) seen.push(page);
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.every((page) => page % 512 !== 0)).toBe(true);
  expect(seen).toHaveLength(shape.pagesMax);
});

test("PageCache gives idle spans of 1 MiB back after two ticks, shorter ones if asked", () => {
  const { pages } = create();
  const long = pages.allocate(128);
  const short = pages.allocate(64);
  pages.put(long);
  pages.put(short);
  pages.scavenge();
  expect(pages.scavenge()).toBeGreaterThanOrEqual(canReleasePages() ? 128 : 0);
  pages.allocate(1);
  expect(pages.freePages).toBeGreaterThan(0);
  expect(pages.release(1, 0)).toBeGreaterThan(0);
  expect(pages.freePages).toBe(0);
});

test("PageCache gives back pieces that cannot merge to 128 pages, once they stayed free", () => {
  const { pages } = create();
  const [first, second, third, fourth] = [100, 28, 50, 78].map((length) => pages.allocate(length));
  for (const page of [second, third, first, fourth]) pages.put(page!);
  for (let tick = 0; tick < 9; tick++) expect(pages.scavenge()).toBe(0); // might be wanted again
  expect(pages.freePages).toBe(256);
  let given = 0;
  for (let tick = 0; tick < 3; tick++) given += pages.scavenge();
  expect([given, pages.freePages, pages.committedPages]).toEqual([256, 0, 0]);
});

test("PageCache keeps a span for later when the lock is not to be had", () => {
  const { memory, pages } = create();
  const page = pages.allocate(10);
  const other = new PageCache(memory, 1);
  other.acquire();
  pages.put(page);
  expect(pages.allocate(1)).toBe(0);
  other.unlock();
  expect(pages.allocate(10)).toBe(page);
});

test("PageCache takes back only what is detached", () => {
  const { pages } = create();
  const page = pages.allocate(2);
  pages.put(page);
  expect(() => pages.put(page)).toThrow("only a detached span");
});
