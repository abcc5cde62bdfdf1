import { expect, test } from "bun:test";

import { KIB, MIB } from "../../src/core/limits.ts";
import { arenaShape } from "../../src/memory/arena-layout.ts";
import { CacheBudget, overallBudgetBytes } from "../../src/memory/cache-budget.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";

const shape = arenaShape({ bytesMax: 8 * MIB, workers: 3, spread: 1 });

function create(): CacheBudget[] {
  const memory = SharedMemory.reserve(shape);
  return [0, 1, 2].map((worker) => new CacheBudget(memory, worker));
}

test("CacheBudget grants no more than the sum", () => {
  const [budget] = create();
  let granted = 0;
  while (budget!.claim(16 * KIB)) granted += 16 * KIB;
  expect(granted).toBe(overallBudgetBytes(shape));
});

test("CacheBudget steals from a worker that has more than it must keep", () => {
  const [rich, poor] = create();
  while (rich!.claim(64 * KIB));
  expect(rich!.isOverdrawn).toBe(false);
  expect(poor!.claim(64 * KIB)).toBe(true);
  expect(rich!.isOverdrawn).toBe(true);
  rich!.unclaim(64 * KIB);
  expect(rich!.isOverdrawn).toBe(false);
});

test("CacheBudget leaves everybody a minimum", () => {
  const [rich, poor] = create();
  while (rich!.claim(64 * KIB));
  let stolen = 0;
  while (poor!.claim(64 * KIB)) stolen += 64 * KIB;
  expect(stolen).toBe(overallBudgetBytes(shape) - 128 * KIB);
});

test("CacheBudget.surrender gives everything back", () => {
  const [first, second] = create();
  while (first!.claim(64 * KIB));
  first!.surrender();
  let granted = 0;
  while (second!.claim(64 * KIB)) granted += 64 * KIB;
  expect(granted).toBe(overallBudgetBytes(shape));
});
