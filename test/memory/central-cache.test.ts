import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { CLASS_SPANS, LIST_SLOTS, arenaShape } from "../../src/memory/arena-layout.ts";
import { CentralCache } from "../../src/memory/central-cache.ts";
import { PageCache } from "../../src/memory/page-cache.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";

const SIZE_CLASS = 72; // 1,024 bytes: eight blocks a page

function create() {
  const memory = SharedMemory.reserve(arenaShape({ bytesMax: MIB, workers: 2, spread: 2 }));
  const pages = new PageCache(memory, 0);
  pages.format();
  const central = new CentralCache(memory, pages, 0);
  const list = memory.layout.workerBase[0]! + memory.layout.listOffset[SIZE_CLASS]!;
  const spans = (): number => memory.words[memory.layout.classBase[SIZE_CLASS]! + CLASS_SPANS]!;
  return { memory, pages, central, list, spans };
}

test("CentralCache fetches distinct blocks and puts the span back with the last of them", () => {
  const { memory, pages, central, list, spans } = create();
  const got = central.fetch(SIZE_CLASS, list, 64);
  const blocks = memory.words.slice(list + LIST_SLOTS, list + LIST_SLOTS + got);
  expect(got).toBeGreaterThan(0);
  expect(new Set(blocks).size).toBe(got);
  expect(spans()).toBe(1);
  expect(central.release(SIZE_CLASS, list, got)).toBe(true);
  central.drain();
  expect(spans()).toBe(0);
  expect(pages.committedPages - pages.freePages).toBe(0);
});

test("CentralCache takes from the fullest span, so that the others drain", () => {
  const { memory, central, list } = create();
  while (central.fetch(SIZE_CLASS, list, 8) > 0 && memory.words[list]! < 64);
  const blocks = [...memory.words.slice(list + LIST_SLOTS, list + LIST_SLOTS + 64)].sort(
    (a, b) => a - b,
  );
  // One block of the first span, many of the last one come back.
  for (const address of [blocks[0]!, ...blocks.slice(-5)]) {
    central.acquire(SIZE_CLASS);
    central.putBlock(SIZE_CLASS, address);
    central.unlock(SIZE_CLASS);
  }
  memory.words[list] = 0;
  expect(central.fetch(SIZE_CLASS, list, 1)).toBe(1);
  expect(memory.words[list + LIST_SLOTS]).toBe(blocks[0]);
});

test("CentralCache fetches nothing at the limit, and changes nothing", () => {
  const { memory, pages, central, list } = create();
  while (pages.allocate(1) !== 0);
  expect(central.fetch(SIZE_CLASS, list, 4)).toBe(0);
  expect(memory.words[list]).toBe(0);
});

test("CentralCache does without when its lock is not to be had", () => {
  const { memory, pages, central, list } = create();
  const got = central.fetch(SIZE_CLASS, list, 4);
  const other = new CentralCache(memory, pages, 1);
  other.acquire(SIZE_CLASS);
  expect(central.release(SIZE_CLASS, list, got)).toBe(false);
  expect(memory.words[list]).toBe(got);
  expect(central.fetch(SIZE_CLASS, list, 1)).toBe(0);
  other.unlock(SIZE_CLASS);
  expect(central.release(SIZE_CLASS, list, got)).toBe(true);
});
