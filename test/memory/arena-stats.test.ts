import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { accountedBytes, arenaStats, liveBytes } from "../../src/memory/arena-stats.ts";
import { Arena } from "../../src/memory/arena.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";

test("arenaStats accounts for every reserved byte, wherever it is", () => {
  const arena = Arena.create({ bytesMax: 32 * MIB });
  const memory = new SharedMemory(arena.handle);
  const held: number[] = [];
  for (let bytes = 1; bytes < 200_000; bytes = Math.ceil(bytes * 1.3)) {
    held.push(arena.acquire(bytes));
    const stats = arenaStats(memory);
    expect(accountedBytes(stats)).toBe(stats.reservedBytes);
    expect(stats.liveBytes).toBe(liveBytes(memory));
  }
  for (const address of held.splice(0, 20)) arena.release(address);
  const stats = arenaStats(memory);
  expect(accountedBytes(stats)).toBe(stats.reservedBytes);
  expect(stats.liveBytes).toBe(held.reduce((sum, address) => sum + arena.sizeOf(address), 0));
});

test("arenaStats names classes by size, and workers that are attached", () => {
  const arena = Arena.create({ bytesMax: 8 * MIB, workers: 3 });
  arena.acquire(1000);
  Arena.attach(arena.handle, { worker: 2 });
  const { classes, workers, largeBytes } = arena.stats();
  expect(classes.map(({ sizeBytes, live }) => [sizeBytes, live])).toEqual([[1008, 1]]);
  expect(workers.map(({ worker }) => worker)).toEqual([0, 2]);
  expect(largeBytes).toBe(0);
});
