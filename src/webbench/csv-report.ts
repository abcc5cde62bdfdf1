// The series of a run as CSV (RFC 4180, but with plain line feeds): a line an interval.

import type { RunResult } from "./run-result.ts";
import type { SeriesPoint } from "./run-totals.ts";

const COLUMNS: readonly (readonly [string, (point: SeriesPoint) => number])[] = [
  ["time_s", ({ timeMs }) => timeMs / 1000],
  ["length_s", ({ lengthMs }) => lengthMs / 1000],
  ["succeeded", ({ succeeded }) => succeeded],
  ["failed", ({ failed }) => failed],
  ["succeeded_per_s", ({ succeeded, lengthMs }) => (succeeded / lengthMs) * 1000],
  ["bytes_in", ({ bytesIn }) => bytesIn],
  ["open_connections", ({ openConnections }) => openConnections],
  ["p50_ms", ({ p50Ms }) => p50Ms],
  ["p90_ms", ({ p90Ms }) => p90Ms],
  ["p99_ms", ({ p99Ms }) => p99Ms],
  ["max_ms", ({ maxMs }) => maxMs],
];

export function csvReport({ series }: RunResult): string {
  const lines = series.map((point) => COLUMNS.map(([, read]) => round(read(point))).join(","));
  return `${[COLUMNS.map(([name]) => name).join(","), ...lines].join("\n")}\n`;
}

function round(value: number): string {
  return String(Number(value.toFixed(4)));
}
