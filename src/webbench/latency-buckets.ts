// Counts of latencies in the layout of HdrHistogram with three significant digits: as exact as its
// library, but an index computed in int32 and one increment (3 ns; the library's own recording
// takes 80 to 100, the runtime's node:perf_hooks histogram 33 and cannot be sent to another
// process). The load process counts here and sends what is new; statistics are the library's, in
// latency-summary.ts.
//
//   value in units of 0.1 us      0 .. 2047 one by one | 2048 .. 4095 by 2 | .. by 4 | .. 2^31 - 1
//   index                         0 .. 2047            | 2048 .. 3071      | 3072 .. | .. 22527

/** One unit is 0.1 us: so that 214 s fit into an int32 and 20 us still have three digits. */
export const UNITS_PER_MS = 10_000;
export const UNITS_MAX: number = 2 ** 31 - 1;
export const SIGNIFICANT_DIGITS = 3;

const EXACT_BITS = 11; // 2^11 is the first power of two that is not below 2 x 10^3
const HALF: number = 1 << (EXACT_BITS - 1);
const LEADING_ZEROS: number = 32 - EXACT_BITS;
const BUCKETS: number = (LEADING_ZEROS - 1) * HALF + 2 * HALF;

export function bucketOf(units: number): number {
  const shift = LEADING_ZEROS - Math.clz32(units);
  return shift <= 0 ? units : shift * HALF + (units >>> shift);
}

/** The smallest value of a bucket. */
export function unitsOf(bucket: number): number {
  if (bucket < 2 * HALF) return bucket;
  const shift = ((bucket / HALF) | 0) - 1;
  return (bucket - shift * HALF) * 2 ** shift;
}

export class LatencyBuckets {
  private readonly counts: Int32Array = new Int32Array(BUCKETS);
  private low: number = BUCKETS; // no bucket below it has a count
  private high = -1;

  /** Negative times (a clock that was set back) count as 0, times above 214 s as that. */
  record(milliseconds: number): void {
    const units = milliseconds * UNITS_PER_MS;
    const bucket = units < UNITS_MAX ? bucketOf(units > 0 ? units | 0 : 0) : BUCKETS - 1;
    this.counts[bucket]!++;
    if (bucket < this.low) this.low = bucket;
    if (bucket > this.high) this.high = bucket;
  }

  /** Bucket, count, bucket, count ... of what was recorded since the last call. */
  takeCounts(): number[] {
    const counts = this.counts;
    const pairs: number[] = [];
    for (let bucket = this.low; bucket <= this.high; bucket++) {
      const count = counts[bucket]!;
      if (count === 0) continue;
      pairs.push(bucket, count);
      counts[bucket] = 0;
    }
    this.low = BUCKETS;
    this.high = -1;
    return pairs;
  }
}
