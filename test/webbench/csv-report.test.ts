import { expect, test } from "bun:test";
import { csvReport } from "../../src/webbench/csv-report.ts";
import { countsReport, sampleResult } from "./sample-result.ts";

test("csvReport has a head and a line for every interval, each of the same columns", () => {
  const csv = csvReport(
    sampleResult([countsReport({ 1: 10 }), countsReport({ 1: 20, 2: 1 }, 2.5, { elapsedMs: 200 })]),
  );
  const lines = csv.trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect(new Set(lines.map((line) => line.split(",").length)).size).toBe(1);
  expect(lines[0]).toStartWith("time_s,length_s,succeeded,failed,");
  expect(lines[1]).toStartWith("0.1,0.1,10,0,100,");
  expect(lines[2]).toStartWith("0.2,0.1,20,1,200,");
});

test("csvReport of nothing is its head", () => {
  expect(csvReport(sampleResult([])).trimEnd().split("\n")).toHaveLength(1);
});
