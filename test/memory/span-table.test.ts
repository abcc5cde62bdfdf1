import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { HEAP_LISTS, arenaShape } from "../../src/memory/arena-layout.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { SPAN_DETACHED, SPAN_FREE, SPAN_LARGE, SpanTable } from "../../src/memory/span-table.ts";

const memory = SharedMemory.reserve(arenaShape({ bytesMax: 8 * MIB, workers: 1, spread: 1 }));
const spans = new SpanTable(memory);
const list: number = memory.layout.heap + HEAP_LISTS;

test("SpanTable knows bounds, kind and owner", () => {
  spans.setBounds(10, 5);
  spans.setKind(10, SPAN_DETACHED, 200);
  expect(spans.length(10)).toBe(5);
  expect([spans.head(10), spans.head(14)]).toEqual([10, 10]);
  expect([spans.kind(10), spans.owner(10)]).toEqual([SPAN_DETACHED, 200]);
  spans.setInterior(10, 5);
  expect([11, 12, 13].map((page) => spans.head(page))).toEqual([10, 10, 10]);
});

test("SpanTable: in use is what carries a kind from detached on", () => {
  for (const [kind, inUse] of [
    [0, false],
    [SPAN_FREE, false],
    [SPAN_DETACHED, true],
    [SPAN_LARGE, true],
  ] as const) {
    spans.setKind(20, kind);
    expect(spans.isInUse(20)).toBe(inUse);
  }
});

test("SpanTable links and unlinks at either end and in the middle", () => {
  const walk = (): number[] => {
    const pages: number[] = [];
    for (let page = memory.words[list]!; page !== 0; page = spans.next(page)) pages.push(page);
    return pages;
  };
  for (const page of [30, 31, 32, 33]) spans.link(list, page);
  expect(walk()).toEqual([33, 32, 31, 30]);
  spans.unlink(list, 31);
  spans.unlink(list, 33);
  spans.unlink(list, 30);
  expect(walk()).toEqual([32]);
  spans.unlink(list, 32);
  expect(walk()).toEqual([]);
});
