import { describe, expect, test } from "bun:test";
import { COUNT_ACCEPTED, COUNT_CLOSED_BASE, COUNT_OPEN } from "../../src/core/counters.ts";
import { countReady, formatPrometheus } from "../../src/master/prometheus.ts";
import { nameCounts, type ServerStats } from "../../src/master/server-stats.ts";

function statsWith(accepted: number, closed: number): ServerStats {
  const counts = new Float64Array(64);
  counts[COUNT_ACCEPTED] = accepted;
  counts[COUNT_CLOSED_BASE] = closed;
  counts[COUNT_OPEN] = accepted - closed;
  const counters = nameCounts(counts);
  const workers = (["ready", "leaving"] as const).map((state, index) => {
    return { index, generation: index + 1, state, counters };
  });
  return { uptimeMs: 1_500, workers, totals: counters };
}

describe("formatPrometheus", () => {
  const lines = formatPrometheus(statsWith(110, 2)).split("\n");

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

  test("keeps the samples of a family together, below its type", () => {
    let family = "";
    for (const line of lines.slice(0, -1)) {
      family = /^# TYPE (\S+)/.exec(line)?.[1] ?? family;
      if (!line.startsWith("#")) expect(line.split(/[{ ]/)[0]).toBe(family);
    }
  });

  test("tells counters from gauges and labels what has kinds", () => {
    expect(lines).toContain("millrace_accepted_total 110");
    expect(lines).toContain("# TYPE millrace_open gauge");
    expect(lines).toContain('millrace_connections_closed_total{reason="peer"} 2');
    expect(lines).toContain('millrace_responses_total{class="2xx"} 0');
    expect(lines).toContain('millrace_worker_open{worker="1",generation="2",state="leaving"} 108');
    expect(lines).toContain("millrace_uptime_seconds 1.5");
    expect(lines).toContain("millrace_workers_ready 1");
  });
});

test("countReady counts who serves", () => {
  expect(countReady(statsWith(1, 0))).toBe(1);
});
