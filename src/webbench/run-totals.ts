// What the parent knows of a run: the sum of all reports of all load processes, the warm-up apart,
// and a series of short intervals for the live view and the charts. Only ever added to.

import { PHASE_MEASURING, PHASE_WARM_UP } from "./generator.ts";
import { LatencySummary } from "./latency-summary.ts";
import { type CountsReport, LATENCY_NAMES, type LatencyName } from "./load-report.ts";
import { addTally, COUNT_BYTES_IN, COUNT_FAILED_STATUS, COUNT_SUCCEEDED, Tally } from "./tally.ts";

const SERIES_LENGTH = 240; // intervals of a run whose length is known
const INTERVAL_MS_MIN = 100;

/** One interval of a run, all processes together. */
export interface SeriesPoint {
  /** Its end, since the start of the run. */
  readonly timeMs: number;
  readonly lengthMs: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly bytesIn: number;
  readonly openConnections: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Interval {
  readonly latencies: LatencySummary;
  readonly openByProcess: Map<number, number>;
  succeeded: number;
  failed: number;
  bytesIn: number;
}

/** `runMs` is Infinity where nobody knows how long the run will take. */
export function intervalMsOf(runMs: number, tickMs: number): number {
  if (runMs === Infinity) return tickMs;
  const ideal = Math.max(INTERVAL_MS_MIN, runMs / SERIES_LENGTH);
  return Math.ceil(ideal / tickMs) * tickMs;
}

export class RunTotals {
  readonly warmUp: Tally = new Tally();
  readonly measured: Tally = new Tally();
  readonly latencies: Readonly<Record<LatencyName, LatencySummary>>;
  readonly intervalMs: number;
  cpuMs = 0;
  openConnections = 0;
  oldestCutOffMs = 0;
  private readonly measuredMs: Float64Array; // by process
  private readonly warmUpMs: Float64Array;
  private readonly sealed: SeriesPoint[] = [];
  private readonly intervals: Map<number, Interval> = new Map();
  private readonly open: Float64Array;

  constructor(processes: number, intervalMs: number) {
    this.intervalMs = intervalMs;
    this.measuredMs = new Float64Array(processes);
    this.warmUpMs = new Float64Array(processes);
    this.open = new Float64Array(processes);
    this.latencies = Object.fromEntries(
      LATENCY_NAMES.map((name) => [name, new LatencySummary()]),
    ) as Record<LatencyName, LatencySummary>;
  }

  /** Of the measuring with its grace, as long as it took in the slowest process. */
  get elapsedMs(): number {
    return Math.max(...this.measuredMs);
  }

  get warmedUpMs(): number {
    return Math.max(...this.warmUpMs);
  }

  add(process: number, report: CountsReport): void {
    this.open[process] = report.openConnections;
    this.openConnections = this.open.reduce((sum, count) => sum + count, 0);
    if (report.phase === PHASE_WARM_UP) {
      this.warmUpMs[process]! += report.coveredMs;
      addTally(this.warmUp, report.tally);
      return;
    }
    addTally(this.measured, report.tally);
    this.measuredMs[process]! += report.coveredMs;
    this.cpuMs += report.cpuMs;
    for (const name of LATENCY_NAMES) {
      this.latencies[name].addCounts(report.latencies[name] ?? []);
    }
    this.addToSeries(process, report);
  }

  /** All intervals that have begun; the latest may still grow. */
  series(): SeriesPoint[] {
    const open = [...this.intervals.entries()].sort(([a], [b]) => a - b);
    return [...this.sealed, ...open.map(([index, each]) => this.pointOf(index, each))];
  }

  private addToSeries(process: number, report: CountsReport): void {
    if (report.coveredMs === 0 && report.phase !== PHASE_MEASURING) return;
    // The middle of what it covers decides, for ends lie on the border of two intervals.
    const middleMs = report.elapsedMs - report.coveredMs / 2 - this.warmedUpMs;
    const index = Math.max(this.sealed.length, Math.floor(middleMs / this.intervalMs));
    const interval = this.intervalAt(index);
    const counted = new Tally();
    counted.add(report.tally.row);
    interval.succeeded += counted.row[COUNT_SUCCEEDED]!;
    interval.failed += counted.failed;
    interval.bytesIn += counted.row[COUNT_BYTES_IN]!;
    interval.openByProcess.set(process, report.openConnections);
    interval.latencies.addCounts(report.latencies.total ?? []);
  }

  private intervalAt(index: number): Interval {
    const known = this.intervals.get(index);
    if (known !== undefined) return known;
    const interval: Interval = {
      latencies: new LatencySummary(),
      openByProcess: new Map(),
      succeeded: 0,
      failed: 0,
      bytesIn: 0,
    };
    this.intervals.set(index, interval);
    this.seal(index - 3); // processes are hardly ever that far apart
    return interval;
  }

  /** Turns intervals up to `last` into figures: a histogram of each would fill the memory. */
  private seal(last: number): void {
    for (let index = this.sealed.length; index <= last; index++) {
      this.sealed.push(this.pointOf(index, this.intervals.get(index)));
      this.intervals.delete(index);
    }
  }

  private pointOf(index: number, interval: Interval | undefined): SeriesPoint {
    const latencies = interval?.latencies;
    const open = [...(interval?.openByProcess.values() ?? [])];
    return {
      timeMs: (index + 1) * this.intervalMs,
      lengthMs: this.intervalMs,
      succeeded: interval?.succeeded ?? 0,
      failed: interval?.failed ?? 0,
      bytesIn: interval?.bytesIn ?? 0,
      openConnections: open.reduce((sum, count) => sum + count, 0),
      p50Ms: latencies?.percentileMs(50) ?? 0,
      p90Ms: latencies?.percentileMs(90) ?? 0,
      p99Ms: latencies?.percentileMs(99) ?? 0,
      maxMs: latencies?.percentileMs(100) ?? 0,
    };
  }
}

/** Whole answers, good and bad. */
export function answeredOf(tally: Tally): number {
  return tally.row[COUNT_SUCCEEDED]! + tally.row[COUNT_FAILED_STATUS]!;
}
