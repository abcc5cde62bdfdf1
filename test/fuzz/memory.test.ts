// The short forms of the allocator's fuzzers; each prints its seed when it fails.

import { describe, expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { seedOfRun } from "../support/random.ts";
import { killEverywhere } from "./memory-kill-points.ts";
import { MemoryModel } from "./memory-model.ts";

const SHAPES = [
  { name: "aligned", bytesMax: 24 * MIB },
  { name: "four segments of 8 MiB", bytesMax: 15 * MIB, segmentShift: 20 },
  { name: "geometric", bytesMax: 24 * MIB, scheme: "geometric" as const },
  { name: "checked", bytesMax: 64 * MIB, checked: true },
  { name: "at the limit", bytesMax: 4 * MIB },
];

describe("Arena against a model, the identity after every step", () => {
  test.each(SHAPES)("$name", ({ name: _name, ...shape }) => {
    const seed = seedOfRun();
    const report = new MemoryModel({ ...shape, steps: 600, seed, auditEvery: 1 }).run();
    expect(report.acquired).toBeGreaterThan(0);
  });

  test.each(SHAPES)("$name, longer", ({ name: _name, ...shape }) => {
    const seed = seedOfRun();
    const report = new MemoryModel({ ...shape, steps: 8_000, seed, auditEvery: 500 }).run();
    expect(report.deaths).toBeGreaterThan(0);
    expect(report.faults).toBeGreaterThan(0);
  });
});

test("Recovery makes the arena whole after a death at any store", async () => {
  const report = await killEverywhere(211, seedOfRun());
  expect(report.places).toBeGreaterThan(100);
  expect(report.kills).toBeGreaterThan(20);
  expect(report.locksBroken).toBeGreaterThan(0);
});
