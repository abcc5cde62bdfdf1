import { describe, expect, test } from "bun:test";
import { MillraceError } from "../../src/core/errors.ts";
import { brokenThresholds, parseThreshold } from "../../src/webbench/thresholds.ts";
import { COUNT_ERROR_BASE } from "../../src/webbench/tally.ts";
import { countsReport, sampleResult } from "./sample-result.ts";

const result = sampleResult([countsReport({ 1: 90, 2: 6, [COUNT_ERROR_BASE]: 4 }, 20)]);
const broken = (...rules: string[]): string[] =>
  brokenThresholds(rules.map(parseThreshold), result);

describe("thresholds", () => {
  test("break with the rule and the figure", () => {
    expect(broken("p99>10ms", "p99>30ms")).toEqual(["p99>10ms: p99 was 20.0 ms"]);
    expect(broken("errors>0", " failed >= 10 ")).toEqual([
      "errors>0: errors was 4",
      " failed >= 10 : failed was 10",
    ]);
    expect(broken("rps<1000")).toEqual(["rps<1000: rps was 960"]);
    expect(broken("failed-share>9%", "failed-share>0.2")).toEqual([
      "failed-share>9%: failed-share was 10.00 %",
    ]);
  });

  test.each([
    ["p50<=20100us", 1],
    ["p50>0.0201s", 0],
    ["bad-statuses==6", 1],
    ["bad-statuses!=6", 0],
    ["succeeded<90", 0],
    ["connect-p99>0ms", 0],
    ["p99.9>=19ms", 1],
    ["lost-processes>0", 0],
  ])("understand %p", (rule, count) => {
    expect(broken(rule)).toHaveLength(count);
  });

  test("count a run in which nothing ended as failed", () => {
    const nothing = sampleResult([countsReport({})]);
    expect(brokenThresholds([parseThreshold("failed-share>0%")], nothing)).toHaveLength(1);
  });

  test.each([
    ["p99", "write it like"],
    ["p99>fast", "write it like"],
    ["p99>50", "p99 is a time"],
    ["errors>5ms", "errors is a plain number"],
    ["failed-share>50", "between 0 and 1"],
    ["p98>5ms", '"p98" is no figure; known are rps'],
    ["p99=>5ms", "write it like"],
    ["p99>-5ms", "write it like"],
    ["constructor>5", "no figure"],
  ])("refuse %p", (rule, reason) => {
    expect(() => parseThreshold(rule)).toThrow(reason);
    expect(() => parseThreshold(rule)).toThrow(MillraceError);
  });
});
