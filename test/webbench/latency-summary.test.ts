import { describe, expect, test } from "bun:test";
import { LatencyBuckets } from "../../src/webbench/latency-buckets.ts";
import { LatencySummary } from "../../src/webbench/latency-summary.ts";

function summaryOf(...latenciesMs: number[]): LatencySummary {
  const buckets = new LatencyBuckets();
  for (const ms of latenciesMs) buckets.record(ms);
  const summary = new LatencySummary();
  summary.addCounts(buckets.takeCounts());
  return summary;
}

const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

describe("LatencySummary", () => {
  test("gives the figures of what was recorded, to three digits", () => {
    const { count, minMs, meanMs, deviationMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = summaryOf(
      ...hundred,
    ).figures();
    expect(count).toBe(100);
    const near = (value: number, wanted: number): void =>
      expect(Math.abs(value - wanted)).toBeLessThanOrEqual(wanted / 500);
    near(minMs, 1);
    near(meanMs, 50.5);
    near(deviationMs, 28.87);
    near(p50Ms, 50);
    near(p90Ms, 90);
    near(p99Ms, 99);
    near(p999Ms, 100);
    near(maxMs, 100);
  });

  test("is all zeros when nothing was recorded", () => {
    expect(Object.values(new LatencySummary().figures()).every((value) => value === 0)).toBe(true);
  });

  test("merges: the parts together are the whole", () => {
    const merged = summaryOf(...hundred.slice(0, 30));
    merged.add(summaryOf(...hundred.slice(30)));
    merged.add(new LatencySummary());
    expect(merged.figures()).toEqual(summaryOf(...hundred).figures());
  });

  test("survives the exchange format", () => {
    const summary = summaryOf(...hundred);
    expect(LatencySummary.decode(summary.encode()).figures()).toEqual(summary.figures());
    expect(() => LatencySummary.decode("no histogram")).toThrow();
  });

  test("shareUpTo counts what is not above a latency", () => {
    const summary = summaryOf(...hundred);
    expect(summary.shareUpTo(0.5)).toBe(0);
    expect(summary.shareUpTo(25.01)).toBe(0.25);
    expect(summary.shareUpTo(1e9)).toBe(1);
    expect(new LatencySummary().shareUpTo(1)).toBe(0);
  });
});
