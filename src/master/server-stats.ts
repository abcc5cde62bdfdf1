// The stats board by name: what SIGUSR1 prints, the admin endpoint serves and stats() returns.
// Counters are exact sums over the life of the server; gauges are of this moment.

import { COUNTER_NAMES } from "../core/counters.ts";
import type { ArenaStats } from "../memory/arena-stats.ts";
import { snapshotRow, type Counts, type StatsBoard } from "../thread/stats-board.ts";
import type { Incarnation, IncarnationState } from "./incarnation.ts";

/** By the names of core/counters.ts: accepted, open, bytes_in, closed_idle, ... */
export type NamedCounters = Readonly<Record<string, number>>;

export interface WorkerStats {
  readonly index: number;
  /** Counts the lives of all workers: the first has 1. */
  readonly generation: number;
  readonly state: IncarnationState;
  readonly counters: NamedCounters;
}

export interface ServerStats {
  readonly uptimeMs: number;
  /** One entry a living worker; during a reload a slot may have two. */
  readonly workers: readonly WorkerStats[];
  /** Of all workers that live or ever lived: `accepted` = `open` + the sum of `closed_*`. */
  readonly totals: NamedCounters;
  /** Where the buffers' memory is, waste by size class included; absent once it is closed. */
  readonly memory?: ArenaStats;
}

export function gatherStats(
  board: StatsBoard,
  lives: readonly Incarnation[],
  uptimeMs: number,
  memory: ArenaStats | null = null,
): ServerStats {
  const workers = lives.map((life) => ({
    index: life.workerIndex,
    generation: life.generation,
    state: life.state,
    counters: nameCounts(snapshotRow(life.row)),
  }));
  const totals = nameCounts(board.totals());
  return { uptimeMs, workers, totals, ...(memory === null ? {} : { memory }) };
}

export function nameCounts(counts: Counts): NamedCounters {
  const named: Record<string, number> = {};
  COUNTER_NAMES.forEach((name, index) => {
    if (name !== "") named[name] = counts[index]!;
  });
  return named;
}

/** More columns than that are not readable: then only the totals. */
const WORKER_COLUMNS_MAX = 12;

/** Aligned lines, a counter a line; counters that are zero everywhere are left out. */
export function formatStats(stats: ServerStats): string {
  const workers = stats.workers.length > WORKER_COLUMNS_MAX ? [] : stats.workers;
  const columns = [stats.totals, ...workers.map((worker) => worker.counters)];
  const heads = ["total", ...workers.map((worker) => headOf(worker))];
  const names = Object.keys(stats.totals).filter((name) =>
    columns.some((column) => column[name] !== 0),
  );
  const rows = names.map((name) => [name, ...columns.map((column) => String(column[name]))]);
  return alignRows([["", ...heads], ...rows]);
}

function headOf(worker: WorkerStats): string {
  const name = `worker ${worker.index}`;
  return worker.state === "ready" ? name : `${name} ${worker.state}`;
}

/** The first column to the left, all others to the right. */
function alignRows(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!),
      )
      .join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}
