// The script runs in a browser; here with a chart library that only notes what it is asked to draw.

import { expect, test } from "bun:test";
import { CHART_SCRIPT } from "../../src/webbench/html-charts.ts";
import { htmlReport } from "../../src/webbench/html-report.ts";
import { countsReport, sampleResult } from "./sample-result.ts";

interface Drawn {
  place: string;
  columns: (number | null)[][];
  series: number;
}

function drawn(page: string): Drawn[] {
  const charts: Drawn[] = [];
  const places = new Map<string, { id: string; clientWidth: number }>();
  const place = (id: string): unknown => {
    if (!page.includes(`id="${id}"`)) return null;
    if (!places.has(id)) places.set(id, { id, clientWidth: 800 });
    return places.get(id);
  };
  function uPlot(options: { series: unknown[] }, columns: number[][], at: { id: string }): void {
    charts.push({ place: at.id, columns, series: options.series.length });
  }
  uPlot.paths = { bars: () => undefined };
  const json = /const result = (.*?);\n/.exec(page)![1]!;
  const run = new Function(
    "uPlot",
    "document",
    "matchMedia",
    "addEventListener",
    "result",
    CHART_SCRIPT,
  );
  const nothing = (): void => undefined;
  run(uPlot, { getElementById: place }, () => ({ matches: false }), nothing, JSON.parse(json));
  return charts;
}

test("CHART_SCRIPT draws four charts, each with a column for every series", () => {
  const reports = [countsReport({ 1: 50 }, 2), countsReport({ 1: 9 }, 40, { elapsedMs: 200 })];
  const charts = drawn(htmlReport(sampleResult(reports)));
  expect(charts.map(({ place }) => place)).toEqual([
    ...["throughput", "latency", "percentiles", "histogram"],
  ]);
  for (const { columns, series } of charts) {
    expect(columns).toHaveLength(series);
    expect(new Set(columns.map(({ length }) => length)).size).toBe(1);
  }
  const [throughput, , percentiles, histogram] = charts;
  expect(throughput!.columns[1]).toEqual([500, 90]);
  const nines = percentiles!.columns[0] as number[];
  expect(nines).toEqual(nines.toSorted((a, b) => a - b));
  const shares = histogram!.columns[1] as number[];
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
});

test("CHART_SCRIPT has nothing to draw and does not fail", () => {
  expect(drawn(htmlReport(sampleResult([])))).toHaveLength(4);
});
