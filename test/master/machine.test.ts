import { describe, expect, test } from "bun:test";
import {
  inspectMachine,
  parseCpuQuota,
  parseFdLimit,
  parseMemoryLimit,
} from "../../src/master/machine.ts";

describe("inspectMachine", () => {
  test("finds processors, memory and descriptors", () => {
    const { processors, memoryBytes, fdLimit } = inspectMachine();
    expect(processors).toBeGreaterThanOrEqual(1);
    expect(memoryBytes).toBeGreaterThan(2 ** 20);
    expect(fdLimit).toBeGreaterThanOrEqual(64);
  });

  test("obeys the limits of a container, of either version", () => {
    const files: Record<string, string> = {
      "/sys/fs/cgroup/cpu.max": "50000 100000\n",
      "/sys/fs/cgroup/memory.max": "268435456\n",
    };
    const unified = inspectMachine((path) => files[path] ?? "");
    expect([unified.processors, unified.memoryBytes]).toEqual([1, 2 ** 28]);
    const older: Record<string, string> = {
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n",
    };
    const split = inspectMachine((path) => older[path] ?? "");
    expect([split.processors, split.memoryBytes]).toEqual([1, 2 ** 27]);
  });

  test("does without any of these files", () => {
    const { processors, memoryBytes, fdLimit } = inspectMachine(() => "");
    expect(processors).toBeGreaterThanOrEqual(1);
    expect(Number.isFinite(memoryBytes)).toBe(true);
    expect(fdLimit).toBe(10_240);
  });
});

test.each([
  ["150000 100000\n", 2],
  ["10000 100000", 1],
  ["400000 100000", 4],
  ["max 100000", Number.POSITIVE_INFINITY],
  ["-1\n 100000\n", Number.POSITIVE_INFINITY],
  ["", Number.POSITIVE_INFINITY],
  [" ", Number.POSITIVE_INFINITY],
  ["0 0", Number.POSITIVE_INFINITY],
  ["nonsense", Number.POSITIVE_INFINITY],
])("parseCpuQuota of %p is %p", (text, processors) => {
  expect(parseCpuQuota(text)).toBe(processors);
});

test.each([
  ["268435456\n", 2 ** 28],
  ["max\n", Number.POSITIVE_INFINITY],
  ["", Number.POSITIVE_INFINITY],
  ["-1", Number.POSITIVE_INFINITY],
])("parseMemoryLimit of %p is %p", (text, bytes) => expect(parseMemoryLimit(text)).toBe(bytes));

test("parseFdLimit reads the soft limit", () => {
  const head = "Limit                     Soft Limit           Hard Limit           Units     \n";
  const line = (soft: string) => `${head}Max open files            ${soft}      20000    files\n`;
  expect(parseFdLimit(line("1024"))).toBe(1024);
  expect(parseFdLimit(line("unlimited"))).toBe(Number.POSITIVE_INFINITY);
  expect(parseFdLimit(head)).toBe(10_240);
  expect(parseFdLimit("")).toBe(10_240);
});
