// The operator's window: a read-only HTTP endpoint on the master, so that it answers while every
// worker is busy. Off unless asked for, and meant for a private address: it knows no users.
//
//   GET /stats     counters as JSON          GET /metrics   the same for Prometheus
//   GET /healthz   200 while all workers serve, 503 while the server starts, limps or stops

import { messageOf } from "../core/errors.ts";
import { listenError } from "../net/listening-socket.ts";
import { countReady, formatPrometheus, PROMETHEUS_CONTENT_TYPE } from "./prometheus.ts";
import type { ServerStats } from "./server-stats.ts";

/** What the endpoint shows: the master. */
export interface AdminTarget {
  stats(): ServerStats;
  readonly isStopping: boolean;
  readonly settings: { readonly workers: number };
}

export interface AdminEndpoint {
  readonly host: string;
  /** The real one, where 0 was asked for. */
  readonly port: number;
  stop(): Promise<void>;
}

/** Throws MillraceError ERR_LISTEN. */
export function startAdmin(host: string, port: number, target: AdminTarget): AdminEndpoint {
  try {
    const server = Bun.serve({
      hostname: host,
      port,
      development: false,
      reusePort: false, // "production" would share the port with whoever has it
      fetch: (request) => answer(request, target),
      error: () => new Response("internal error\n", { status: 500 }),
    });
    return { host, port: server.port ?? port, stop: () => server.stop(true) };
  } catch (error) {
    throw listenError({ kind: "inet", host, port, ipv6Only: false }, messageOf(error));
  }
}

function answer(request: Request, target: AdminTarget): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("only GET and HEAD\n", { status: 405, headers: { Allow: "GET, HEAD" } });
  }
  switch (new URL(request.url).pathname) {
    case "/stats":
      return Response.json({ pid: process.pid, ...target.stats() });
    case "/metrics":
      return new Response(formatPrometheus(target.stats()), {
        headers: { "Content-Type": PROMETHEUS_CONTENT_TYPE },
      });
    case "/healthz":
      return health(target);
    default:
      return new Response("try /stats, /metrics or /healthz\n", { status: 404 });
  }
}

function health(target: AdminTarget): Response {
  const ready = countReady(target.stats());
  const { workers } = target.settings;
  const state = target.isStopping ? "stopping" : `${ready} of ${workers} workers serve`;
  const healthy = !target.isStopping && ready === workers;
  return new Response(`${state}\n`, { status: healthy ? 200 : 503 });
}
