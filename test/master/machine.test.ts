import { expect, test } from "bun:test";
import { inspectMachine, parseFdLimit } from "../../src/master/machine.ts";

test("inspectMachine finds processors and descriptors", () => {
  const { processors, fdLimit } = inspectMachine();
  expect(processors).toBeGreaterThanOrEqual(1);
  expect(fdLimit).toBeGreaterThanOrEqual(64);
});

test("parseFdLimit reads the soft limit", () => {
  const head = "Limit                     Soft Limit           Hard Limit           Units     \n";
  const line = (soft: string) => `${head}Max open files            ${soft}      20000    files\n`;
  expect(parseFdLimit(line("1024"))).toBe(1024);
  expect(parseFdLimit(line("unlimited"))).toBe(Number.POSITIVE_INFINITY);
  expect(parseFdLimit(head)).toBe(10_240);
  expect(parseFdLimit("")).toBe(10_240);
});
