import { describe, expect, test } from "bun:test";
import { formatDuration, parseDuration } from "../../src/cli/durations.ts";

describe("parseDuration", () => {
  test.each([
    ["0", 0],
    ["0s", 0],
    ["500ms", 500],
    ["60s", 60_000],
    ["1.5s", 1_500],
    ["2m", 120_000],
    ["1 h", 3_600_000],
    [" 7S ", 7_000],
    ["0.0005s", null],
    ["0.001s", 1],
    ["596h", 2_145_600_000],
  ])("reads %p", (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

  test.each([
    "",
    "60",
    "s",
    "-1s",
    "1d",
    "1min",
    "1e3ms",
    "1s1s",
    "1,5s",
    "Infinity",
    "597h",
    "9".repeat(12) + "h",
    "9".repeat(99) + "ms",
  ])("refuses %p", (text) => expect(parseDuration(text)).toBeNull());
});

test("formatDuration writes what parseDuration reads", () => {
  for (const ms of [0, 1, 999, 1_000, 60_000, 61_000, 120_000, 3_600_000, 2 ** 31 - 1]) {
    expect(parseDuration(formatDuration(ms))).toBe(ms);
  }
  expect([60_000, 120_000, 1_500].map(formatDuration)).toEqual(["60s", "2m", "1500ms"]);
});
