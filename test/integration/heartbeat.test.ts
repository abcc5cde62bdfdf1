// The reference's three cases in real time, over real sockets and through the command, with T = 2
// s: a silent connection is closed after T and not before, data in its last moment renews the whole
// T, and of many connections exactly the silent ones go. "Not later" is one tick and a machine's
// jitter, so the late side is checked by what else has happened, not by a clock.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000);

const APP = fileURLToPath(new URL("./heartbeat-app.ts", import.meta.url));
const T_MS = 2_000;
const LISTENER_IDLE = 0;
const LISTENER_PEER_BEATS = 1;
const LISTENER_WE_BEAT = 2;
const LISTENER_BLOCKS = 3;
const LISTENER_SHORT = 4;
const SHORT_MS: number = T_MS / 5;
const BEAT = Buffer.from([0, 0]);
const TICK_MS = 50;

let server: ServerProcess;
let admin: string;

beforeAll(async () => {
  const args = [APP, "--admin", "127.0.0.1:0", "--workers", "1"];
  server = await ServerProcess.start(args, { TEST_TIMEOUT_MS: String(T_MS) });
  await server.untilLogged(/counters at/);
  while (server.stdout.length < 5) await Bun.sleep(2);
  admin = /at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
});
afterAll(() => server.kill());

async function counter(name: string): Promise<number> {
  const stats = (await (await fetch(`${admin}/stats`)).json()) as {
    totals: Record<string, number>;
  };
  return stats.totals[name]!;
}

/** A close is counted when both ends have closed, a moment after the peer has seen ours. */
async function settled(name: string, expected: number): Promise<number> {
  const deadline = performance.now() + 5_000;
  let count = await counter(name);
  while (count < expected && performance.now() < deadline) count = await counter(name);
  return count;
}

class Peer {
  /** Resolves with the time of the server's FIN. */
  readonly ended: Promise<number>;
  isOpen = true;
  received = 0;
  answersBeats = false;
  private readonly socket: Socket;
  private lastSentMs = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.ended = promise;
    socket.on("data", (chunk) => {
      this.received += chunk.length;
      if (this.answersBeats) this.send(BEAT);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isOpen = false;
      resolve(performance.now());
    });
  }

  static open(listener: number): Promise<Peer> {
    const port = Number(/:(\d+) /.exec(server.stdout[listener]!)![1]);
    const { promise, resolve } = Promise.withResolvers<Peer>();
    const before = performance.now();
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => {
      peer.lastSentMs = before;
      resolve(peer);
    });
    const peer = new Peer(socket);
    return promise;
  }

  send(bytes: Uint8Array): void {
    this.lastSentMs = performance.now();
    this.socket.write(bytes);
  }

  /** How long it was silent before the server ended it. */
  async silentMs(): Promise<number> {
    return (await this.ended) - this.lastSentMs;
  }

  async answered(bytes: number): Promise<void> {
    while (this.received < bytes) await Bun.sleep(1);
  }

  close(): void {
    this.socket.destroy();
  }
}

const text = (payload: string): Buffer =>
  Buffer.concat([Buffer.from([0, payload.length]), Buffer.from(payload)]);

test.concurrent("exactly the silent ones are closed, after T and not before", async () => {
  const idleBefore = await counter("closed_idle");
  const renewed = await Peer.open(LISTENER_IDLE);
  const silent = await Promise.all(Array.from({ length: 40 }, () => Peer.open(LISTENER_IDLE)));
  const active = await Promise.all(Array.from({ length: 40 }, () => Peer.open(LISTENER_IDLE)));
  const talking = setInterval(() => active.forEach((peer) => peer.send(text("x"))), T_MS / 4);
  // In its last moment: a full T again from here.
  setTimeout(() => renewed.send(text("renew")), T_MS - 4 * TICK_MS);
  for (const silence of await Promise.all(silent.map((peer) => peer.silentMs()))) {
    expect(silence).toBeGreaterThanOrEqual(T_MS);
  }
  expect(renewed.isOpen).toBe(true);
  expect(await renewed.silentMs()).toBeGreaterThanOrEqual(T_MS);
  clearInterval(talking);
  expect(active.every((peer) => peer.isOpen)).toBe(true);
  const evicted = idleBefore + silent.length + 1;
  expect(await settled("closed_idle", evicted)).toBe(evicted);
  for (const peer of active) peer.close();
});

test.concurrent("heartbeats keep a peer that has nothing to say, in both directions", async () => {
  const [heartBefore, silent, deaf] = [
    await counter("closed_heartbeat"),
    await Peer.open(LISTENER_PEER_BEATS),
    await Peer.open(LISTENER_WE_BEAT),
  ];
  const [beating, answering] = [
    await Peer.open(LISTENER_PEER_BEATS),
    await Peer.open(LISTENER_WE_BEAT),
  ];
  answering.answersBeats = true;
  const beats = setInterval(() => beating.send(BEAT), T_MS / 4);
  expect(await silent.silentMs()).toBeGreaterThanOrEqual(T_MS);
  expect(await deaf.silentMs()).toBeGreaterThanOrEqual(T_MS);
  expect(deaf.received).toBeGreaterThanOrEqual(2 * BEAT.length); // it was asked
  clearInterval(beats);
  expect([beating.isOpen, answering.isOpen]).toEqual([true, true]);
  expect(beating.received).toBeGreaterThanOrEqual(2 * BEAT.length); // it was answered
  expect(await settled("closed_heartbeat", heartBefore + 2)).toBe(heartBefore + 2);
  for (const peer of [beating, answering]) peer.close();
});

test("a loop that was blocked for three times T evicts nobody whose data waits", async () => {
  const before = await counter("closed_idle");
  const waiting = await Promise.all(Array.from({ length: 20 }, () => Peer.open(LISTENER_SHORT)));
  for (const peer of waiting) peer.send(text("first"));
  for (const peer of waiting) await peer.answered(7);
  const blocker = await Peer.open(LISTENER_BLOCKS);
  const payload = Buffer.alloc(4);
  payload.writeUInt16BE(2, 0);
  payload.writeUInt16BE(3 * SHORT_MS, 2);
  blocker.send(payload);
  for (const peer of waiting) peer.send(text("while it is blocked"));
  const bytes = 7 + 2 + "while it is blocked".length;
  for (const peer of waiting) await peer.answered(bytes); // all of them are answered
  expect(waiting.every((peer) => peer.isOpen)).toBe(true);
  expect(await counter("closed_idle")).toBe(before);
  for (const silence of await Promise.all(waiting.map((peer) => peer.silentMs()))) {
    expect(silence).toBeGreaterThanOrEqual(SHORT_MS);
  }
  const evicted = before + waiting.length;
  expect(await settled("closed_idle", evicted)).toBe(evicted);
  blocker.close();
});
