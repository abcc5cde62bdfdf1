// The script of the HTML report's page: four charts of the object `result`, by uPlot. It is text,
// for it runs in the reader's browser, and plain enough for one that is years old.

export const CHART_SCRIPT: string = `
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const ink = dark ? "#9aa5b4" : "#5b6675", line = dark ? "#2c3440" : "#e4e8ee";
const green = "#2da44e", red = "#d1242f", blue = "#3b82f6", amber = "#d29922", violet = "#8250df";
const axis = (label) => ({ label, stroke: ink, grid: { stroke: line }, ticks: { stroke: line } });
const time = (ms) => ms == null ? "--" : ms < 1 ? (ms * 1000).toFixed(0) + " us"
  : ms < 1000 ? ms.toPrecision(3) + " ms" : (ms / 1000).toPrecision(3) + " s";
const seconds = (value) => value == null ? "--" : value.toFixed(1) + " s";
const plural = (values) => values.map((value) => value == null ? "" : time(value));
function draw(id, options, columns) {
  const place = document.getElementById(id);
  const chart = new uPlot({ width: place.clientWidth, height: 260, ...options }, columns, place);
  addEventListener("resize", () => chart.setSize({ width: place.clientWidth, height: 260 }));
}
const per = (value) => value == null ? "--" : Math.round(value).toLocaleString("en") + "/s";
const { series, percentiles, histogram } = result;
draw("throughput", {
  scales: { x: { time: false }, y: { range: (_, least, most) => [0, most * 1.1 || 1] } },
  axes: [axis("seconds"), { ...axis("answers/s"), size: 70 }],
  series: [{ label: "time", value: (_, value) => seconds(value) },
    { label: "succeeded", stroke: green, fill: green + "22", width: 2,
      value: (_, value) => per(value) },
    { label: "failed", stroke: red, width: 2, value: (_, value) => per(value) }],
}, [series.time, series.succeeded, series.failed]);
const logarithmic = { distr: 3, log: 10 };
const positive = (values) => values.map((value) => value > 0 ? value : null);
const latency = (label, stroke) => ({ label, stroke, width: 2, value: (_, value) => time(value) });
draw("latency", {
  scales: { x: { time: false }, y: logarithmic },
  axes: [axis("seconds"), { ...axis("latency"), size: 80, values: (_, values) => plural(values) }],
  series: [{ label: "time", value: (_, value) => seconds(value) }, latency("p50", blue),
    latency("p90", violet), latency("p99", amber), latency("max", red)],
}, [series.time, ...[series.p50, series.p90, series.p99, series.max].map(positive)]);
const nine = (percentile) => -Math.log10(1 - Math.min(percentile, 99.9999) / 100);
const nines = percentiles.at.map(nine);
const named = [50, 90, 99, 99.9, 99.99, 99.999];
draw("percentiles", {
  scales: { x: { time: false }, y: logarithmic },
  axes: [{ ...axis("percentile"), splits: () => named.map(nine),
      values: () => named.map((p) => p + " %") },
    { ...axis("latency"), size: 80, values: (_, values) => plural(values) }],
  series: [{ label: "percentile",
      value: (_, value, __, at) => at == null ? "--" : percentiles.at[at] + " %" },
    { ...latency("latency", blue), fill: blue + "18" }],
}, [nines, positive(percentiles.ms)]);
const percent = (share) => (share * 100).toPrecision(2) + " %";
draw("histogram", {
  scales: { x: { time: false, ...logarithmic },
    y: { range: (_, least, most) => [0, most * 1.1 || 1] } },
  axes: [{ ...axis("latency"), values: (_, values) => plural(values) },
    { ...axis("share of answers"), size: 70, values: (_, values) => values.map(percent) }],
  series: [{ label: "up to", value: (_, value) => time(value) },
    { label: "share", stroke: blue, fill: blue + "66", paths: uPlot.paths.bars({ size: [0.9, 60] }),
      points: { show: false }, value: (_, value) => value == null ? "--" : percent(value) }],
}, [histogram.ms, histogram.share]);
`;
