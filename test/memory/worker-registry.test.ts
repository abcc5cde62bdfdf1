import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { arenaShape } from "../../src/memory/arena-layout.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import {
  WORKER_DEAD,
  WORKER_FREE,
  claimWorker,
  liveWorkers,
  markDead,
  releaseWorker,
  workerState,
} from "../../src/memory/worker-registry.ts";

const create = (): SharedMemory =>
  SharedMemory.reserve(arenaShape({ bytesMax: MIB, workers: 3, spread: 1 }));

test("claimWorker gives each number once, the lowest first", () => {
  const memory = create();
  expect(claimWorker(memory, 1)).toBe(1);
  expect([claimWorker(memory), claimWorker(memory)]).toEqual([0, 2]);
  expect(liveWorkers(memory)).toBe(3);
  expect(() => claimWorker(memory)).toThrow("all 3 worker numbers are taken");
  expect(() => claimWorker(memory, 1)).toThrow("the number is taken");
  releaseWorker(memory, 1);
  expect(claimWorker(memory)).toBe(1);
});

test.each([-1, 3, 1.5, Number.NaN])("claimWorker refuses %d", (worker) => {
  expect(() => claimWorker(create(), worker)).toThrow(RangeError);
});

test("a dead worker's number is not free until it is released", () => {
  const memory = create();
  claimWorker(memory, 0);
  expect(markDead(memory, 0)).toBe(true);
  expect(workerState(memory, 0)).toBe(WORKER_DEAD);
  expect(() => claimWorker(memory, 0)).toThrow("the number is taken");
  releaseWorker(memory, 0);
  expect(workerState(memory, 0)).toBe(WORKER_FREE);
  expect(markDead(memory, 0)).toBe(false);
});
