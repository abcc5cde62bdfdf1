import { expect, test } from "bun:test";
import { FIGURES, unknownFigure } from "../../src/webbench/figure-names.ts";
import { COUNT_ERROR_BASE, ERROR_NAMES } from "../../src/webbench/tally.ts";
import { countsReport, sampleResult } from "./sample-result.ts";

test("FIGURES have a name each, and a number in every result", () => {
  const names = FIGURES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const result of [sampleResult([]), sampleResult([countsReport({ 1: 3 })])]) {
    for (const { name, read } of FIGURES)
      expect([name, Number.isFinite(read(result))]).toEqual([name, true]);
  }
});

test("errors is the sum of all kinds", () => {
  const counts = Object.fromEntries(
    ERROR_NAMES.map((_, kind) => [COUNT_ERROR_BASE + kind, 2 ** kind]),
  );
  const errors = FIGURES.find(({ name }) => name === "errors")!;
  expect(errors.read(sampleResult([countsReport(counts)]))).toBe(2 ** ERROR_NAMES.length - 1);
});

test("unknownFigure lists what is known", () => {
  expect(unknownFigure("p98")).toContain("p99.9");
});
