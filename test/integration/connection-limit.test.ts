// The connection limit on real sockets: whoever comes above it waits in the kernel's queue, is lost
// or refused by nobody, and costs the server nothing while it waits; also next to the limit of
// descriptors, where the runtime's accept loop would spin.

import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ServerProcess } from "../support/server-process.ts";

const REQUEST = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n";
const WATCH_MS = 300;
const SPIN_SHARE = 0.5; // a loop that spins takes all of a processor; waiting takes 1 % of it
const TICKS_PER_SECOND = 100;

let server: ServerProcess | null = null;
let callers: Caller[] = [];
afterEach(async () => {
  for (const caller of callers) caller.hangUp();
  callers = [];
  await server?.kill();
});

/** Connects, asks once, and stays until it hangs up. */
class Caller {
  isConnected = false;
  isAnswered = false;
  isLost = false;
  private received = "";
  private socket: Bun.Socket<undefined> | null = null;

  async call(port: number): Promise<void> {
    try {
      this.socket = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: {
          open: (socket) => void socket.write(REQUEST),
          data: (_socket, chunk) => this.hear(chunk.toString("latin1")),
          close: () => void (this.isLost = this.socket !== null),
        },
      });
      this.isConnected = true;
    } catch {
      this.isLost = true;
    }
  }

  hangUp(): void {
    const { socket } = this;
    this.socket = null;
    socket?.end();
  }

  private hear(text: string): void {
    this.received += text;
    this.isAnswered =
      this.received.startsWith("HTTP/1.1 200 ") && this.received.endsWith("Hello, World!");
  }
}

async function start(running: Promise<ServerProcess>): Promise<(name: string) => Promise<number>> {
  server = await running;
  await server.untilLogged(/counters at/);
  const admin = /at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
  return async (name) => {
    const stats = (await (await fetch(`${admin}/stats`)).json()) as {
      totals: Record<string, number>;
    };
    return stats.totals[name] ?? Number.NaN;
  };
}

async function callMany(count: number): Promise<void> {
  const made = Array.from({ length: count }, () => new Caller());
  callers.push(...made);
  await Promise.all(made.map((caller) => caller.call(server!.port)));
}

function answeredCount(): number {
  return callers.filter((caller) => caller.isAnswered).length;
}

function lostCount(): number {
  return callers.filter((caller) => caller.isLost).length;
}

async function untilAnswered(count: number): Promise<void> {
  while (answeredCount() < count && lostCount() === 0) await Bun.sleep(1);
}

/** Processor time of the server while nothing happens, as a share of the time that passes. */
async function restingShare(): Promise<number> {
  const before = ticks();
  const startMs = performance.now();
  await Bun.sleep(WATCH_MS);
  return (ticks() - before) / TICKS_PER_SECOND / ((performance.now() - startMs) / 1000);
}

function ticks(): number {
  const stat = readFileSync(`/proc/${server!.pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Everybody is answered in the end, as those before them hang up. */
async function serveInTurn(): Promise<void> {
  while (callers.length > 0 && lostCount() === 0) {
    await untilAnswered(1);
    for (const caller of callers) if (caller.isAnswered) caller.hangUp();
    callers = callers.filter((caller) => !caller.isAnswered);
  }
  expect([callers.length, lostCount()]).toEqual([0, 0]);
}

test("200 callers at a limit of 50: 150 wait at no cost, all are answered", async () => {
  const limits = ["--workers", "1", "--max-connections", "50", "--admin", "127.0.0.1:0"];
  const total = await start(ServerProcess.start(limits));
  await callMany(200);
  await untilAnswered(50);
  expect(await restingShare()).toBeLessThan(SPIN_SHARE);
  expect([answeredCount(), lostCount(), await total("open")]).toEqual([50, 0, 50]);
  expect(callers.every((caller) => caller.isConnected)).toBe(true);
  await serveInTurn();
  expect([await total("requests"), await total("accepted")]).toEqual([200, 200]);
  expect(await total("detached")).toBeGreaterThan(2);
  expect(await total("closed_limit")).toBe(0);
  expect(server!.logged(/connection limit is reached/)).toBe(1);
});

test("a burst over two workers at a limit of 3 each loses nobody", async () => {
  const limits = ["--max-connections", "3", "--admin", "127.0.0.1:0"];
  const total = await start(ServerProcess.start(limits));
  await callMany(300);
  await serveInTurn();
  expect(await total("accepted")).toBe(300);
});

test("64 descriptors and 150 callers: the limit keeps clear, nothing spins", async () => {
  const total = await start(
    ServerProcess.startWithin(64, ["--workers", "1", "--admin", "127.0.0.1:0"]),
  );
  await callMany(150);
  await untilAnswered(30);
  expect(await restingShare()).toBeLessThan(SPIN_SHARE);
  expect(await total("open")).toBeLessThanOrEqual(32);
  expect(lostCount()).toBe(0);
  await serveInTurn();
  expect(await total("accepted")).toBe(150);
});
