import { expect, test } from "bun:test";
import { formatFigures, replaceSection } from "../../scripts/figures.ts";

const figures = (peer: string, rounds: number[]) => ({
  peer,
  rounds,
  cpuUs: rounds[1]!,
  userUs: 1,
  systemUs: 1,
  spread: 0,
  requestsPerSecond: 1,
  p50Us: 1,
  p99Us: 1,
  rssBytes: 1,
  errors: 1,
});

const record = {
  machine: { cpu: "a processor", cores: 2, kernel: "6", bun: "1.4.5", commit: "abc" },
  rounds: 3,
  seconds: 2,
  results: [
    {
      scenario: "keepalive",
      figures: [figures("bun-fetch", [8, 10, 9]), figures("millrace", [6, 8, 9])],
    },
    { scenario: "file", figures: [figures("millrace", [5, 5, 5])] },
  ],
};

test("formatFigures makes a row a peer, with the median of the rounds' own ratios", () => {
  const text = formatFigures(record, "bench/results/x-peers.json");
  expect(text).toContain("| CPU us per request | keepalive | file |");
  expect(text).toContain("| bun-fetch | 10.00 (1.00) |  |");
  expect(text).toContain("| millrace | 8.00 (0.80) | 5.00 |");
  expect(text).toContain("commit abc");
});

test("formatFigures adds details of the first scenario, and idle connections if there are", () => {
  const without = formatFigures(record, "x");
  expect(without).toContain("| keepalive | user us | system us | requests/s |");
  expect(without).toContain("| millrace | 1.00 | 1.00 | 1 | 1 | 1 | 0 | 1 |");
  expect(without).not.toContain("idle");
  const rows = [
    { peer: "millrace", perConnectionBytes: 1602.4 },
    { peer: "other", perConnectionBytes: 9 },
  ];
  const text = formatFigures({ ...record, idle: { count: 10_000, rows } }, "x");
  expect(text).toContain("| keepalive | file | idle, bytes each of 10000 |");
  expect(text).toContain("| millrace | 8.00 (0.80) | 5.00 | 1602 |");
  expect(text).toContain("| other |  |  | 9 |");
  expect(text).toContain("--scenario keepalive,file,idle");
});

test("replaceSection replaces what is between the markers and nothing else", () => {
  const before = "a\n<!-- figures:start -->\nold\n<!-- figures:end -->\nb\n";
  const after = replaceSection(before, "new");
  expect(after).toBe("a\n<!-- figures:start -->\nnew\n<!-- figures:end -->\nb\n");
  expect(replaceSection(after, "new")).toBe(after);
  expect(() => replaceSection("nothing", "new")).toThrow("figures:start");
});
