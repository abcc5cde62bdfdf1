import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import {
  CLASS_USE,
  HEAP_COMMITTED,
  HEAP_LOCK,
  LIST_SLOTS,
  RECORD_USE,
} from "../../src/memory/arena-layout.ts";
import { auditArena } from "../../src/memory/arena-audit.ts";
import { Arena } from "../../src/memory/arena.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { SpanTable } from "../../src/memory/span-table.ts";

function create(): { memory: SharedMemory; address: number; list: number } {
  const arena = Arena.create({ bytesMax: 8 * MIB });
  const blocks = Array.from({ length: 50 }, () => arena.acquire(1024));
  for (const block of blocks.slice(1)) arena.release(block);
  const memory = new SharedMemory(arena.handle);
  const list = memory.layout.workerBase[0]! + memory.layout.listOffset[72]!;
  return { memory, address: blocks[0]!, list };
}

type World = ReturnType<typeof create>;

const DAMAGES: [string, (world: World) => void][] = [
  ["a mark that says free", ({ memory, address }) => (memory.marks[address >> 3] = 1)],
  ["a mark that is gone", ({ memory, address }) => (memory.marks[address >> 3] = 0)],
  ["a page without its class", ({ memory, address }) => (memory.pageClass[address >> 10] = 0)],
  ["a block listed twice", ({ memory, list }) => copySlot(memory, list)],
  ["a list that lost a block", ({ memory, list }) => memory.words[list]!--],
  ["a wrong use count", ({ memory, address }) => damageUse(memory, address)],
  ["a class count", ({ memory }) => memory.words[memory.layout.classBase[72]! + CLASS_USE]!++],
  ["committed pages", ({ memory }) => memory.words[memory.layout.heap + HEAP_COMMITTED]!++],
  ["a lock that is held", ({ memory }) => (memory.words[memory.layout.heap + HEAP_LOCK] = 3)],
];

test("auditArena accepts a sound arena", () => {
  auditArena(create().memory);
});

test.each(DAMAGES)("auditArena finds %s", (_name, damage) => {
  const world = create();
  damage(world);
  expect(() => auditArena(world.memory)).toThrow();
});

function copySlot(memory: SharedMemory, list: number): void {
  memory.words[list + LIST_SLOTS] = memory.words[list + LIST_SLOTS + 1]!;
}

function damageUse(memory: SharedMemory, address: number): void {
  const spans = new SpanTable(memory);
  memory.words[spans.record(spans.head(address >> 10)) + RECORD_USE]!--;
}
