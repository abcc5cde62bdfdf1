// A load generator inside the test's own process, and servers that behave as they are told: what
// the tests of webbench play with. Every server counts what reached it.

import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { METHOD_GET } from "../../src/http/methods.ts";
import { Generator, PHASE_OVER } from "../../src/webbench/generator.ts";
import { LatencySummary } from "../../src/webbench/latency-summary.ts";
import type { LoadShare, Origin } from "../../src/webbench/load-plan.ts";
import { addTally, takeTally, Tally } from "../../src/webbench/tally.ts";

export const REQUEST = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

export class ScriptedServer {
  connections = 0;
  requests = 0;
  readonly port: number;
  private readonly server: Server;
  private readonly sockets: Set<Socket> = new Set();

  private constructor(server: Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** `answer` is called for every blank line that arrives: the end of a request. */
  static async start(
    answer: (socket: Socket, server: ScriptedServer) => void,
    opened: (socket: Socket) => void = () => undefined,
  ): Promise<ScriptedServer> {
    const listener = createServer({ allowHalfOpen: false });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const server = new ScriptedServer(listener);
    listener.on("connection", (socket) => server.accept(socket, answer, opened));
    return server;
  }

  /** Answers every request with the same bytes. */
  static answering(bytes: string): Promise<ScriptedServer> {
    return ScriptedServer.start((socket) => void socket.write(bytes));
  }

  get origin(): Origin {
    const { port } = this;
    return { name: `127.0.0.1:${port}`, hostname: "127.0.0.1", port, unix: null, tls: null };
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private accept(
    socket: Socket,
    answer: (socket: Socket, server: ScriptedServer) => void,
    opened: (socket: Socket) => void,
  ): void {
    this.connections++;
    this.sockets.add(socket);
    let text = "";
    socket.on("error", () => undefined);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("data", (chunk) => {
      const parts = (text + chunk.toString("latin1")).split("\r\n\r\n");
      text = parts.pop()!;
      for (let count = parts.length; count > 0; count--) {
        this.requests++;
        answer(socket, this);
      }
    });
    opened(socket);
  }
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = await ScriptedServer.answering(OK);
  server.stop();
  return server.port;
}

export function originOf(port: number): Origin {
  return { name: `127.0.0.1:${port}`, hostname: "127.0.0.1", port, unix: null, tls: null };
}

/** A closed loop of 2 clients with 20 requests, unless it is told otherwise. */
export function shareFor(origin: Origin, changes: Partial<LoadShare> = {}): LoadShare {
  const clients = changes.clients ?? 2;
  const durationMs = changes.durationMs ?? 5_000;
  return {
    origins: [origin],
    requests: [{ origin: 0, weight: 1, method: METHOD_GET, bytes: base64(REQUEST) }],
    reply: { kind: "http" },
    perRequest: false,
    pipeline: 1,
    success: ["2xx"],
    open: null,
    stages: [{ ms: durationMs, to: clients }],
    startAt: clients,
    count: 20,
    warmUpMs: 0,
    graceMs: 0,
    timeoutMs: 2_000,
    connectTimeoutMs: 2_000,
    connectionsPerSecond: 0,
    tickMs: 100,
    index: 0,
    processes: 1,
    ...changes,
    clients,
    durationMs,
  };
}

export function base64(text: string): string {
  return Buffer.from(text, "latin1").toString("base64");
}

export interface Measured {
  readonly tally: Tally;
  readonly total: LatencySummary;
  readonly firstByte: LatencySummary;
  readonly connect: LatencySummary;
  readonly service: LatencySummary | null;
  readonly phases: readonly number[];
  readonly elapsedMs: number;
}

/** Runs a generator to its end; `during` may stop it. Throws what its handlers throw. */
export async function measure(
  share: LoadShare,
  during: (generator: Generator) => void = () => undefined,
): Promise<Measured> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const phases: number[] = [];
  const generator = new Generator(share, {
    onPhase: (phase) => {
      phases.push(phase);
      if (phase === PHASE_OVER) resolve();
    },
    onBug: reject,
  });
  const startMs = performance.now();
  generator.start();
  during(generator);
  await promise;
  const tally = new Tally();
  addTally(tally, takeTally(generator.tally));
  const { total, firstByte, connect, service } = generator;
  return {
    tally,
    total: summaryOf(total),
    firstByte: summaryOf(firstByte),
    connect: summaryOf(connect),
    service: service === null ? null : summaryOf(service),
    phases,
    elapsedMs: performance.now() - startMs,
  };
}

function summaryOf(buckets: { takeCounts(): number[] }): LatencySummary {
  const summary = new LatencySummary();
  summary.addCounts(buckets.takeCounts());
  return summary;
}
