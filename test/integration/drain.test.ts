// The end of a server: what has begun is finished, what is idle is closed, new connections are
// refused, and nothing lasts beyond the deadline or a second signal.

import { afterAll, afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LoadClient } from "../support/load-client.ts";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const APP = fileURLToPath(new URL("../support/slow-app.ts", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "millrace-"));
afterAll(() => rmSync(folder, { recursive: true }));
let holds = 0;

let server: ServerProcess;
afterEach(() => server.kill());

class Peer {
  received = "";
  ended = false;
  refused = false;
  private readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (chunk) => void (this.received += chunk.toString("latin1")));
    this.socket.on("error", () => void (this.refused = this.received === ""));
    this.socket.on("close", () => void (this.ended = true));
  }

  ask(path: string): void {
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  }

  async until(holds: (peer: Peer) => boolean): Promise<void> {
    while (!holds(this)) await Bun.sleep(2);
  }

  drop(): void {
    this.socket.destroy();
  }
}

const answered = ({ received }: Peer) => received.includes("\r\n\r\nanswer");
const ended = (peer: Peer) => peer.ended;

/** Asks for an answer that comes when it is released. */
function hold(peer: Peer): () => void {
  const path = join(folder, String((holds += 1)));
  peer.ask(`/hold/${encodeURIComponent(path)}`);
  return () => writeFileSync(path, "");
}

async function openConnections(count: number): Promise<void> {
  await server.untilLogged(/counters at/);
  const admin = /at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
  const open = async () => {
    const { totals } = (await (await fetch(`${admin}/stats`)).json()) as {
      totals: { open: number };
    };
    return totals.open;
  };
  while ((await open()) !== count) await Bun.sleep(5);
}

async function start(...args: string[]): Promise<ServerProcess> {
  server = await ServerProcess.start([APP, ...args]);
  return server;
}

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s finishes requests, closes the idle, refuses the new, and leaves with 0",
  async (signal) => {
    const { port } = await start("--admin", "127.0.0.1:0");
    const [idle, silent, busy] = [new Peer(port), new Peer(port), new Peer(port)];
    idle.ask("/");
    await idle.until(answered);
    const release = hold(busy);
    await server.untilLogged(/holding/);
    await openConnections(3); // the silent one is accepted after a second
    server.signal(signal);
    await server.untilLogged(/draining/);
    await Promise.all([idle.until(ended), silent.until(ended)]);
    const late = new Peer(port);
    late.ask("/");
    await late.until(ended);
    expect(late.received).toBe("");
    expect(late.refused).toBe(true);
    expect(busy.received).toBe("");
    release();
    await busy.until(ended);
    expect(answered(busy)).toBe(true);
    expect(busy.received.toLowerCase()).toContain("\r\nconnection: close\r\n");
    expect((await server.untilEnded()).code).toBe(0);
  },
);

test("a stop under load cuts nobody off who was let in", async () => {
  const { port } = await start();
  const client = new LoadClient({ hostname: "127.0.0.1", port });
  client.oneShot(40, "/", /^answer$/);
  while (client.books.answered < 200) await Bun.sleep(1);
  server.signal("SIGTERM");
  expect((await server.untilEnded()).code).toBe(0);
  expect(await client.stop()).toMatchObject({ cutOff: 0, wrong: 0 });
});

test("the deadline cuts what does not end, and the exit code is 0 still", async () => {
  const { port } = await start("--drain-timeout", "150ms");
  const stuck = new Peer(port);
  hold(stuck);
  await server.untilLogged(/holding/);
  server.signal("SIGTERM");
  await stuck.until(ended);
  expect(answered(stuck)).toBe(false);
  expect((await server.untilEnded()).code).toBe(0);
});

test("a worker that computes for ever does not outlive the deadline", async () => {
  const { port } = await start("--drain-timeout", "50ms");
  const spinning = new Peer(port);
  spinning.ask("/spin");
  await server.untilLogged(/spinning/);
  server.signal("SIGTERM");
  expect((await server.untilEnded()).code).toBe(0);
  expect(spinning.ended || !answered(spinning)).toBe(true);
});

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("a second signal ends at once: %s with %d", async (second, code) => {
  const { port } = await start();
  const stuck = new Peer(port);
  hold(stuck);
  await server.untilLogged(/holding/);
  server.signal("SIGTERM");
  await server.untilLogged(/draining/);
  const pressing = setInterval(() => server.signal(second), 20); // the first may pass for an echo
  const finished = await server.untilEnded().finally(() => clearInterval(pressing));
  expect(finished.code).toBe(code);
  await stuck.until(ended);
});

test("a signal that the whole process group gets, and a runner hands on, is one", async () => {
  const { port } = await start();
  const busy = new Peer(port);
  const release = hold(busy);
  await server.untilLogged(/holding/);
  server.signal("SIGINT");
  server.signal("SIGTERM"); // two of the same may be one to the kernel
  await server.untilLogged(/draining/);
  release();
  await busy.until(ended);
  expect(answered(busy)).toBe(true);
  expect((await server.untilEnded()).code).toBe(0);
});

test("a reload lets requests finish in the old worker and runs clean-ups", async () => {
  const { port } = await start();
  const busy = new Peer(port);
  const release = hold(busy);
  await server.untilLogged(/holding/);
  server.signal("SIGHUP");
  await server.untilLogged(/reload: done/);
  expect(busy.received).toBe("");
  release();
  await busy.until(ended);
  expect(answered(busy)).toBe(true);
  await server.untilLogged(/cleaned up/, 2);
});

test("signals in a heap are one reload more than the one that runs", async () => {
  await start();
  for (let i = 0; i < 20; i += 1) server.signal("SIGHUP");
  await server.untilLogged(/reload: done/);
  server.signal("SIGTERM");
  const { code, stderr } = await server.untilEnded();
  expect(code).toBe(0);
  expect(stderr.match(/reload: replacing/g)!.length).toBeLessThanOrEqual(2);
});

test("a server outlives the reader of its log", async () => {
  const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
  // Closes its own end of the log's pipe before the server writes its first line.
  const start = '"$0" "$1" start "$2" --port 0 --workers 1 >&3';
  const command = `exec 3>&1; { ${start}; echo "code $?" >&3; } 2>&1 | :`;
  const child = Bun.spawn(["sh", "-c", command, process.execPath, main, APP], { stdout: "pipe" });
  const lines: string[] = [];
  for await (const chunk of child.stdout) {
    lines.push(new TextDecoder().decode(chunk));
    const url = / on (http:\S+)/.exec(lines.join(""))?.[1];
    if (url === undefined || lines.length > 1) continue;
    expect(await (await fetch(`${url}/hold/%2F`)).text()).toBe("answer"); // the app logs here
    const { pid } = (await (await fetch(`${url}/pid`)).json()) as { pid: number };
    process.kill(pid, "SIGHUP");
    process.kill(pid, "SIGTERM");
  }
  expect(lines.join("")).toContain("code 0");
});
