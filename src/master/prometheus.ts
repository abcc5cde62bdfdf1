// Stats in the text format of Prometheus (version 0.0.4). Counters are process-wide, since those of
// one worker begin anew with each of its lives; a worker's own are gauges of its present state.

import { COUNTER_NAMES, GAUGES } from "../core/counters.ts";
import type { ServerStats, WorkerStats } from "./server-stats.ts";

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const CLOSED = "closed_";
const STATUS_CLASS = /^[1-5]xx$/;

/** The counters that are worth a series for each worker. */
const PER_WORKER = ["open", "in_flight"] as const;

export function formatPrometheus(stats: ServerStats): string {
  return [
    ...family("uptime_seconds", "gauge", [["", stats.uptimeMs / 1000]]),
    ...family("workers_ready", "gauge", [["", countReady(stats)]]),
    ...plainFamilies(stats),
    ...memoryFamilies(stats),
    ...family("responses_total", "counter", labelled(stats, STATUS_CLASS, "class")),
    ...family("connections_closed_total", "counter", labelled(stats, /^closed_/, "reason")),
    ...PER_WORKER.flatMap((name) => family(`worker_${name}`, "gauge", perWorker(stats, name))),
    "",
  ].join("\n");
}

export function countReady(stats: ServerStats): number {
  return stats.workers.filter((worker) => worker.state === "ready").length;
}

type Sample = readonly [labels: string, value: number];

function family(name: string, type: "counter" | "gauge", samples: readonly Sample[]): string[] {
  const full = `millrace_${name}`;
  const lines = samples.map(([labels, value]) => `${full}${labels} ${value}`);
  return [`# TYPE ${full} ${type}`, ...lines];
}

function plainFamilies(stats: ServerStats): string[] {
  return COUNTER_NAMES.flatMap((name, index) => {
    if (name === "" || name.startsWith(CLOSED) || STATUS_CLASS.test(name)) return [];
    const gauge = GAUGES.has(index);
    const samples: Sample[] = [["", stats.totals[name] ?? 0]];
    return family(gauge ? name : `${name}_total`, gauge ? "gauge" : "counter", samples);
  });
}

function memoryFamilies({ memory }: ServerStats): string[] {
  if (memory === undefined) return [];
  return [
    ...family("memory_limit_bytes", "gauge", [["", memory.limitBytes]]),
    ...family("memory_committed_bytes", "gauge", [["", memory.committedBytes]]),
    ...family("memory_live_bytes", "gauge", [["", memory.liveBytes]]),
  ];
}

function labelled(stats: ServerStats, pattern: RegExp, label: string): Sample[] {
  return COUNTER_NAMES.filter((name) => pattern.test(name)).map((name) => {
    const value = name.startsWith(CLOSED) ? name.slice(CLOSED.length) : name;
    return [`{${label}="${value}"}`, stats.totals[name] ?? 0];
  });
}

function perWorker(stats: ServerStats, name: string): Sample[] {
  return stats.workers.map((worker) => [workerLabels(worker), worker.counters[name] ?? 0]);
}

function workerLabels(worker: WorkerStats): string {
  const { index, generation, state } = worker;
  return `{worker="${index}",generation="${generation}",state="${state}"}`;
}
