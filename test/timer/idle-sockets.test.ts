// Idle eviction on real sockets: the wheel, its driver and Bun's own loop together.

import type { Socket } from "bun";
import { afterEach, expect, test } from "bun:test";
import { systemClock } from "../../src/core/clock.ts";
import { TimerDriver } from "../../src/timer/timer-driver.ts";
import { TimingWheel } from "../../src/timer/timing-wheel.ts";

const TICK_MS = 20;

interface Connection {
  id: number;
  heardMs: number;
  closedMs: number;
}

/** A server that closes what is silent for `timeoutMs`. */
class IdleServer {
  readonly connections: Connection[] = [];
  readonly clients: Socket[] = [];
  readonly driver: TimerDriver;
  private readonly sockets: Socket<Connection>[] = [];
  private readonly listener: Bun.TCPSocketListener<Connection>;
  private readonly timeoutMs: number;
  private waiting: () => void = () => {};

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    const nowMs = systemClock.nowMs();
    const wheel = new TimingWheel({ capacity: 16, tickMs: TICK_MS, nowMs });
    this.driver = new TimerDriver({
      wheel,
      clock: systemClock,
      onExpire: (id, firedMs) => this.evict(id, firedMs),
    });
    this.listener = Bun.listen<Connection>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => this.open(socket),
        data: (socket) => this.renew(socket.data),
      },
    });
  }

  async connect(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const { port } = this.listener;
      const socket = { data() {}, error() {} };
      this.clients.push(await Bun.connect({ hostname: "127.0.0.1", port, socket }));
    }
    await this.until(() => this.connections.length === count);
  }

  /** Waits until something that the server does has made it true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.waiting = resolve));
  }

  stop(): void {
    this.driver.stop();
    this.listener.stop(true);
    for (const client of this.clients) client.terminate();
  }

  private open(socket: Socket<Connection>): void {
    socket.data = { id: this.connections.length, heardMs: 0, closedMs: 0 };
    this.connections.push(socket.data);
    this.sockets.push(socket);
    this.renew(socket.data);
  }

  private renew(connection: Connection): void {
    connection.heardMs = systemClock.nowMs();
    this.driver.schedule(connection.id, connection.heardMs + this.timeoutMs);
    this.waiting();
  }

  private evict(id: number, firedMs: number): void {
    this.connections[id]!.closedMs = firedMs;
    this.sockets[id]!.terminate();
    this.waiting();
  }
}

let server: IdleServer;
afterEach(() => server.stop());

test("silent sockets are closed, never early; those that speak in time are not", async () => {
  const timeoutMs = 300;
  server = new IdleServer(timeoutMs);
  await server.connect(40);
  const speaking = setInterval(() => {
    for (let id = 0; id < 40; id += 2) server.clients[id]!.write("x");
  }, 20);
  await server.until(() => server.connections.filter((it) => it.closedMs > 0).length >= 20);
  clearInterval(speaking);
  for (const { id, heardMs, closedMs } of server.connections) {
    expect(closedMs > 0).toBe(id % 2 === 1);
    if (closedMs > 0) expect(closedMs - heardMs).toBeGreaterThanOrEqual(timeoutMs);
  }
});

test("a loop blocked for three timeouts evicts nobody whose data was waiting", async () => {
  const timeoutMs = 150;
  server = new IdleServer(timeoutMs);
  await server.connect(60);
  for (let id = 0; id < 60; id++) if (id % 6 !== 5) server.clients[id]!.write("x");
  const until = systemClock.nowMs() + 3 * timeoutMs;
  while (systemClock.nowMs() < until); // the loop stands still, the kernel does not
  await server.until(() => server.connections.some((it) => it.closedMs > 0));
  const silent = server.connections.filter((it) => it.id % 6 === 5);
  await server.until(() => silent.every((it) => it.closedMs > 0));
  for (const { id, closedMs, heardMs } of server.connections) {
    if (id % 6 !== 5 && closedMs > 0) {
      expect(closedMs - heardMs).toBeGreaterThanOrEqual(timeoutMs);
      expect(heardMs).toBeGreaterThanOrEqual(until);
    }
  }
  expect(server.driver.stallCount).toBeGreaterThanOrEqual(1);
});
