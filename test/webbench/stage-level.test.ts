import { expect, test } from "bun:test";
import { levelAt, levelMax, stagesMs } from "../../src/webbench/stage-level.ts";

const stages = [
  { ms: 100, to: 10 },
  { ms: 50, to: 10 },
  { ms: 100, to: 0 },
];

test("levelAt moves on straight lines, and stays where it ends", () => {
  const times = [0, 25, 100, 149, 200, 250, 1e9];
  expect(times.map((ms) => levelAt(0, stages, ms))).toEqual([0, 2.5, 10, 10, 5, 0, 0]);
  expect(levelAt(20, stages, 50)).toBe(15);
});

test("stagesMs and levelMax are the length and the height", () => {
  expect(stagesMs(stages)).toBe(250);
  expect([levelMax(0, stages), levelMax(99, stages)]).toEqual([10, 99]);
});
