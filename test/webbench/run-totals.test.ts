import { describe, expect, test } from "bun:test";
import { PHASE_GRACE, PHASE_WARM_UP } from "../../src/webbench/generator.ts";
import { answeredOf, intervalMsOf, RunTotals } from "../../src/webbench/run-totals.ts";
import { COUNT_ERROR_BASE, COUNT_SUCCEEDED } from "../../src/webbench/tally.ts";
import { countsReport } from "./sample-result.ts";

describe("RunTotals", () => {
  test("adds up processes, and measures as long as the slowest", () => {
    const totals = new RunTotals(2, 100);
    totals.add(0, countsReport({ 1: 5, 2: 1 }));
    totals.add(1, countsReport({ 1: 7 }, 2));
    totals.add(1, countsReport({ 1: 1 }, 2, { elapsedMs: 200 }));
    expect(totals.measured.row[COUNT_SUCCEEDED]).toBe(13);
    expect(answeredOf(totals.measured)).toBe(14);
    expect(totals.elapsedMs).toBe(200);
    expect(totals.cpuMs).toBe(30);
    expect(totals.openConnections).toBe(8);
    expect(totals.latencies.total.count).toBe(14);
    expect(totals.series().map(({ succeeded, failed }) => [succeeded, failed])).toEqual([
      [12, 1],
      [1, 0],
    ]);
  });

  test("keeps the warm-up apart, also from the series' time", () => {
    const totals = new RunTotals(1, 100);
    totals.add(0, countsReport({ 1: 99 }, 1, { phase: PHASE_WARM_UP, coveredMs: 100 }));
    totals.add(0, countsReport({ 1: 5 }, 1, { elapsedMs: 200 }));
    totals.add(0, countsReport({ 1: 1 }, 1, { elapsedMs: 230, coveredMs: 30, phase: PHASE_GRACE }));
    expect(answeredOf(totals.warmUp)).toBe(99);
    expect(answeredOf(totals.measured)).toBe(6);
    expect(totals.elapsedMs).toBe(130);
    expect(totals.series().map(({ succeeded }) => succeeded)).toEqual([5, 1]);
  });

  test("seals old intervals, and puts a straggler into the first that is open", () => {
    const totals = new RunTotals(2, 100);
    for (let at = 1; at <= 50; at++)
      totals.add(0, countsReport({ 1: at }, 1, { elapsedMs: at * 100 }));
    totals.add(1, countsReport({ 1: 1000 }, 1, { elapsedMs: 100 }));
    const series = totals.series();
    expect(series).toHaveLength(50);
    expect(series.map(({ succeeded }) => succeeded).reduce((a, b) => a + b)).toBe(1275 + 1000);
    expect(series[0]).toMatchObject({ timeMs: 100, lengthMs: 100, succeeded: 1 });
  });

  test("shows an interval in which nobody reported as an empty one", () => {
    const totals = new RunTotals(1, 100);
    totals.add(0, countsReport({ 1: 1 }));
    totals.add(0, countsReport({ [COUNT_ERROR_BASE]: 2 }, 1, { elapsedMs: 1000 }));
    expect(totals.series()).toHaveLength(7 + 1); // sealed up to 7, then only what there is
    expect(totals.series().at(-1)).toMatchObject({ timeMs: 1000, failed: 2 });
  });
});

test("intervalMsOf makes some hundred intervals of whole ticks, whatever the length", () => {
  expect(intervalMsOf(2_000, 100)).toBe(100);
  expect(intervalMsOf(60_000, 250)).toBe(250);
  expect(intervalMsOf(3_600_000, 500)).toBe(15_000);
  expect(intervalMsOf(Infinity, 500)).toBe(500);
});
