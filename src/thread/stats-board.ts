// What all workers have counted, readable at any moment. Each life of a worker has a row of its own
// on shared memory (core/counters.ts), written by that worker alone; during a reload two lives of
// one slot count at once. When a life ends its row is added to the retired row, which only the
// master writes, so that totals never go back:
//
//   totals = retired + row of every life           accepted = open + sum of closed, always
//
// Owned by the master. A row is its own SharedArrayBuffer: lives are not bounded in number.

import { assert } from "../core/assert.ts";
import { CLOSE_DRAIN, CLOSE_REASON_NAMES, CLOSE_WORKER_LOST } from "../core/close-reason.ts";
import {
  COUNT_ACCEPTED,
  COUNT_CLOSED_BASE,
  COUNT_OPEN,
  COUNTERS_PER_ROW,
  GAUGES,
} from "../core/counters.ts";

export type StatsRow = Float64Array<SharedArrayBuffer>;

/** A row that nobody writes any more, or never did. */
export type Counts = Float64Array;

export class StatsBoard {
  private readonly rows = new Set<StatsRow>();
  private readonly retired: Counts = new Float64Array(COUNTERS_PER_ROW);

  /** A row of zeros for one life of a worker. */
  open(): StatsRow {
    const row = new Float64Array(new SharedArrayBuffer(COUNTERS_PER_ROW * 8));
    this.rows.add(row);
    return row;
  }

  /** After the worker's thread has ended. What it left open was closed by its end. */
  close(row: StatsRow, end: "died" | "drained"): void {
    assert(this.rows.delete(row), "a stats row is closed once");
    const counts = snapshotRow(row);
    const reason = end === "died" ? CLOSE_WORKER_LOST : CLOSE_DRAIN;
    counts[COUNT_CLOSED_BASE + reason]! += counts[COUNT_OPEN]!;
    for (let index = 0; index < COUNTERS_PER_ROW; index += 1) {
      if (!GAUGES.has(index)) this.retired[index]! += counts[index]!;
    }
  }

  /** Sums over all lives, past and present. */
  totals(): Counts {
    const sums = this.retired.slice();
    for (const row of this.rows) {
      const counts = snapshotRow(row);
      for (let index = 0; index < COUNTERS_PER_ROW; index += 1) sums[index]! += counts[index]!;
    }
    return sums;
  }
}

/**
 * A copy whose connection counts agree with each other although the worker goes on counting: the
 * closed ones are read before the accepted ones, and the open ones are the difference.
 */
export function snapshotRow(row: Counts): Counts {
  const counts = new Float64Array(COUNTERS_PER_ROW);
  for (let index = COUNTERS_PER_ROW - 1; index >= 0; index -= 1) counts[index] = row[index]!;
  counts[COUNT_OPEN] = counts[COUNT_ACCEPTED]! - closedOf(counts);
  return counts;
}

/** Connections closed, for whatever reason. */
export function closedOf(counts: Counts): number {
  let closed = 0;
  for (let reason = 0; reason < CLOSE_REASON_NAMES.length; reason += 1) {
    closed += counts[COUNT_CLOSED_BASE + reason]!;
  }
  return closed;
}
