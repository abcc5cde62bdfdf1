import { describe, expect, test } from "bun:test";
import { COUNT_ACCEPTED, COUNT_CLOSED_BASE, COUNT_OPEN } from "../../src/core/counters.ts";
import type { Incarnation } from "../../src/master/incarnation.ts";
import { formatPrometheus } from "../../src/master/prometheus.ts";
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

describe("formatPrometheus", () => {
  const lines = formatPrometheus(create(2)).split("\n");

  test("ends with a line break and names each family once", () => {
    expect(lines.at(-1)).toBe("");
    const types = lines.filter((line) => line.startsWith("# TYPE "));
    expect(new Set(types).size).toBe(types.length);
    expect(types.length).toBeGreaterThan(20);
  });

  test("writes only lines of the format", () => {
    const sample = /^millrace_[a-z_0-9]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+]+$/;
    const type = /^# TYPE millrace_[a-z_0-9]+ (counter|gauge)$/;
    const wrong = lines.slice(0, -1).filter((line) => !sample.test(line) && !type.test(line));
    expect(wrong).toEqual([]);
  });

  test("tells counters from gauges and labels what has kinds", () => {
    expect(lines).toContain("millrace_accepted_total 110");
    expect(lines).toContain("# TYPE millrace_open gauge");
    expect(lines).toContain('millrace_connections_closed_total{reason="peer"} 2');
    expect(lines).toContain('millrace_responses_total{class="2xx"} 0');
    expect(lines).toContain('millrace_worker_open{worker="1",generation="2",state="leaving"} 99');
    expect(lines).toContain("millrace_uptime_seconds 1.5");
    expect(lines).toContain("millrace_workers_ready 1");
  });
});
