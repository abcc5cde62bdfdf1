// Latencies merged over processes: HdrHistogram's own library, filled from the buckets that the
// load processes count in (latency-buckets.ts has its layout), asked for percentiles and written
// out in its exchange format, which any other HdrHistogram tool can read and merge.

import {
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  Float64Histogram,
} from "hdr-histogram-js";
import {
  bucketOf,
  SIGNIFICANT_DIGITS,
  UNITS_MAX,
  UNITS_PER_MS,
  unitsOf,
} from "./latency-buckets.ts";

/** All in milliseconds; zeros when nothing was recorded. */
export interface LatencyFigures {
  readonly count: number;
  readonly minMs: number;
  readonly meanMs: number;
  readonly deviationMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class LatencySummary {
  private readonly histogram: Float64Histogram;

  constructor(histogram: Float64Histogram = newHistogram()) {
    this.histogram = histogram;
  }

  /** Of `encode()`; throws when the text is none. */
  static decode(text: string): LatencySummary {
    const decoded = decodeFromCompressedBase64(text, 64, false, UNITS_MAX);
    return new LatencySummary(decoded as Float64Histogram); // 64 bits: that class
  }

  get count(): number {
    return this.histogram.totalCount;
  }

  /** Bucket, count, bucket, count ... as LatencyBuckets.takeCounts gives them. */
  addCounts(pairs: readonly number[]): void {
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      this.histogram.recordValueWithCount(unitsOf(pairs[at]!), pairs[at + 1]!);
    }
  }

  add(other: LatencySummary): void {
    if (other.count > 0) this.histogram.add(other.histogram);
  }

  percentileMs(percentile: number): number {
    if (this.count === 0) return 0;
    return this.histogram.getValueAtPercentile(percentile) / UNITS_PER_MS;
  }

  /** Share of the recorded latencies whose bucket is not above that of `milliseconds`, 0 .. 1. */
  shareUpTo(milliseconds: number): number {
    if (this.count === 0) return 0;
    const units = Math.min(UNITS_MAX, Math.max(0, Math.floor(milliseconds * UNITS_PER_MS)));
    const last = bucketOf(units);
    let below = 0;
    for (let bucket = 0; bucket <= last; bucket++) below += this.histogram.getCountAtIndex(bucket);
    return below / this.count;
  }

  figures(): LatencyFigures {
    const { histogram, count } = this;
    const mean = count === 0 ? 0 : histogram.mean;
    return {
      count,
      minMs: this.percentileMs(0),
      meanMs: mean / UNITS_PER_MS,
      deviationMs: count === 0 ? 0 : histogram.stdDeviation / UNITS_PER_MS,
      p50Ms: this.percentileMs(50),
      p90Ms: this.percentileMs(90),
      p99Ms: this.percentileMs(99),
      p999Ms: this.percentileMs(99.9),
      maxMs: this.percentileMs(100),
    };
  }

  /** HdrHistogram's V2 format, compressed, in base64; the unit is 0.1 us. */
  encode(): string {
    return encodeIntoCompressedBase64(this.histogram);
  }
}

/** Doubles: counts are exact up to 2^53. */
function newHistogram(): Float64Histogram {
  return new Float64Histogram(1, UNITS_MAX, SIGNIFICANT_DIGITS);
}
