import { expect, test } from "bun:test";
import { bytesText, countText, timeText } from "../../src/webbench/figures-text.ts";

test("timeText has three digits and a unit", () => {
  const times = [0, 0.0123, 0.183, 0.9999, 1.2, 12.34, 999, 2050, 61_000];
  expect(times.map(timeText)).toEqual([
    ...["0", "12.3 us", "183 us", "1000 us", "1.20 ms", "12.3 ms", "999 ms", "2.05 s", "61.0 s"],
  ]);
});

test("bytesText counts by 1000", () => {
  expect([0, 999, 1500, 2.5e6, 3e9, 9e15].map(bytesText)).toEqual([
    ...["0 B", "999 B", "1.50 kB", "2.50 MB", "3.00 GB", "9.00 PB"],
  ]);
});

test("countText parts thousands", () => {
  expect([0, 999, 1000, 1234567].map(countText)).toEqual(["0", "999", "1,000", "1,234,567"]);
});
