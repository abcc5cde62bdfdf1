import { describe, expect, test } from "bun:test";
import {
  CLOSE_DRAIN,
  CLOSE_PEER,
  CLOSE_REASON_NAMES,
  CLOSE_WORKER_LOST,
} from "../../src/core/close-reason.ts";
import {
  COUNT_ACCEPTED,
  COUNT_BYTES_IN,
  COUNT_CLOSED_BASE,
  COUNT_OPEN,
  COUNT_REQUESTS_IN_FLIGHT,
  COUNTERS_PER_ROW,
} from "../../src/core/counters.ts";
import { closedOf, snapshotRow, StatsBoard, type StatsRow } from "../../src/thread/stats-board.ts";
import { Random, seedOfRun } from "../support/random.ts";

function accept(row: StatsRow, count: number): void {
  row[COUNT_ACCEPTED]! += count;
  row[COUNT_OPEN]! += count;
}

function close(row: StatsRow, reason: number): void {
  row[COUNT_OPEN]! -= 1;
  row[COUNT_CLOSED_BASE + reason]! += 1;
}

describe("StatsBoard", () => {
  test("opens rows of zeros on shared memory", () => {
    const row = new StatsBoard().open();
    expect(row.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(row.length).toBe(COUNTERS_PER_ROW);
    expect(row.every((value) => value === 0)).toBe(true);
  });

  test("sums the living and the dead", () => {
    const board = new StatsBoard();
    const [first, second] = [board.open(), board.open()];
    first[COUNT_BYTES_IN] = 2 ** 52;
    second[COUNT_BYTES_IN] = 1;
    board.close(first, "drained");
    expect(board.totals()[COUNT_BYTES_IN]).toBe(2 ** 52 + 1);
  });

  test("counts what a dead worker left open as lost", () => {
    const board = new StatsBoard();
    const row = board.open();
    accept(row, 5);
    close(row, CLOSE_PEER);
    board.close(row, "died");
    const totals = board.totals();
    expect(totals[COUNT_CLOSED_BASE + CLOSE_WORKER_LOST]).toBe(4);
    expect(totals[COUNT_OPEN]).toBe(0);
    expect(closedOf(totals)).toBe(5);
  });

  test("counts what a drained worker cut as drained", () => {
    const board = new StatsBoard();
    const row = board.open();
    accept(row, 2);
    board.close(row, "drained");
    expect(board.totals()[COUNT_CLOSED_BASE + CLOSE_DRAIN]).toBe(2);
  });

  test("forgets the gauges of a worker that ended", () => {
    const board = new StatsBoard();
    const row = board.open();
    row[COUNT_REQUESTS_IN_FLIGHT] = 3;
    expect(board.totals()[COUNT_REQUESTS_IN_FLIGHT]).toBe(3);
    board.close(row, "died");
    expect(board.totals()[COUNT_REQUESTS_IN_FLIGHT]).toBe(0);
  });

  test("does not close a row twice", () => {
    const board = new StatsBoard();
    const row = board.open();
    board.close(row, "died");
    expect(() => board.close(row, "died")).toThrow("closed once");
  });

  test("balances at every step of a random history", () => {
    const random = new Random(seedOfRun());
    const board = new StatsBoard();
    const rows: StatsRow[] = [];
    let accepted = 0;
    for (let step = 0; step < 3_000; step += 1) {
      const row = rows[random.below(Math.max(rows.length, 1))];
      const action = random.below(10);
      if (row === undefined || action === 0) rows.push(board.open());
      else if (action === 1) {
        rows.splice(rows.indexOf(row), 1);
        board.close(row, random.below(2) === 0 ? "died" : "drained");
      } else if (action < 6) {
        accept(row, 1);
        accepted += 1;
      } else if (row[COUNT_OPEN]! > 0) close(row, random.below(CLOSE_REASON_NAMES.length));
      const totals = board.totals();
      const open = rows.reduce((sum, live) => sum + live[COUNT_OPEN]!, 0);
      if (totals[COUNT_ACCEPTED] !== accepted || totals[COUNT_OPEN] !== open) {
        throw new Error(`step ${step}: ${accepted} accepted, ${open} open, seed ${random.seed}`);
      }
      expect(closedOf(totals) + open).toBe(accepted);
    }
  });
});

test("snapshotRow balances although the gauge is one event behind", () => {
  const row = new StatsBoard().open();
  accept(row, 3);
  row[COUNT_ACCEPTED]! += 1; // a worker between its two writes
  expect(snapshotRow(row)[COUNT_OPEN]).toBe(4);
});
