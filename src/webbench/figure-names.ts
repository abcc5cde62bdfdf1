// The figures of a result that have a name: for --fail-if and for --compare. One table, so that
// what can be compared can also be a threshold.

import type { LatencyFigures } from "./latency-summary.ts";
import type { LatencyName } from "./load-report.ts";
import type { RunResult } from "./run-result.ts";

export interface Figure {
  readonly name: string;
  readonly unit: "time" | "count" | "rate" | "share";
  /** Which way is worse; 0 where neither is. */
  readonly worse: 1 | -1 | 0;
  readonly read: (result: RunResult) => number;
}

const PERCENTILES: readonly (readonly [string, keyof LatencyFigures])[] = [
  ["p50", "p50Ms"],
  ["p90", "p90Ms"],
  ["p99", "p99Ms"],
  ["p99.9", "p999Ms"],
  ["max", "maxMs"],
  ["mean", "meanMs"],
  ["deviation", "deviationMs"],
];

function latencies(prefix: string, latency: LatencyName): Figure[] {
  return PERCENTILES.map(([name, key]) => ({
    name: `${prefix}${name}`,
    unit: "time",
    worse: 1,
    read: (result) => result.latencies[latency][key],
  }));
}

function count(name: string, worse: 1 | -1 | 0, read: (result: RunResult) => number): Figure {
  return { name, unit: "count", worse, read };
}

function errorsOf({ requests }: RunResult): number {
  return Object.values(requests.errors).reduce((sum, each) => sum + each, 0);
}

/** Failed requests as a share of those that ended; 1 when none ended, for then none succeeded. */
function failedShare({ requests }: RunResult): number {
  const ended = requests.succeeded + requests.failed;
  return ended === 0 ? 1 : requests.failed / ended;
}

export const FIGURES: readonly Figure[] = [
  { name: "rps", unit: "rate", worse: -1, read: ({ perSecond }) => perSecond.requests },
  ...latencies("", "total"),
  ...latencies("first-byte-", "firstByte"),
  ...latencies("connect-", "connect"),
  count("requests", 0, ({ requests }) => requests.succeeded + requests.failed),
  count("succeeded", -1, ({ requests }) => requests.succeeded),
  count("failed", 1, ({ requests }) => requests.failed),
  { name: "failed-share", unit: "share", worse: 1, read: failedShare },
  count("bad-statuses", 1, ({ requests }) => requests.failedStatus),
  count("errors", 1, errorsOf),
  count("refused", 1, ({ requests }) => requests.errors.refused),
  count("reset", 1, ({ requests }) => requests.errors.reset),
  count("timeouts", 1, ({ requests: { errors } }) => errors.timeout + errors["connect-timeout"]),
  count("malformed", 1, ({ requests }) => requests.errors.malformed),
  count("early-closes", 1, ({ requests }) => requests.errors["early-close"]),
  count("cut-off", 1, ({ requests }) => requests.cutOff),
  count("unsent", 1, ({ requests }) => requests.unsent),
  count("lost-processes", 1, ({ generator }) => generator.lost.length),
];

/** What to say of a name that is none. */
export function unknownFigure(name: string): string {
  return `"${name}" is no figure; known are ${FIGURES.map((each) => each.name).join(", ")}`;
}
