import { describe, expect, test } from "bun:test";
import { COUNT_ACCEPTED, COUNT_CLOSED_BASE, COUNT_OPEN } from "../../src/core/counters.ts";
import type { Incarnation } from "../../src/master/incarnation.ts";
import { formatStats, gatherStats } from "../../src/master/server-stats.ts";
import { StatsBoard } from "../../src/thread/stats-board.ts";

function create(lives: number) {
  const board = new StatsBoard();
  const workers = Array.from({ length: lives }, (_, index) => {
    const row = board.open();
    row[COUNT_ACCEPTED] = 10 ** (index + 1);
    row[COUNT_OPEN] = 10 ** (index + 1) - 1;
    row[COUNT_CLOSED_BASE] = 1;
    const state = index === 1 ? "leaving" : "ready";
    return { workerIndex: index, generation: index + 1, state, row } as unknown as Incarnation;
  });
  return gatherStats(board, workers, 1_500);
}

describe("formatStats", () => {
  test("aligns a column for the total and one for each worker", () => {
    expect(formatStats(create(2))).toBe(
      [
        "             total  worker 0  worker 1 leaving\n",
        "accepted       110        10               100\n",
        "open           108         9                99\n",
        "closed_peer      2         1                 1\n",
      ].join(""),
    );
  });

  test("leaves workers out when they are too many for a line", () => {
    const text = formatStats(create(40));
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThan(100);
    expect(text).toContain("closed_peer");
  });

  test("prints a server that has done nothing", () => {
    expect(formatStats(create(0))).toBe("  total\n");
  });
});

test("gatherStats names what it counts, dead or alive", () => {
  const { totals, workers, uptimeMs } = create(3);
  expect(uptimeMs).toBe(1_500);
  expect(totals["accepted"]).toBe(1_110);
  expect(totals["open"]! + totals["closed_peer"]!).toBe(1_110);
  expect(workers.map(({ index, state }) => `${index} ${state}`)).toEqual([
    "0 ready",
    "1 leaving",
    "2 ready",
  ]);
  expect(workers[1]!.counters["open"]).toBe(99);
});
