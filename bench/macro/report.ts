// From samples to figures: medians, spreads, ratios within the same run, one table a scenario.
// The spread is (largest - smallest) / median of the CPU time per request. A ratio is the median of
// the rounds' own ratios: what disturbed a whole round has disturbed both sides of it.

import type { Load } from "./load.ts";
import { errorsOf } from "./load.ts";
import type { CpuSpent } from "./process-cost.ts";

export interface Sample {
  cpu: CpuSpent;
  load: Load;
  rssBytes: number;
}

export interface Figures {
  peer: string;
  userUs: number;
  systemUs: number;
  cpuUs: number;
  spread: number;
  /** CPU time per request of each round, in order. */
  rounds: readonly number[];
  requestsPerSecond: number;
  p50Us: number;
  p99Us: number;
  rssBytes: number;
  errors: number;
}

/** The peers that every other one is divided by. */
export const YARDSTICKS = ["bun-fetch", "nginx", "c-epoll"] as const;

export function figuresOf(peer: string, samples: readonly Sample[], closes: boolean): Figures {
  const perRequest = (sample: Sample, ms: number): number =>
    (ms * 1000) / Math.max(1, sample.load.responses);
  const rounds = samples.map((sample) =>
    perRequest(sample, sample.cpu.userMs + sample.cpu.systemMs),
  );
  const cpuUs = median(rounds);
  return {
    peer,
    userUs: median(samples.map((sample) => perRequest(sample, sample.cpu.userMs))),
    systemUs: median(samples.map((sample) => perRequest(sample, sample.cpu.systemMs))),
    cpuUs,
    rounds,
    spread: (Math.max(...rounds) - Math.min(...rounds)) / cpuUs,
    requestsPerSecond: median(
      samples.map(({ load }) => (load.responses / load.microseconds) * 1e6),
    ),
    p50Us: median(samples.map(({ load }) => load.p50)),
    p99Us: median(samples.map(({ load }) => load.p99)),
    rssBytes: median(samples.map((sample) => sample.rssBytes)),
    errors: samples.reduce((sum, { load }) => sum + errorsOf(load, closes), 0),
  };
}

export function tableOf(figures: readonly Figures[]): string {
  const header = [
    "peer",
    "us/request",
    "user",
    "system",
    "spread",
    ...YARDSTICKS.map((name) => `/ ${name}`),
    "requests/s",
    "p50 us",
    "p99 us",
    "RSS MB",
    "errors",
  ];
  const rows = figures.map((row) => [
    row.peer,
    row.cpuUs.toFixed(2),
    row.userUs.toFixed(2),
    row.systemUs.toFixed(2),
    `${(row.spread * 100).toFixed(0)} %`,
    ...YARDSTICKS.map((name) => ratioTo(row, figures, name)),
    row.requestsPerSecond.toFixed(0),
    row.p50Us.toFixed(0),
    row.p99Us > 0 ? row.p99Us.toFixed(0) : "-",
    (row.rssBytes / 2 ** 20).toFixed(0),
    String(row.errors),
  ]);
  return alignColumns([header, ...rows]);
}

/** Columns apart by two blanks, the first to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Of the CPU time per request: the median over the rounds. */
export function ratioOf(row: Figures, other: Figures): number {
  return median(row.rounds.map((cpuUs, round) => cpuUs / other.rounds[round]!));
}

function ratioTo(row: Figures, figures: readonly Figures[], name: string): string {
  const other = figures.find(({ peer }) => peer === name);
  return other === undefined ? "-" : ratioOf(row, other).toFixed(3);
}
