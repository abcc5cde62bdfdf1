import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { arenaShape } from "../../src/memory/arena-layout.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { SpanLists, listOf } from "../../src/memory/span-lists.ts";
import { SPAN_FREE, SpanTable } from "../../src/memory/span-table.ts";

function create(): SpanLists {
  const shape = arenaShape({ bytesMax: 64 * MIB, workers: 1, spread: 1 });
  const memory = SharedMemory.reserve(shape);
  return new SpanLists(memory, new SpanTable(memory), 0, SPAN_FREE);
}

test("listOf is exact up to 128 pages, then one list a power of two", () => {
  expect([1, 127, 128].map(listOf)).toEqual([1, 127, 128]);
  expect([129, 255, 256, 511, 512].map(listOf)).toEqual([129, 129, 130, 130, 131]);
  expect(listOf(2 ** 21)).toBeLessThan(160);
});

test("SpanLists finds the smallest span that fits", () => {
  const lists = create();
  expect(lists.find(1)).toBe(0);
  lists.insert(1000, 40);
  lists.insert(2000, 10);
  lists.insert(3000, 300);
  expect([1, 10, 11, 40, 41, 300, 301].map((pages) => lists.find(pages))).toEqual([
    2000, 2000, 1000, 1000, 3000, 3000, 0,
  ]);
});

test("SpanLists takes the best of a long list, of equals the lowest", () => {
  const lists = create();
  lists.insert(5000, 200);
  lists.insert(1000, 180);
  lists.insert(2000, 150);
  lists.insert(3000, 180);
  expect(lists.find(160)).toBe(1000);
  expect(lists.find(150)).toBe(2000);
  expect(lists.find(190)).toBe(5000);
  expect(lists.find(250)).toBe(0);
});

test("SpanLists forgets a span that is removed, and refuses one that is not listed", () => {
  const lists = create();
  lists.insert(1000, 40);
  lists.remove(1000);
  lists.insert(2000, 40);
  expect(lists.find(1)).toBe(2000);
  expect(() => lists.remove(3000)).toThrow("must be in the list");
  lists.clear();
  expect(lists.find(1)).toBe(0);
});
