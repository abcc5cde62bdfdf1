import { describe, expect, test } from "bun:test";
import { ArrivalPlan } from "../../src/webbench/arrival-plan.ts";
import type { Stage } from "../../src/webbench/load-plan.ts";
import { randomSource } from "../../src/webbench/random-source.ts";

function arrivals(startAt: number, stages: readonly Stage[], phase = 0, seed?: number): number[] {
  const random = seed === undefined ? null : randomSource(seed);
  const plan = new ArrivalPlan({ startAt, stages, phase, random });
  const times: number[] = [];
  for (; plan.nextMs < Infinity; plan.advance()) times.push(plan.nextMs);
  return times;
}

describe("ArrivalPlan", () => {
  test("keeps constant distances at a constant rate", () => {
    const times = arrivals(100, [{ ms: 1000, to: 100 }]);
    expect(times).toHaveLength(100);
    times.forEach((ms, index) => expect(ms).toBeCloseTo(index * 10, 9));
  });

  test("of several processes that share a rate takes turns with the others", () => {
    const all = [0, 1, 2, 3].flatMap((index) => arrivals(25, [{ ms: 1000, to: 25 }], index / 4));
    const sorted = all.toSorted((a, b) => a - b);
    expect(sorted).toHaveLength(100);
    sorted.forEach((ms, index) => expect(ms).toBeCloseTo(index * 10, 6));
  });

  test("follows a ramp: as many arrivals as the area below it", () => {
    const times = arrivals(0, [
      { ms: 1000, to: 1000 },
      { ms: 1000, to: 0 },
    ]);
    expect(times).toHaveLength(1000);
    const within = (from: number, to: number): number =>
      times.filter((ms) => ms >= from && ms < to).length;
    expect(Math.abs(within(0, 500) - 125)).toBeLessThanOrEqual(1);
    expect(Math.abs(within(500, 1000) - 375)).toBeLessThanOrEqual(1);
    expect(Math.abs(within(1500, 2000) - 125)).toBeLessThanOrEqual(1);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test("passes over a pause", () => {
    const times = arrivals(10, [
      { ms: 1000, to: 10 },
      { ms: 0, to: 0 },
      { ms: 1000, to: 0 },
      { ms: 0, to: 10 },
      { ms: 1000, to: 10 },
    ]);
    expect(times).toHaveLength(20);
    expect(times.filter((ms) => ms > 1000 && ms < 2000)).toEqual([]);
  });

  test("as a Poisson process has the rate, and distances that scatter like it", () => {
    const seed = 11;
    const times = arrivals(1000, [{ ms: 20_000, to: 1000 }], 0, seed);
    expect([seed, Math.abs(times.length - 20_000) < 600]).toEqual([seed, true]);
    const gaps = times.slice(1).map((ms, index) => ms - times[index]!);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    expect(Math.sqrt(variance) / mean).toBeCloseTo(1, 1); // exponential: deviation = mean
    expect(arrivals(1000, [{ ms: 20_000, to: 1000 }], 0, seed)).toEqual(times);
  });

  test("skipTo counts what it passes", () => {
    const stages = [{ ms: 1000, to: 100 }];
    const plan = new ArrivalPlan({ startAt: 100, stages, phase: 0, random: null });
    expect(plan.skipTo(0)).toBe(0);
    expect(plan.skipTo(501)).toBe(51);
    expect(plan.skipTo(501)).toBe(0);
    expect(plan.skipTo(1e9)).toBe(49);
    expect(plan.nextMs).toBe(Infinity);
  });

  test("without a rate has no arrivals", () => {
    expect(arrivals(0, [{ ms: 1000, to: 0 }])).toEqual([]);
  });
});
