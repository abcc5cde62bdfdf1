import { describe, expect, test } from "bun:test";
import { build } from "hdr-histogram-js";
import {
  bucketOf,
  LatencyBuckets,
  UNITS_MAX,
  UNITS_PER_MS,
  unitsOf,
} from "../../src/webbench/latency-buckets.ts";
import { randomSource } from "../../src/webbench/random-source.ts";

const EDGES = [
  0,
  1,
  2047,
  2048,
  2049,
  4095,
  4096,
  4099,
  1 << 20,
  (1 << 30) - 1,
  1 << 30,
  UNITS_MAX,
];

describe("bucketOf", () => {
  test("keeps three digits over the whole range, and grows with its value", () => {
    let before = -1;
    for (const units of EDGES) {
      const bucket = bucketOf(units);
      expect(bucket).toBeGreaterThanOrEqual(before);
      expect(unitsOf(bucket)).toBeLessThanOrEqual(units);
      expect(units - unitsOf(bucket)).toBeLessThanOrEqual(units / 1000);
      before = bucket;
    }
  });

  test("has HdrHistogram's own layout", () => {
    const theirs = build({
      bitBucketSize: 64,
      lowestDiscernibleValue: 1,
      highestTrackableValue: UNITS_MAX,
      numberOfSignificantValueDigits: 3,
      useWebAssembly: false,
    }) as unknown as { countsArrayIndex(value: number): number };
    const seed = 20_261_123;
    const random = randomSource(seed);
    const values = Array.from({ length: 5_000 }, () => Math.floor(2 ** (random() * 31)) - 1);
    for (const units of [...EDGES, ...values]) {
      const index = theirs.countsArrayIndex(units);
      expect([seed, units, bucketOf(units)]).toEqual([seed, units, index]);
    }
  });

  test("unitsOf gives each bucket's smallest value", () => {
    for (let bucket = 0; bucket <= bucketOf(UNITS_MAX); bucket++) {
      expect(bucketOf(unitsOf(bucket))).toBe(bucket);
      if (bucket > 0) expect(bucketOf(unitsOf(bucket) - 1)).toBe(bucket - 1);
    }
  });
});

describe("LatencyBuckets", () => {
  test("gives what is new, once", () => {
    const buckets = new LatencyBuckets();
    for (const ms of [1, 1, 0.05, 250]) buckets.record(ms);
    expect(buckets.takeCounts()).toEqual([
      ...[bucketOf(500), 1],
      ...[bucketOf(UNITS_PER_MS), 2],
      ...[bucketOf(250 * UNITS_PER_MS), 1],
    ]);
    expect(buckets.takeCounts()).toEqual([]);
    buckets.record(1);
    expect(buckets.takeCounts()).toEqual([bucketOf(UNITS_PER_MS), 1]);
  });

  test("keeps to its range whatever it is told", () => {
    const buckets = new LatencyBuckets();
    for (const ms of [-5, 0, 1e12, Infinity]) buckets.record(ms);
    expect(buckets.takeCounts()).toEqual([0, 2, bucketOf(UNITS_MAX), 2]);
  });
});
