// The result as one page that needs nothing but itself: figures as tables, throughput and latency
// over time, percentiles and the histogram, drawn by uPlot, which is inlined together with its
// style and the result. Whatever comes from the run is escaped; the page runs no script but these
// two.

import uplotScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import { CHART_SCRIPT } from "./html-charts.ts";
import { FIGURES } from "./figure-names.ts";
import { LatencySummary } from "./latency-summary.ts";
import type { RunResult } from "./run-result.ts";
import { textReport } from "./text-report.ts";
import { figureText } from "./thresholds.ts";

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --line: #d9dee6; --soft: #5b6675 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --paper: #14181f; --line: #2c3440; --soft: #9aa5b4 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1060px; margin: 0 auto; padding: 24px }
h1 { font-size: 22px; margin: 0 } h2 { font-size: 16px; margin: 32px 0 8px }
p { margin: 4px 0; color: var(--soft); overflow-wrap: anywhere }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 20px 0 }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px }
.card b { display: block; font-size: 20px; font-variant-numeric: tabular-nums }
.card span { color: var(--soft); font-size: 13px }
.bad b { color: #d1242f }
.chart { min-height: 260px } .u-legend { font-size: 13px }
pre { border: 1px solid var(--line); border-radius: 8px; padding: 12px; overflow-x: auto;
  font-size: 13px; line-height: 1.45 }
`;

const CARDS: readonly string[] = ["rps", "p50", "p99", "max", "succeeded", "failed"];
const PERCENTILES: readonly number[] = [
  ...[0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5],
  ...[99.7, 99.8, 99.9, 99.95, 99.99, 99.999, 100],
];
const HISTOGRAM_BARS = 60;

export function htmlReport(result: RunResult): string {
  const title = `webbench: ${result.settings.urls.join(" ")}`;
  const figures = { series: seriesOf(result), ...distributionOf(result) };
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>${uplotStyle}${STYLE}</style></head><body>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(subtitle(result))}</p>
<div class="cards">${CARDS.map((name) => card(name, result)).join("")}</div>
<h2>Throughput over time</h2><div class="chart" id="throughput"></div>
<h2>Latency over time</h2><div class="chart" id="latency"></div>
<h2>Latency by percentile</h2><div class="chart" id="percentiles"></div>
<h2>Histogram of latencies</h2><div class="chart" id="histogram"></div>
<h2>Report</h2><pre>${escapeHtml(textReport(result).trim())}</pre>
<script>${uplotScript}</script>
<script>const result = ${jsonInScript(figures)};${CHART_SCRIPT}</script>
</body></html>
`;
}

function subtitle({ settings, startedAt, elapsedMs, generator }: RunResult): string {
  const { loop, clients, connections, protocol, method } = settings;
  return (
    `${startedAt}, ${(elapsedMs / 1000).toFixed(1)} s, ${method} ${protocol}, ${loop} loop, ` +
    `${clients} clients, connections ${connections}, ${generator.processes} load processes`
  );
}

function card(name: string, result: RunResult): string {
  const figure = FIGURES.find((each) => each.name === name)!;
  const value = figure.read(result);
  const isBad = name === "failed" && value > 0;
  const text = escapeHtml(figureText(figure, value));
  return `<div class="card${isBad ? " bad" : ""}"><b>${text}</b><span>${name}</span></div>`;
}

function seriesOf({ series }: RunResult): Record<string, number[]> {
  const perSecond = (count: number, lengthMs: number): number => (count / lengthMs) * 1000;
  return {
    time: series.map(({ timeMs }) => timeMs / 1000),
    succeeded: series.map(({ succeeded, lengthMs }) => perSecond(succeeded, lengthMs)),
    failed: series.map(({ failed, lengthMs }) => perSecond(failed, lengthMs)),
    p50: series.map(({ p50Ms }) => p50Ms),
    p90: series.map(({ p90Ms }) => p90Ms),
    p99: series.map(({ p99Ms }) => p99Ms),
    max: series.map(({ maxMs }) => maxMs),
  };
}

interface Distribution {
  readonly percentiles: { readonly at: readonly number[]; readonly ms: readonly number[] };
  readonly histogram: { readonly ms: readonly number[]; readonly share: readonly number[] };
}

function distributionOf({ histograms }: RunResult): Distribution {
  const latencies = LatencySummary.decode(histograms.total);
  const ms = PERCENTILES.map((percentile) => latencies.percentileMs(percentile));
  return { percentiles: { at: PERCENTILES, ms }, histogram: barsOf(latencies) };
}

/** Bars of equal width on a logarithmic axis, as shares of all answers. */
function barsOf(latencies: LatencySummary): Distribution["histogram"] {
  const [least, most] = [Math.max(1e-4, latencies.percentileMs(0)), latencies.percentileMs(100)];
  if (latencies.count === 0 || most <= least) return { ms: [least], share: [1] };
  const step = (most / least) ** (1 / HISTOGRAM_BARS);
  const edges = Array.from({ length: HISTOGRAM_BARS + 1 }, (_, bar) => least * step ** bar);
  const below = edges.map((edge) => latencies.shareUpTo(edge));
  const share = edges.slice(1).map((_, bar) => below[bar + 1]! - (bar === 0 ? 0 : below[bar]!));
  return { ms: edges.slice(1), share };
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}

/** JSON that cannot end the script it stands in. */
function jsonInScript(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
