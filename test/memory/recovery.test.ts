import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { auditArena } from "../../src/memory/arena-audit.ts";
import { Arena } from "../../src/memory/arena.ts";
import { lock } from "../../src/memory/lock.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";

function create(): { arena: Arena; dead: Arena; memory: SharedMemory } {
  const arena = Arena.create({ bytesMax: 16 * MIB, workers: 3 });
  const dead = Arena.attach(arena.handle, { worker: 2 });
  return { arena, dead, memory: new SharedMemory(arena.handle) };
}

test("Recovery breaks every lock of the dead worker, and no other's", () => {
  const { arena, memory } = create();
  const { classBase, heap } = memory.layout;
  lock(memory.words, heap, 3);
  lock(memory.words, classBase[10]!, 3);
  lock(memory.words, classBase[20]!, 3);
  lock(memory.words, classBase[30]!, 2);
  expect(arena.recover(2).locks).toBe(3);
  expect(memory.words[classBase[30]!]).toBe(2);
  memory.words[classBase[30]!] = 0;
  auditArena(memory);
});

test("Recovery returns the cache and the blocks of a dead worker, of every kind", () => {
  const { arena, dead, memory } = create();
  const sizes = [8, 64, 1024, 65_536, 100_000, 2 * MIB];
  for (const bytes of sizes) dead.acquire(bytes);
  for (let index = 0; index < 100; index++) dead.release(dead.acquire(512));
  const report = arena.recover(2);
  expect(report.ownedBlocks).toBe(sizes.length);
  expect(report.ownedBytes).toBeGreaterThanOrEqual(sizes.reduce((sum, bytes) => sum + bytes, 0));
  expect(report.cachedBlocks).toBeGreaterThan(0);
  expect(arena.bytesInUse).toBe(0);
  auditArena(memory);
});

test("Recovery leaves the blocks of others alone, wherever they were released", () => {
  const { arena, dead, memory } = create();
  const mine = Array.from({ length: 300 }, () => arena.acquire(256));
  for (const address of mine.splice(0, 100)) dead.release(address);
  arena.recover(2);
  expect(mine.every((address) => arena.isLive(address))).toBe(true);
  for (const address of mine) arena.release(address);
  auditArena(memory);
});

test("Recovery twice in a row finds nothing the second time", () => {
  const { arena, dead } = create();
  dead.acquire(64);
  expect(arena.recover(2).ownedBlocks).toBe(1);
  expect(arena.recover(2).ownedBlocks).toBe(0);
});

test("Recovery takes over the quarantine of a checked arena", () => {
  const arena = Arena.create({ bytesMax: 32 * MIB, workers: 2, checked: true });
  const dead = Arena.attach(arena.handle, { worker: 1 });
  for (const bytes of [10, 1000, 100_000]) dead.release(dead.acquire(bytes));
  expect(arena.bytesInUse).toBeGreaterThan(0);
  arena.recover(1);
  expect(arena.bytesInUse).toBe(0);
});
