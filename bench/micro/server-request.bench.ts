// A request through everything but the kernel: connection, session, parser, router, handler,
// answer, on a socket that takes whatever it is given. And the router alone. One call is 1,000
// requests, or 1,000 paths. Prints a hash of the bytes that were answered.
//
//   taskset -c 1 bun bench/micro/server-request.bench.ts

import { bench, do_not_optimize, group, run } from "mitata";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { systemClock } from "../../src/core/clock.ts";
import { COUNT_BYTES_OUT, COUNTERS_PER_ROW } from "../../src/core/counters.ts";
import { createLog } from "../../src/core/log.ts";
import { MIB } from "../../src/core/limits.ts";
import { hashPath } from "../../src/http/path-hash.ts";
import { METHOD_GET } from "../../src/http/methods.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import type { Connection } from "../../src/net/connection.ts";
import type { RawSocket } from "../../src/net/raw-socket.ts";
import { Reactor } from "../../src/net/reactor.ts";
import { TopicChannel } from "../../src/server/channel.ts";
import { HttpApplication } from "../../src/server/http-application.ts";
import { Router } from "../../src/server/router.ts";
import { http, type HttpListenerOptions } from "../../src/server/service.ts";
import { resolveSettings } from "../../src/server/settings.ts";

const REQUESTS = 1_000;
const PIPELINE = 16;
const BODY_BYTES = 1_000;

const settings = resolveSettings({ workers: 1 }, { processors: 1, fdLimit: 1000 });

/** Of one listener, with one connection: delivers `text`, which holds so many requests. */
function connect(options: HttpListenerOptions, text: string, requests: number): () => number {
  const counters = new Float64Array(COUNTERS_PER_ROW);
  const reactor = new Reactor({
    clock: systemClock,
    pool: new BufferPool(new PlainStore(64 * MIB)),
    counters,
    limits: { maxConnections: 10, writeStallMs: Infinity, writeBytesMin: 1 },
  });
  const worker = { index: 0, workers: 1, channel: new TopicChannel(() => {}) };
  const times = { ...settings, bodyWindowMs: 10_000, bodyWindowBytesMin: 1 };
  const application = new HttpApplication(http(options), times, reactor, createLog(), worker);
  const handlers = reactor.handlers(application);
  const socket = takingAll();
  handlers.open(socket);
  const chunk = Buffer.from(text, "latin1");
  return () => {
    const before = counters[COUNT_BYTES_OUT]!;
    for (let done = 0; done < REQUESTS; done += requests) handlers.data(socket, chunk);
    return counters[COUNT_BYTES_OUT]! - before;
  };
}

function takingAll(): RawSocket<Connection> {
  return {
    data: null as unknown as Connection, // the reactor puts it there
    remoteAddress: "127.0.0.1",
    remotePort: 1,
    write: (_bytes, _offset, length) => length,
    shutdown() {},
    close() {},
    terminate() {},
    pause() {},
    resume() {},
  };
}

const GET = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const POST = `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`;
const routes = http({
  routes: {
    "GET /hello": (_request, response) => response.text("Hello, World!"),
    "GET /users/:id": (request, response) => response.text(request.params["id"]!),
    "POST /echo": (request, response) => response.text(request.path),
  },
});

const WORK: readonly [name: string, work: () => number][] = [
  ["GET, a fixed path", connect(routes, GET, 1)],
  [`GET, ${PIPELINE} pipelined`, connect(routes, GET.repeat(PIPELINE), PIPELINE)],
  ["GET, a parameter", connect(routes, GET.replace("/hello", "/users/17"), 1)],
  ["POST of 1,000 bytes", connect(routes, POST + "x".repeat(BODY_BYTES), 1)],
  ["not found", connect(routes, GET.replace("/hello", "/nothing"), 1)],
];
group(`requests x ${REQUESTS}`, () => {
  for (const [name, work] of WORK) bench(name, () => do_not_optimize(work()));
});

const router = new Router<number>();
for (let index = 0; index < 100; index++) {
  router.add(`GET /fixed/path/${index}`, index);
  router.add(`GET /users/:id/items${index}/:item`, index);
}

function find(path: string): number {
  const bytes = Buffer.from(path, "latin1");
  const pathHash = hashPath(path);
  let sum = 0;
  for (let count = 0; count < REQUESTS; count++) {
    const match = router.find(bytes, 0, bytes.length, pathHash, METHOD_GET);
    sum = (Math.imul(sum, 31) + (match.handler ?? -1)) | 0;
  }
  return sum;
}

const PATHS = ["/fixed/path/77", "/users/17/items77/3", "/nothing/here"];
group(`one of 200 routes x ${REQUESTS}`, () => {
  for (const path of PATHS) bench(path, () => do_not_optimize(find(path)));
});

await run();
let hash = 0;
for (const [, work] of WORK) hash = (Math.imul(hash, 31) + work()) | 0;
for (const path of PATHS) hash = (Math.imul(hash, 31) + find(path)) | 0;
console.log(`hash of one round: ${hash >>> 0}`);
process.exit(0);
