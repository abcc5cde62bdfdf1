import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { arenaShape } from "../../src/memory/arena-layout.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";

const shape = arenaShape({ bytesMax: 20 * MIB, workers: 2, spread: 1, segmentShift: 20 });

test("SharedMemory sees the same bytes through a posted handle", () => {
  const memory = SharedMemory.reserve(shape);
  const other = new SharedMemory(structuredClone(memory.handle));
  memory.words[40] = 7;
  memory.marks[9] = 8;
  memory.tinyMarks[9] = 9;
  expect([other.words[40], other.marks[9], other.tinyMarks[9]]).toEqual([7, 8, 9]);
});

test("SharedMemory views an address in its own segment", () => {
  const memory = SharedMemory.reserve(shape);
  const address = (2 << 20) + 5;
  memory.view(address, 16).fill(0x77);
  expect(memory.segmentOf(address)).toBe(2);
  expect(memory.segments[2]!.subarray(40, 56).every((byte) => byte === 0x77)).toBe(true);
  memory.fill(address, 8, 0x11);
  expect(memory.view(address, 16)[7]).toBe(0x11);
  expect(memory.view(address, 16)[8]).toBe(0x77);
});

test("SharedMemory keeps no generations unless the arena is checked", () => {
  expect(SharedMemory.reserve(shape).generations).toHaveLength(0);
  const checked = SharedMemory.reserve({ ...shape, checked: true });
  expect(checked.generations).toHaveLength(checked.marks.length);
});
