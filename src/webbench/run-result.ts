// A finished run as one plain object: what --json writes, --compare reads, and every report prints.
// Its field names are public; times are in milliseconds, sizes in bytes.

import type { LatencyFigures } from "./latency-summary.ts";
import { LATENCY_NAMES, type LatencyName } from "./load-report.ts";
import type { RunOutcome } from "./run-load.ts";
import { answeredOf, type RunTotals, type SeriesPoint } from "./run-totals.ts";
import {
  COUNT_ATTEMPTS,
  COUNT_BEGUN,
  COUNT_BODY_BYTES,
  COUNT_BYTES_IN,
  COUNT_BYTES_OUT,
  COUNT_CLOSED_IDLE,
  COUNT_CONNECTED,
  COUNT_CUT_CONNECTING,
  COUNT_CUT_OFF,
  COUNT_ERROR_BASE,
  COUNT_FAILED_STATUS,
  COUNT_RETURNED,
  COUNT_SENT,
  COUNT_SUCCEEDED,
  COUNT_SURPLUS,
  COUNT_UNSENT,
  ERROR_NAMES,
  type Tally,
} from "./tally.ts";

export const RESULT_FORMAT = "millrace-webbench/1";

/** How the run was asked for, in words and numbers that reports print. */
export interface RunSettings {
  readonly urls: readonly string[];
  readonly method: string;
  /** "HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "TCP". */
  readonly protocol: string;
  readonly loop: "closed" | "open";
  readonly connections: "kept" | "per request";
  readonly clients: number;
  readonly pipeline: number;
  /** Requests a second that were asked for; 0 in a closed loop. */
  readonly rate: number;
  readonly poisson: boolean;
  readonly stages: string;
  readonly durationMs: number;
  readonly count: number;
}

export type ErrorName = (typeof ERROR_NAMES)[number];

export interface RunResult {
  readonly format: typeof RESULT_FORMAT;
  readonly startedAt: string;
  readonly settings: RunSettings;
  readonly interrupted: boolean;
  readonly elapsedMs: number;
  readonly requests: {
    readonly begun: number;
    /** Wholly given to the kernel. */
    readonly sent: number;
    readonly succeeded: number;
    /** Bad statuses and errors. */
    readonly failed: number;
    readonly failedStatus: number;
    readonly errors: Readonly<Record<ErrorName, number>>;
    /** Neither a success nor a failure: the run ended before the answer. */
    readonly cutOff: number;
    readonly cutOffConnecting: number;
    readonly oldestCutOffMs: number;
    /** Pipelined behind an announced close; never processed, asked again. */
    readonly returned: number;
    /** Open loop: due, but without a free connection until the end. */
    readonly unsent: number;
  };
  readonly perSecond: { readonly requests: number; readonly bytesIn: number };
  readonly statuses: Readonly<Record<string, number>>;
  /** Causes of errors in the system's or the codec's words. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly bytes: {
    readonly in: number;
    readonly out: number;
    readonly body: number;
    readonly unasked: number;
  };
  readonly connections: {
    readonly attempted: number;
    readonly connected: number;
    readonly closedIdle: number;
  };
  readonly latencies: Readonly<Record<LatencyName, LatencyFigures>>;
  readonly warmUp: {
    readonly elapsedMs: number;
    readonly answered: number;
    readonly failed: number;
  };
  readonly generator: {
    readonly processes: number;
    readonly lost: readonly string[];
    readonly cpuMs: number;
    readonly cpuUsPerRequest: number;
    /** Of one core, by each process: near 1 the generator is the bottleneck. */
    readonly busy: number;
  };
  readonly series: readonly SeriesPoint[];
  /** HdrHistogram V2, compressed, base64; unit 0.1 us. */
  readonly histograms: Readonly<Record<LatencyName, string>>;
}

export function resultOf(outcome: RunOutcome, settings: RunSettings): RunResult {
  const { totals, processes } = outcome;
  const { measured: tally, elapsedMs } = totals;
  const seconds = Math.max(elapsedMs, 1e-3) / 1000;
  const { row } = tally;
  return {
    format: RESULT_FORMAT,
    startedAt: outcome.startedAt.toISOString(),
    settings,
    interrupted: outcome.interrupted,
    elapsedMs,
    requests: requestsOf(tally, totals.oldestCutOffMs),
    perSecond: { requests: answeredOf(tally) / seconds, bytesIn: row[COUNT_BYTES_IN]! / seconds },
    statuses: statusesOf(tally),
    reasons: Object.fromEntries(tally.reasons),
    bytes: {
      in: row[COUNT_BYTES_IN]!,
      out: row[COUNT_BYTES_OUT]!,
      body: row[COUNT_BODY_BYTES]!,
      unasked: row[COUNT_SURPLUS]!,
    },
    connections: {
      attempted: row[COUNT_ATTEMPTS]!,
      connected: row[COUNT_CONNECTED]!,
      closedIdle: row[COUNT_CLOSED_IDLE]!,
    },
    latencies: ofEach((name) => totals.latencies[name].figures()),
    warmUp: {
      elapsedMs: totals.warmedUpMs,
      answered: answeredOf(totals.warmUp),
      failed: totals.warmUp.failed,
    },
    generator: {
      processes,
      lost: outcome.lost,
      cpuMs: totals.cpuMs,
      cpuUsPerRequest: (totals.cpuMs * 1000) / Math.max(1, answeredOf(tally)),
      busy: totals.cpuMs / Math.max(elapsedMs, 1e-3) / processes,
    },
    series: seriesOf(totals),
    histograms: ofEach((name) => totals.latencies[name].encode()),
  };
}

function requestsOf(tally: Tally, oldestCutOffMs: number): RunResult["requests"] {
  const { row } = tally;
  const errors = ERROR_NAMES.map((name, kind) => [name, row[COUNT_ERROR_BASE + kind]!] as const);
  return {
    begun: row[COUNT_BEGUN]!,
    sent: row[COUNT_SENT]!,
    succeeded: row[COUNT_SUCCEEDED]!,
    failed: tally.failed,
    failedStatus: row[COUNT_FAILED_STATUS]!,
    errors: Object.fromEntries(errors) as Record<ErrorName, number>,
    cutOff: row[COUNT_CUT_OFF]!,
    cutOffConnecting: row[COUNT_CUT_CONNECTING]!,
    oldestCutOffMs,
    returned: row[COUNT_RETURNED]!,
    unsent: row[COUNT_UNSENT]!,
  };
}

function statusesOf({ statuses }: Tally): Record<string, number> {
  const found: Record<string, number> = {};
  for (let status = 1; status < 1000; status++) {
    if (statuses[status]! > 0) found[status] = statuses[status]!;
  }
  return found;
}

/** The last interval is cut where the run ended; a crumb of one is no interval. */
function seriesOf(totals: RunTotals): SeriesPoint[] {
  const { intervalMs, elapsedMs } = totals;
  return totals
    .series()
    .map((point) => {
      const lengthMs = Math.min(intervalMs, elapsedMs - (point.timeMs - intervalMs));
      return { ...point, lengthMs, timeMs: point.timeMs - intervalMs + lengthMs };
    })
    .filter(({ lengthMs }) => lengthMs > intervalMs / 4);
}

function ofEach<Value>(value: (name: LatencyName) => Value): Record<LatencyName, Value> {
  const entries = LATENCY_NAMES.map((name) => [name, value(name)]);
  return Object.fromEntries(entries) as Record<LatencyName, Value>;
}
