// What happens at the limits of memory and time, on real sockets: each has one answer, it is
// counted, and the server goes on for everybody else.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MIB } from "../../src/core/limits.ts";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000);

const APP = fileURLToPath(new URL("./slow-reader-app.ts", import.meta.url));
const TRICKLE_BYTES: number = 256 * 1024; // enough for the kernel to let more come
const TRICKLE_MS = 200;
const STALLED_PEERS = 200; // each holds a little more than 128 KiB: together above 16 MiB

let server: ServerProcess | null = null;
const sockets: Bun.Socket<undefined>[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await server?.kill();
});

async function start(...options: string[]): Promise<(name: string) => Promise<number>> {
  return serve(APP, ...options);
}

async function serve(
  what: string,
  ...options: string[]
): Promise<(name: string) => Promise<number>> {
  const common = ["--workers", "1", "--admin", "127.0.0.1:0"];
  server = await ServerProcess.start([what, ...common, ...options]);
  await server.untilLogged(/counters at/);
  const admin = /at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
  return async (name) => {
    const stats = (await (await fetch(`${admin}/stats`)).json()) as {
      totals: Record<string, number>;
    };
    return stats.totals[name] ?? Number.NaN;
  };
}

/** Sends `text`, and reads only if it is to. */
async function connect(text: string, reads = true): Promise<{ received: () => string }> {
  const chunks: string[] = [];
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server!.port,
    socket: {
      open(opened) {
        if (!reads) opened.pause();
        opened.write(text);
      },
      data: (_socket, chunk) => void chunks.push(chunk.toString("latin1")),
    },
  });
  sockets.push(socket);
  return { received: () => chunks.join("") };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(5);
}

test("at the memory limit whoever needs more is cut off, all others are served", async () => {
  const total = await start("--memory-limit", "16MB", "--write-timeout", "1s");
  await until(async () => (await total("buffer_bytes_charged")) > 0);
  const rest = await total("buffer_bytes_charged");
  const ask = "GET /whole HTTP/1.1\r\nHost: test\r\n\r\n";
  await Promise.all(Array.from({ length: STALLED_PEERS }, () => connect(ask, false)));
  await until(async () => (await total("closed_memory")) > 0);
  for (let times = 0; times < 20; times++) {
    expect(await (await fetch(`${server!.url}/hello`)).text()).toBe("Hello, World!");
  }
  await until(async () => {
    const ended = (await total("closed_memory")) + (await total("closed_write_stall"));
    return ended === STALLED_PEERS;
  });
  await until(async () => (await total("buffer_refused")) > 0); // sampled once a second
  await until(async () => (await total("buffer_bytes_charged")) < rest + MIB);
  expect(server!.logged(/exited|uncaught/)).toBe(0);
});

test("a head that stops, a silent peer and an idle one: each its own reason", async () => {
  const total = await start("--head-timeout", "300ms", "--idle-timeout", "200ms");
  const head = await connect("GET /hello HTTP/1.1\r\nHo");
  const silent = await connect("");
  const served = await connect("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
  await until(async () => (await total("accepted")) === 3); // the silent one after a second
  await until(async () => (await total("open")) === 0);
  expect(head.received()).toStartWith("HTTP/1.1 408 ");
  expect(silent.received()).toBe("");
  expect(served.received()).toEndWith("Hello, World!");
  expect([await total("closed_head_timeout"), await total("closed_idle")]).toEqual([1, 2]);
});

test("accepted is open and closed by reason, whatever peers do", async () => {
  const total = await start("--write-timeout", "1s");
  const request = "GET /hello HTTP/1.1\r\nHost: test\r\n";
  await connect(`${request}\r\n`);
  await connect(`${request}Connection: close\r\n\r\n`);
  await connect("nonsense\r\n\r\n");
  await connect(`${request}\r\n`.repeat(1000), false);
  const resetter = await connect("GET /stream HTTP/1.1\r\nHost: test\r\n\r\n", false);
  sockets.at(-1)!.terminate();
  expect(resetter.received()).toBe("");
  await connect(`${request}\r\n`);
  sockets.at(-1)!.end();
  await until(async () => (await total("accepted")) === 6 && (await total("closed_reset")) === 1);
  await until(async () => (await total("open")) === 2);
  const stats = await Promise.all(
    ["local", "protocol", "reset", "peer", "write_stall"].map((name) => total(`closed_${name}`)),
  );
  expect(stats).toEqual([1, 1, 1, 1, 0]);
});

/** Takes a little of a long answer again and again, until it has so much or is cut off. */
async function trickle(
  bytesWanted: number,
  path = "/stream",
): Promise<{ bytes: number; isCutOff: boolean }> {
  let isCutOff = false;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server!.port,
    socket: {
      open(opened) {
        opened.pause();
        opened.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
      },
      data() {},
      close: () => void (isCutOff = true),
    },
  });
  sockets.push(socket);
  const { fd } = socket as unknown as { fd: number };
  const piece = Buffer.alloc(TRICKLE_BYTES);
  let bytes = 0;
  while (bytes < bytesWanted && !isCutOff) {
    await Bun.sleep(TRICKLE_MS);
    if (isCutOff) break; // and its descriptor with it
    try {
      bytes += readSync(fd, piece, 0, piece.length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ECONNRESET") isCutOff = true;
      else if (code !== "EAGAIN") throw error;
    }
  }
  return { bytes, isCutOff };
}

test("a peer that always takes a little is cut off where that is too little", async () => {
  const total = await start("--write-timeout", "1s", "--write-min", "1GB");
  expect(await trickle(50 * MIB)).toMatchObject({ isCutOff: true });
  await until(async () => (await total("closed_write_stall")) === 1);
  expect(await (await fetch(`${server!.url}/hello`)).text()).toBe("Hello, World!");
});

test("and lives where it is enough, for far longer than the window", async () => {
  const total = await start("--write-timeout", "1s", "--write-min", "64KB");
  const { bytes, isCutOff } = await trickle(4 * MIB); // 16 of them: more than 3 s
  expect([isCutOff, bytes >= 4 * MIB]).toEqual([false, true]);
  expect(await total("closed_write_stall")).toBe(0);
});

test("the same of a file, which leaves by sendfile", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-limits-"));
  try {
    writeFileSync(join(folder, "hello"), "Hello, World!");
    writeFileSync(join(folder, "large"), "");
    truncateSync(join(folder, "large"), 64 * MIB);
    for (const [least, expected] of [
      ["1GB", true],
      ["64KB", false],
    ] as const) {
      const total = await serve(folder, "--write-timeout", "1s", "--write-min", least);
      const { isCutOff } = await trickle(expected ? 50 * MIB : 3 * MIB, "/large");
      expect([least, isCutOff]).toEqual([least, expected]);
      await until(async () => (await total("closed_write_stall")) === (expected ? 1 : 0));
      expect(await (await fetch(`${server!.url}/hello`)).text()).toBe("Hello, World!");
      await server!.kill();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

// The buffers of the kernel might hold all of it.
test("a peer that reads nothing of a file of 2 MB is cut off, not left to the kernel", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-limits-"));
  try {
    writeFileSync(join(folder, "medium"), "");
    truncateSync(join(folder, "medium"), 2 * MIB);
    const total = await serve(folder, "--write-timeout", "1s", "--idle-timeout", "5s");
    await connect("GET /medium HTTP/1.1\r\nHost: test\r\n\r\n", false);
    await until(async () => (await total("open")) === 0);
    expect([await total("closed_write_stall"), await total("closed_idle")]).toEqual([1, 0]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
