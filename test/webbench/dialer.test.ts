import { afterEach, describe, expect, test } from "bun:test";
import type { Client } from "../../src/webbench/client.ts";
import { CLIENT_CONNECTING, CLIENT_DEAD } from "../../src/webbench/client.ts";
import { Dialer } from "../../src/webbench/dialer.ts";
import { closedPort, OK, originOf, ScriptedServer } from "./load-world.ts";

let server: ScriptedServer | null = null;
afterEach(() => server?.stop());

/** A client that only notes what becomes of it. */
class NotedClient {
  readonly origin = 0;
  state: number = CLIENT_CONNECTING;
  sinceMs: number = performance.now();
  isBackingOff = false;
  readonly settled: Promise<string>;
  private settle!: (how: string) => void;

  constructor() {
    this.settled = new Promise((resolve) => (this.settle = resolve));
  }

  dialled(nowMs: number): void {
    this.sinceMs = nowMs;
  }

  opened(socket: { terminate(): void }): void {
    this.state = CLIENT_DEAD;
    this.settle("opened");
    socket.terminate();
  }

  connectFailed(code: string): void {
    this.settle(code);
  }

  closed(): void {
    this.settle("closed");
  }
}

function dialer(port: number, tls = false, rested: unknown[] = []): Dialer {
  const origin = { ...originOf(port), tls: tls ? { serverName: "x", verify: true } : null };
  return new Dialer({
    origins: [origin],
    connectionsPerSecond: 0,
    onBug: (error) => {
      throw error;
    },
    onRested: (client) => void rested.push(client),
  });
}

const asClient = (client: NotedClient): Client => client as unknown as Client;

describe("Dialer", () => {
  test("connects many clients, not all in one turn", async () => {
    server = await ScriptedServer.answering(OK);
    const clients = Array.from({ length: 300 }, () => new NotedClient());
    const dial = dialer(server.port);
    for (const client of clients) dial.dial(asClient(client));
    expect(dial.isIdle).toBe(false); // those beyond the first turn wait
    const ends = await Promise.all(clients.map(({ settled }) => settled));
    expect(new Set(ends)).toEqual(new Set(["opened"]));
    expect(dial.isIdle).toBe(true);
  });

  test("forgets who has given up while waiting", async () => {
    server = await ScriptedServer.answering(OK);
    const clients = Array.from({ length: 129 }, () => new NotedClient());
    const dial = dialer(server.port);
    for (const client of clients) dial.dial(asClient(client));
    clients[128]!.state = CLIENT_DEAD;
    await Promise.all(clients.slice(0, 128).map(({ settled }) => settled));
    while (server.connections < 128) await Bun.sleep(1);
    expect(server.connections).toBe(128);
  });

  test("tells why it could not connect", async () => {
    const client = new NotedClient();
    dialer(await closedPort()).dial(asClient(client));
    expect(await client.settled).toBe("ECONNREFUSED");
  });

  test("takes a failed handshake for a failure to connect", async () => {
    server = await ScriptedServer.start(
      () => undefined,
      (socket) => void socket.write("this is no TLS\r\n\r\n"),
    );
    const client = new NotedClient();
    dialer(server.port, true).dial(asClient(client));
    expect(await client.settled).not.toBe("opened");
    const cut = new NotedClient();
    const closer = await ScriptedServer.start(
      () => undefined,
      (socket) => void socket.resetAndDestroy(),
    );
    dialer(closer.port, true).dial(asClient(cut));
    expect(await cut.settled).not.toBe("opened");
    closer.stop();
  });

  test("lets a client rest before it may begin anew", () => {
    const rested: unknown[] = [];
    const dial = dialer(1, false, rested);
    const client = new NotedClient();
    client.sinceMs = 1_000;
    dial.rest(asClient(client));
    expect(client.isBackingOff).toBe(true);
    dial.tick(1_001);
    expect(rested).toEqual([]);
    dial.tick(1_100);
    expect(rested).toEqual([client]);
    expect(client.isBackingOff).toBe(false);
  });
});
