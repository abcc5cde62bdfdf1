// Peers that ask for much and take little, against the real server. Memory stays within the caps,
// others are served meanwhile, and whoever takes nothing is closed for just that.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MIB } from "../../src/core/limits.ts";
import { ServerProcess } from "../support/server-process.ts";

const APP = fileURLToPath(new URL("./slow-reader-app.ts", import.meta.url));
const PEERS_PER_KIND = 8;

// Measured with 32 peers, who ask for 3.2 GB: 428 KB of io_bufs a peer, 72 MB of growth (of which
// most is garbage of 258,000 pipelined requests), 4.1 MB made a stream, all but 0.4 in the kernel.
const HELD_BYTES_MAX = 512 * 1024;
const GROWTH_BYTES_MAX = 200 * MIB;
const MADE_BYTES_MAX = 12 * MIB;

const SOME_BYTES = 12 * MIB;
const SLOW_READS = 4; // so often the peer rests, longer in all than the write timeout
const SLOW_READ_MS = 500;

let server: ServerProcess;
let admin = "";
const sockets: Bun.Socket<undefined>[] = [];

beforeEach(async () => {
  const limits = ["--workers", "1", "--write-timeout", "1s", "--admin", "127.0.0.1:0"];
  server = await ServerProcess.start([APP, ...limits]);
  await server.untilLogged(/counters at/);
  admin = /at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await server.kill();
});

async function total(name: string): Promise<number> {
  const stats = (await (await fetch(`${admin}/stats`)).json()) as {
    totals: Record<string, number>;
  };
  return stats.totals[name] ?? Number.NaN;
}

function rssBytes(): number {
  const pages = readFileSync(`/proc/${server.pid}/statm`, "latin1").split(" ")[1];
  return Number(pages) * 4096;
}

async function hello(): Promise<void> {
  const answer = await fetch(`${server.url}/hello`);
  expect([answer.status, await answer.text()]).toEqual([200, "Hello, World!"]);
}

/** Asks, and then reads nothing. */
async function deafPeer(path: string): Promise<void> {
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: {
      open(opened) {
        opened.pause();
        opened.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
      },
      data() {},
    },
  });
  sockets.push(socket);
}

/** Asks as often as the server lets it, and reads nothing. */
async function deafFlood(): Promise<void> {
  const requests = Buffer.from("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n".repeat(2000));
  const flood = (socket: Bun.Socket<undefined>) => {
    while (socket.write(requests) === requests.length);
  };
  const open = (socket: Bun.Socket<undefined>) => {
    socket.pause();
    flood(socket);
  };
  const handlers = { open, drain: flood, data() {} };
  sockets.push(await Bun.connect({ hostname: "127.0.0.1", port: server.port, socket: handlers }));
}

test("peers that take nothing of 100 MB each: bounded memory, others served", async () => {
  for (let times = 0; times < 20; times++) await hello();
  const before = rssBytes();
  let rest = 0;
  while (rest === 0) rest = await total("buffer_bytes_charged"); // sampled once a second
  const paths = ["/stream", "/whole", "/web-stream"];
  for (const path of paths) {
    await Promise.all(Array.from({ length: PEERS_PER_KIND }, () => deafPeer(path)));
  }
  await Promise.all(Array.from({ length: PEERS_PER_KIND }, deafFlood));
  const peers = (paths.length + 1) * PEERS_PER_KIND;
  let most = before;
  let mostCharged = 0;
  while ((await total("closed_write_stall")) < peers) {
    await hello();
    most = Math.max(most, rssBytes());
    mostCharged = Math.max(mostCharged, await total("buffer_bytes_charged"));
  }
  expect(mostCharged - rest).toBeLessThan(peers * HELD_BYTES_MAX + MIB);
  expect(most - before).toBeLessThan(GROWTH_BYTES_MAX);
  const made = await (await fetch(`${server.url}/made`)).json();
  expect(made).toMatchObject({ endedCount: 2 * PEERS_PER_KIND });
  expect((made as { madeBytes: number }).madeBytes).toBeLessThan(
    2 * PEERS_PER_KIND * MADE_BYTES_MAX,
  );
  expect(await total("closed_write_stall")).toBe(peers);
  expect(await total("handler_errors")).toBe(0);
  while ((await total("buffer_bytes_charged")) > rest + MIB) await Bun.sleep(50);
});

test("a peer that reads slowly, but reads, gets every byte", async () => {
  let bytes = 0;
  let isClosed = false;
  let readCount = 0;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: {
      open: (opened) => void opened.write("GET /some HTTP/1.1\r\nHost: test\r\n\r\n"),
      data(reading, chunk) {
        bytes += chunk.length;
        if (++readCount > SLOW_READS) return;
        reading.pause();
        setTimeout(() => reading.resume(), SLOW_READ_MS);
      },
      close: () => void (isClosed = true),
    },
  });
  sockets.push(socket);
  while (bytes < SOME_BYTES && !isClosed) await Bun.sleep(5);
  expect([isClosed, bytes > SOME_BYTES]).toEqual([false, true]);
  expect(await total("closed_write_stall")).toBe(0);
});
