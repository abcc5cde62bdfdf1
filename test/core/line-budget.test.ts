import { expect, test } from "bun:test";
import { LINES_PER_WINDOW_MAX } from "../../src/core/limits.ts";
import { LineBudget } from "../../src/core/line-budget.ts";
import { createLog } from "../../src/core/log.ts";

test("LineBudget admits so many in a window, counts the rest, and begins anew", () => {
  const log: string[] = [];
  const budget = new LineBudget(
    createLog({ write: (line) => void log.push(line.slice(25)) }),
    "slow requests",
  );
  const admitted = (count: number): number =>
    Array.from({ length: count }, () => budget.admit()).filter(Boolean).length;
  expect(admitted(LINES_PER_WINDOW_MAX)).toBe(LINES_PER_WINDOW_MAX);
  expect(admitted(1000)).toBe(0);
  budget.endWindow();
  expect(log).toEqual(["warn 1000 more slow requests were left out\n"]);
  expect(admitted(LINES_PER_WINDOW_MAX)).toBe(LINES_PER_WINDOW_MAX);
  budget.endWindow();
  budget.endWindow();
  expect(log).toHaveLength(1);
});
