import { describe, expect, test } from "bun:test";
import { formatSize, parseSize } from "../../src/cli/sizes.ts";

describe("parseSize", () => {
  test.each([
    ["0", 0],
    ["4096", 4096],
    ["1b", 1],
    ["64k", 65_536],
    ["64KB", 65_536],
    ["64KiB", 65_536],
    ["512MB", 536_870_912],
    ["512 mb", 536_870_912],
    ["1.5GiB", 1_610_612_736],
    [" 2g ", 2_147_483_648],
    ["1T", 1_099_511_627_776],
    ["0.3k", 307],
  ])("reads %p", (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each([
    "",
    "MB",
    "-1",
    "1e9",
    "0x10",
    "1..5M",
    ".5M",
    "5M 3K",
    "5 parsecs",
    "5Mi",
    "5bb",
    "Infinity",
    "NaN",
    "9".repeat(15) + "T",
    "9".repeat(400),
    "１M",
  ])("refuses %p", (text) => expect(parseSize(text)).toBeNull());
});

test("formatSize writes what parseSize reads", () => {
  for (const bytes of [0, 1, 1023, 1024, 1025, 65_536, 536_870_912, 2 ** 40, 2 ** 52]) {
    expect(parseSize(formatSize(bytes))).toBe(bytes);
  }
  expect([536_870_912, 1536, 0].map(formatSize)).toEqual(["512MB", "1536B", "0B"]);
});
