// A result as a run gives it, without the run: for the tests of everything that reads one.

import { PHASE_MEASURING } from "../../src/webbench/generator.ts";
import { bucketOf, UNITS_PER_MS } from "../../src/webbench/latency-buckets.ts";
import type { CountsReport } from "../../src/webbench/load-report.ts";
import { resultOf, type RunResult, type RunSettings } from "../../src/webbench/run-result.ts";
import { RunTotals } from "../../src/webbench/run-totals.ts";
import { TALLY_LENGTH } from "../../src/webbench/tally.ts";

export const SETTINGS: RunSettings = {
  urls: ["http://127.0.0.1:8080/hello"],
  method: "GET",
  protocol: "HTTP/1.1",
  loop: "closed",
  connections: "kept",
  clients: 64,
  pipeline: 1,
  rate: 0,
  poisson: false,
  stages: "",
  durationMs: 1000,
  count: 0,
};

/** 100 ms of one process in the measuring phase; every answer took `latencyMs`. */
export function countsReport(
  counts: Readonly<Record<number, number>>,
  latencyMs = 1,
  changes: Partial<CountsReport> = {},
): CountsReport {
  const row = Array.from({ length: TALLY_LENGTH }, (_, index) => counts[index] ?? 0);
  const answers = (counts[1] ?? 0) + (counts[2] ?? 0);
  const pairs = answers === 0 ? [] : [bucketOf(Math.round(latencyMs * UNITS_PER_MS)), answers];
  return {
    type: "counts",
    phase: PHASE_MEASURING,
    elapsedMs: 100,
    coveredMs: 100,
    tally: { row, statuses: [200, counts[1] ?? 0, 500, counts[2] ?? 0], reasons: [] },
    latencies: { total: pairs, firstByte: pairs },
    openConnections: 4,
    cpuMs: 10,
    ...changes,
  };
}

export function sampleResult(
  reports: readonly CountsReport[],
  settings: Partial<RunSettings> = {},
  outcome: { lost?: readonly string[]; interrupted?: boolean } = {},
): RunResult {
  const totals = new RunTotals(1, 100);
  for (const report of reports) totals.add(0, report);
  const startedAt = new Date("2026-11-23T08:00:00Z");
  const run = { totals, startedAt, processes: 1, lost: [], interrupted: false, ...outcome };
  return resultOf(run, { ...SETTINGS, ...settings });
}
