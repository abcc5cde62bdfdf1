// The short forms of the allocator's fuzzers; each prints its seed when it fails.

import { describe, expect, test } from "bun:test";

import { KIB, MIB } from "../../src/core/limits.ts";
import { seedOfRun } from "../support/random.ts";
import { killEverywhere } from "./memory-kill-points.ts";
import { MemoryModel } from "./memory-model.ts";
import { killAtRandom, stress } from "./memory-stress.ts";
import { explore, type Mutation } from "./memory-schedules.ts";
import { runTier } from "./memory-tiers.ts";

const SHAPES = [
  { name: "aligned", bytesMax: 24 * MIB },
  { name: "four segments of 8 MiB", bytesMax: 15 * MIB, segmentShift: 20 },
  { name: "geometric", bytesMax: 24 * MIB, scheme: "geometric" as const },
  { name: "checked", bytesMax: 64 * MIB, checked: true },
  { name: "at the limit", bytesMax: 4 * MIB },
  { name: "smallest", bytesMax: 256 * KIB },
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

describe("lock and transfer cache under every schedule", () => {
  test("two threads, three preemptions: nothing is lost, nobody sleeps for ever", () => {
    const report = explore(3, 2);
    expect(report.failure).toBeUndefined();
    expect(report.schedules).toBeGreaterThan(1000);
  });

  test("three threads, one preemption", () => {
    expect(explore(1, 3).failure).toBeUndefined();
  });

  const planted: [string, Mutation, string][] = [
    [
      "an unlock that looks before it lets go",
      {
        file: "lock.ts",
        from: "const held = Atomics.exchange(words, at, 0);",
        to: "const held = Atomics.load(words, at); Atomics.store(words, at, 0);",
      },
      "deadlock",
    ],
    [
      "a lock that looks before it takes",
      {
        file: "lock.ts",
        from: "if (Atomics.compareExchange(words, at, 0, holder) === 0) return true;",
        to: "if (Atomics.load(words, at) === 0) { Atomics.store(words, at, holder); return true; }",
      },
      "two threads hold the lock",
    ],
    [
      "a waiter that takes the lock and forgets the other sleepers",
      {
        file: "lock.ts",
        from: "Atomics.compareExchange(words, at, 0, holder | LOCK_CONTENDED) === 0",
        to: "Atomics.compareExchange(words, at, 0, holder) === 0",
      },
      "deadlock",
    ],
    [
      "a transfer cache that forgets what it held",
      {
        file: "transfer-cache.ts",
        from: "words[base + CLASS_TRANSFER_USED] = used + moved;",
        to: "words[base + CLASS_TRANSFER_USED] = moved;",
      },
      "lost or doubled",
    ],
  ];
  test.each(planted)("finds %s", (_name, mutation, failure) => {
    const threads = failure === "deadlock" ? 3 : 2;
    expect(explore(2, threads, mutation).failure).toContain(failure);
  });
});

describe("Arena under real workers", () => {
  test.each(["mstress", "xmalloc", "larson"] as const)(
    "%s loses and corrupts nothing",
    async (load) => {
      const report = await stress(load, 5_000, seedOfRun());
      expect(report.operations).toBe(10_000);
    },
  );

  test("survives workers that are terminated at random moments", async () => {
    const report = await killAtRandom(5, seedOfRun());
    expect(report.kills).toBe(5);
    expect(report.survivorOperations).toBeGreaterThan(0);
  });
});

describe("each tier against a shadow of its own", () => {
  test.each(["pages", "central", "thread"] as const)("%s", (tier) => {
    const report = runTier(tier, 10_000, seedOfRun());
    expect(report.served).toBeGreaterThan(1000);
  });
});

test("examples/shared-memory.ts passes every message without a copy", async () => {
  const example = new URL("../../examples/shared-memory.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, example, "3000"], { stdout: "pipe" });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  expect(text).toContain(" 0 bytes still in use");
});

test("examples/shared-memory.ts says how it is run when it is given no number", () => {
  const example = new URL("../../examples/shared-memory.ts", import.meta.url).pathname;
  for (const wrong of ["many", "-5", "0", "1.5", "--help"]) {
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, example, wrong]);
    expect([exitCode, stderr.toString()]).toEqual([1, expect.stringMatching(/^usage: .*\n$/)]);
  }
});
