import { describe, expect, test } from "bun:test";
import { RESULT_FORMAT } from "../../src/webbench/run-result.ts";
import { COUNT_BYTES_IN, COUNT_ERROR_BASE, ERROR_RESET } from "../../src/webbench/tally.ts";
import { LatencySummary } from "../../src/webbench/latency-summary.ts";
import { countsReport, sampleResult } from "./sample-result.ts";

describe("resultOf", () => {
  const result = sampleResult([
    countsReport({ 0: 12, 1: 9, 2: 1, [COUNT_BYTES_IN]: 500, [COUNT_ERROR_BASE + ERROR_RESET]: 2 }),
  ]);

  test("tells successes, bad statuses and errors apart", () => {
    expect(result.requests).toMatchObject({ begun: 12, succeeded: 9, failedStatus: 1, failed: 3 });
    expect(result.requests.errors).toMatchObject({ reset: 2, refused: 0 });
    expect(result.statuses).toEqual({ "200": 9, "500": 1 });
  });

  test("counts whole answers per second of measuring", () => {
    expect(result.elapsedMs).toBe(100);
    expect(result.perSecond).toEqual({ requests: 100, bytesIn: 5_000 });
    expect(result.generator).toMatchObject({ cpuMs: 10, cpuUsPerRequest: 1_000, busy: 0.1 });
  });

  test("can be written and read as JSON, with histograms that merge", () => {
    const again = JSON.parse(JSON.stringify(result)) as typeof result;
    expect(again).toEqual(result);
    expect(again.format).toBe(RESULT_FORMAT);
    expect(LatencySummary.decode(again.histograms.total).count).toBe(10);
  });

  test("cuts the last interval where the run ended", () => {
    const { series } = sampleResult([
      countsReport({ 1: 10 }),
      countsReport({ 1: 5 }, 1, { elapsedMs: 150, coveredMs: 50 }),
    ]);
    expect(series.map(({ timeMs, lengthMs }) => [timeMs, lengthMs])).toEqual([
      [100, 100],
      [150, 50],
    ]);
  });

  test("is whole when nothing happened at all", () => {
    const { perSecond, series, generator } = sampleResult([]);
    expect([perSecond.requests, series.length, generator.busy]).toEqual([0, 0, 0]);
  });
});
