// A worker's entry for tests of the master: the real session, and under it a server of a few lines
// on Bun.listen. It answers any request with its worker's life, and a path says what else to do:
// /throw, /exit/N, /spin/MS. The "module" is its own URL, and the search says how to fail:
//   ?load=throw|exit|module|hang|block   ?setup=throw|exit|hang   ?adopt=exit   ?port=N   ?beat
//   ?fail-once=FILE   ?fail-while=FILE   ?tally=FILE

import { appendFileSync, existsSync, unlinkSync } from "node:fs";
import { CLOSE_DRAIN, CLOSE_PEER } from "../../src/core/close-reason.ts";
import {
  COUNT_ACCEPTED,
  COUNT_CLOSED_BASE,
  COUNT_LOOP_BEATS,
  COUNT_OPEN,
  COUNT_REQUESTS,
} from "../../src/core/counters.ts";
import { MillraceError } from "../../src/core/errors.ts";
import type {
  AttachSource,
  ListenerSpec,
  WorkerServer,
  WorkerServerOptions,
} from "../../src/master/worker-server.ts";
import { DescriptorLedger, type Orphan } from "../../src/net/uring/descriptor-ledger.ts";
import type { ServiceSource } from "../../src/server/load-service.ts";
import { runWorker } from "../../src/master/worker-session.ts";

interface FakeService {
  readonly query: URLSearchParams;
}

type FakeSocket = Bun.Socket<{ closing: boolean; lastMs: number }>;

class FakeServer implements WorkerServer {
  readonly listeners: readonly ListenerSpec[];
  private readonly options: WorkerServerOptions<FakeService>;
  private readonly bound: Bun.TCPSocketListener<{ closing: boolean; lastMs: number }>[] = [];
  private readonly open = new Set<FakeSocket>();
  private readonly life = crypto.randomUUID();

  constructor(options: WorkerServerOptions<FakeService>) {
    this.options = options;
    const { query } = options.service;
    const port = Number(query.get("port") ?? 0);
    const unix = query.get("unix");
    const main = { kind: "http", host: "127.0.0.1", port, name: "main" } as const;
    this.listeners = [unix === null ? main : { ...main, unix }];
    if (query.has("beat")) setInterval(() => (options.counters[COUNT_LOOP_BEATS]! += 1), 20);
  }

  async start(): Promise<void> {
    const mode = this.options.service.query.get("setup");
    if (mode === "throw") throw new Error("no database");
    if (mode === "exit") process.exit(6);
    if (mode === "hang") await new Promise(() => undefined);
  }

  adopt(orphans: readonly Orphan[]): void {
    new DescriptorLedger(this.options.ledger).inherit(orphans);
    if (this.options.service.query.get("adopt") === "exit") process.exit(7);
  }

  attach(_index: number, source: AttachSource): void {
    const socket = {
      open: (socket: FakeSocket) => this.opened(socket),
      data: (socket: FakeSocket, bytes: Buffer) => this.asked(socket, bytes.toString("latin1")),
      close: (socket: FakeSocket) => this.closed(socket),
    };
    const from: object =
      "dup" in source
        ? { fd: source.dup() }
        : { hostname: source.host, port: source.port, reusePort: true };
    const options = { ...from, socket } as unknown as Bun.TCPSocketListenOptions<{
      closing: boolean;
      lastMs: number;
    }>;
    this.bound.push(Bun.listen(options));
  }

  async detachAll(): Promise<void> {
    for (const listener of this.bound.splice(0)) listener.stop();
  }

  async drain({ quietMs, timeoutMs }: { quietMs: number; timeoutMs: number }): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (this.open.size > 0 && performance.now() < deadline) {
      for (const socket of this.open) {
        socket.data.closing = true;
        if (performance.now() - socket.data.lastMs >= quietMs) socket.end();
      }
      await Bun.sleep(5);
    }
    await this.closeAll();
  }

  async closeAll(): Promise<void> {
    for (const socket of this.open) socket.terminate();
  }

  private opened(socket: FakeSocket): void {
    socket.data = { closing: false, lastMs: performance.now() };
    this.open.add(socket);
    this.options.counters[COUNT_ACCEPTED]! += 1;
    this.options.counters[COUNT_OPEN]! += 1;
  }

  private closed(socket: FakeSocket): void {
    this.open.delete(socket);
    const reason = socket.data.closing ? CLOSE_DRAIN : CLOSE_PEER;
    this.options.counters[COUNT_OPEN]! -= 1;
    this.options.counters[COUNT_CLOSED_BASE + reason]! += 1;
  }

  private asked(socket: FakeSocket, text: string): void {
    socket.data.lastMs = performance.now();
    for (const match of text.matchAll(/(?:GET|POST) \/(\S*) HTTP/g)) {
      this.options.counters[COUNT_REQUESTS]! += 1;
      this.obey(match[1]!);
      const body = `${this.options.workerIndex} ${this.life}`;
      const close = socket.data.closing ? "Connection: close\r\n" : "";
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${close}\r\n${body}`);
      if (socket.data.closing) socket.shutdown();
    }
  }

  private obey(path: string): void {
    const [what, argument] = path.split("/");
    if (what === "throw") setTimeout(() => raise(), 0);
    if (what === "exit") process.exit(Number(argument));
    const spinUntil = performance.now() + (what === "spin" ? Number(argument) : 0);
    while (performance.now() < spinUntil);
  }
}

function raise(): never {
  throw new TypeError("thrown on demand");
}

async function loadService(source: ServiceSource): Promise<FakeService> {
  if (source.kind !== "module") throw new MillraceError("ERR_MODULE", "only modules here");
  const query = new URL(source.url).searchParams;
  const mode = query.get("load");
  if (mode === "throw") throw new Error("bad module");
  if (mode === "module") throw new MillraceError("ERR_MODULE", "Cannot load x: no usable export");
  if (mode === "exit") process.exit(5);
  if (mode === "hang") await new Promise(() => undefined);
  if (mode === "block") Bun.sleepSync(1_500);
  const tally = query.get("tally");
  if (tally !== null) appendFileSync(tally, "loaded\n");
  const failOnce = query.get("fail-once");
  if (failOnce !== null && existsSync(failOnce)) {
    unlinkSync(failOnce);
    throw new Error("failed once");
  }
  const failWhile = query.get("fail-while");
  if (failWhile !== null && existsSync(failWhile)) throw new Error("fails for now");
  return { query };
}

runWorker({ loadService, createServer: (options) => new FakeServer(options) });
