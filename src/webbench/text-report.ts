// The report on the terminal: the lines of webbench 1.5 to the letter, and below them what it never
// told. Everything that could make a figure look better than it is has a line of its own.

import { bytesText, countText, timeText } from "./figures-text.ts";
import type { LatencyFigures } from "./latency-summary.ts";
import type { RunResult, RunSettings } from "./run-result.ts";

type Requests = RunResult["requests"];

const BUSY_WARNING = 0.9;

export interface ClassicHeader {
  readonly settings: RunSettings;
  readonly force: boolean;
  readonly reload: boolean;
  readonly proxy: string | null;
}

/** "\nBenchmarking: GET http://...\n10 clients, running 5 sec.\n", once. */
export function headerText({ settings, force, reload, proxy }: ClassicHeader): string {
  const { method, urls, protocol, clients, durationMs, count } = settings;
  const using = protocol === "HTTP/1.0" || protocol === "TCP" ? "" : ` (using ${protocol})`;
  const what = method === "" ? urls.join(" ") : `${method} ${urls.join(" ")}`;
  const running = count > 0 ? `${count} requests` : `running ${durationMs / 1000} sec`;
  const extras = [
    force ? ", early socket close" : "",
    proxy === null ? "" : `, via proxy server ${proxy}`,
    reload ? ", forcing reload" : "",
  ].join("");
  const who = clients === 1 ? "1 client" : `${clients} clients`;
  return `\nBenchmarking: ${what}${using}\n${who}, ${running}${extras}.\n`;
}

/** The two result lines of webbench 1.5. */
export function classicLines({ requests, elapsedMs, bytes }: RunResult): string {
  const seconds = Math.max(elapsedMs, 1) / 1000;
  const pages = Math.trunc(((requests.succeeded + requests.failed) / seconds) * 60);
  const bytesPerSecond = Math.trunc(bytes.in / seconds);
  return (
    `\nSpeed=${pages} pages/min, ${bytesPerSecond} bytes/sec.\n` +
    `Requests: ${requests.succeeded} susceed, ${requests.failed} failed.\n`
  );
}

export function textReport(result: RunResult): string {
  const sections = [
    classicLines(result),
    `\n${loopLine(result)}\n`,
    latencyTable(result),
    outcomeLines(result),
    trafficLines(result),
    generatorLines(result),
  ];
  return sections.join("");
}

function loopLine({ settings, perSecond, elapsedMs }: RunResult): string {
  const { loop, connections, pipeline, rate, poisson, stages } = settings;
  const kept = connections === "kept" ? "kept connections" : "a connection per request";
  const pipelined = pipeline > 1 ? `, ${pipeline} pipelined` : "";
  const measured = `${perSecond.requests.toFixed(1)} answers/s in ${timeText(elapsedMs)}`;
  if (loop === "closed") {
    const caution = "the next request waits for the answer, so a stall hides what it delays";
    return `Closed loop, ${kept}${pipelined}: ${measured}.\n  (${caution}; see --rate)`;
  }
  const asked = stages === "" ? `${rate} requests/s asked for` : `stages ${stages}`;
  const spread = poisson ? ", Poisson" : "";
  return (
    `Open loop, ${kept}, ${asked}${spread}: ${measured}.\n` +
    `  (latencies count from the planned time: no coordinated omission)`
  );
}

const COLUMNS: readonly (readonly [string, keyof LatencyFigures])[] = [
  ["p50", "p50Ms"],
  ["p90", "p90Ms"],
  ["p99", "p99Ms"],
  ["p99.9", "p999Ms"],
  ["max", "maxMs"],
  ["mean", "meanMs"],
  ["deviation", "deviationMs"],
];
const WIDTH = 10;

function latencyTable({ latencies, settings }: RunResult): string {
  const isOpen = settings.loop === "open";
  const rows: (readonly [string, LatencyFigures])[] = [
    ["total", latencies.total],
    ["first byte", latencies.firstByte],
    ["connect", latencies.connect],
  ];
  if (isOpen) rows.push(["from sending", latencies.service]);
  const names = COLUMNS.map(([name]) => name.padStart(WIDTH));
  const head = `  ${"latency".padEnd(13)}${names.join("")}\n`;
  const lines = rows.map(([name, figures]) => {
    const cells = COLUMNS.map(([, key]) => timeText(figures[key]).padStart(WIDTH));
    return `  ${name.padEnd(13)}${cells.join("")}\n`;
  });
  return head + lines.join("");
}

function outcomeLines({ requests, statuses, reasons, latencies, warmUp }: RunResult): string {
  const lines: string[] = [];
  const statusList = Object.entries(statuses).map(([status, count]) => `${status} ${count}`);
  if (statusList.length > 0) lines.push(`statuses: ${statusList.join(", ")}`);
  const errors = Object.entries(requests.errors).filter(([, count]) => count > 0);
  if (errors.length > 0) {
    lines.push(`errors: ${errors.map(([name, count]) => `${name} ${count}`).join(", ")}`);
    lines.push(`reasons: ${listOf(reasons)}`);
    lines.push(`latencies are of the ${latencies.total.count} answers: errors have none`);
  }
  if (requests.cutOff > 0) {
    const connecting =
      requests.cutOffConnecting > 0 ? `, ${requests.cutOffConnecting} of them connecting` : "";
    lines.push(
      `cut off by the end: ${requests.cutOff}, neither success nor failure${connecting}, ` +
        `the oldest after ${timeText(requests.oldestCutOffMs)}`,
    );
  }
  if (requests.unsent > 0) {
    lines.push(`never sent: ${requests.unsent} were due, but no client was free (-c)`);
  }
  if (requests.returned > 0) {
    lines.push(`asked again: ${requests.returned} pipelined behind an announced close`);
  }
  if (warmUp.elapsedMs > 0) {
    lines.push(`warm-up: ${warmUp.answered} answers, ${warmUp.failed} failed, not counted above`);
  }
  return lines.map((line) => `  ${line}\n`).join("");
}

function trafficLines({ bytes, connections }: RunResult): string {
  const unasked = bytes.unasked > 0 ? `, ${bytesText(bytes.unasked)} that nobody asked for` : "";
  const idle = connections.closedIdle > 0 ? `, ${connections.closedIdle} closed by it idle` : "";
  return (
    `  received ${bytesText(bytes.in)} (${bytesText(bytes.body)} content${unasked}), ` +
    `sent ${bytesText(bytes.out)}\n` +
    `  connections: ${countText(connections.attempted)} tried, ` +
    `${countText(connections.connected)} made${idle}\n`
  );
}

/** Begun, but in none of the columns in which a request can end. */
function unknownEnds({ begun, succeeded, failed, cutOff, returned }: Requests): number {
  return begun - succeeded - failed - cutOff - returned;
}

function generatorLines(result: RunResult): string {
  const { generator, latencies, settings, interrupted, requests } = result;
  const { processes, cpuUsPerRequest, busy, lost } = generator;
  const who = processes === 1 ? "1 process" : `${processes} processes`;
  const own = latencies.ownDelay;
  const lines = [
    `generator: ${who}, ${cpuUsPerRequest.toFixed(1)} us of CPU an answer, ` +
      `${Math.round(busy * 100)} % of a core each; ` +
      `its own delay p50 ${timeText(own.p50Ms)}, p99 ${timeText(own.p99Ms)}`,
  ];
  if (settings.loop === "open" && latencies.lateness.count > 0) {
    const { p50Ms, p99Ms } = latencies.lateness;
    lines.push(`it sent late by p50 ${timeText(p50Ms)}, p99 ${timeText(p99Ms)}`);
  }
  if (busy > BUSY_WARNING) {
    lines.push(
      "WARNING: the generator had no time left: these figures are its own, not the server's",
    );
  }
  for (const each of lost) lines.push(`LOST: ${each}: its last moments are missing above`);
  if (lost.length > 0) lines.push(`LOST: ${unknownEnds(requests)} requests with an unknown end`);
  if (interrupted) lines.push("INTERRUPTED: this is what was measured until then");
  return lines.map((line) => `  ${line}\n`).join("");
}

function listOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}
