// One worker's server and real clients over real sockets: what no simulated kernel would show.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { COUNT_OPEN } from "../../src/core/counters.ts";
import { MIB } from "../../src/core/limits.ts";
import type { HttpRequest } from "../../src/server/http-request.ts";
import type { HttpResponse } from "../../src/server/http-response.ts";
import { defineService, http } from "../../src/server/service.ts";
import { LiveServer } from "../server/live-server.ts";
import { request } from "../server/http-world.ts";

const BIG: string = "0123456789abcdef".repeat((10 * MIB) / 16);
const fates: string[] = [];

async function* ticking(signal: AbortSignal): AsyncGenerator<string> {
  try {
    for (let count = 0; !signal.aborted; count++) {
      yield `data: ${count}\n\n`;
      await Bun.sleep(1);
    }
  } finally {
    fates.push("returned");
  }
}

const SERVICE = defineService({
  listeners: [
    http({
      routes: {
        "GET /hello": (_: HttpRequest, response: HttpResponse) => response.text("Hello, World!"),
        "GET /big": (_, response) => response.text(BIG),
        "POST /echo": async (from, response) => response.send(await from.bytes()),
        "POST /pipe": (from, response) => response.stream(from.chunks()),
        "GET /events": (from, response) => response.stream(ticking(from.signal)),
        "GET /cut": (_, response) => response.stream(cut()),
      },
    }),
  ],
});

async function* cut(): AsyncGenerator<string> {
  yield "begun";
  throw new Error("in the middle");
}

let live: LiveServer;
beforeAll(async () => {
  live = await LiveServer.start(SERVICE, { bodyBytesMax: 32 * MIB });
});
afterAll(() => live.stop());

async function until(done: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 5000;
  while (!done()) {
    if (performance.now() > endMs) throw new Error(`${what} did not happen`);
    await Bun.sleep(1);
  }
}

test("Server echoes a body of 10 MB, gathered and piped, by length and chunked", async () => {
  for (const path of ["/echo", "/pipe"]) {
    for (const body of [BIG, new Blob([BIG]).stream()]) {
      const answer = await live.fetch(path, { method: "POST", body });
      expect(await answer.text().then((text) => text === BIG)).toBe(true);
    }
  }
});

test("Server sends 10 MB to a reader that pauses, whole and in order", async () => {
  const socket = connect(live.path);
  socket.write(request("GET /big", "", "Connection: close"));
  const parts: Buffer[] = [];
  for await (const part of socket) {
    parts.push(part as Buffer);
    if (parts.length % 16 === 0) await Bun.sleep(1);
  }
  const text = Buffer.concat(parts).toString("latin1");
  expect(text.slice(text.indexOf("\r\n\r\n") + 4) === BIG).toBe(true);
});

test("Server lets each event leave at once, and learns when the reader has left", async () => {
  const reader = new AbortController();
  const answer = await live.fetch("/events", { signal: reader.signal });
  const body = answer.body!.getReader();
  const first = await body.read();
  expect(Buffer.from(first.value!).toString()).toStartWith("data: 0\n\n");
  await body.read();
  reader.abort();
  await until(() => fates.includes("returned"), "the end of the source");
  expect(fates).toEqual(["returned"]);
});

test("Server breaks the transfer when a source fails in the middle", async () => {
  const answer = live.fetch("/cut").then((response) => response.text());
  expect(await answer.catch(() => "broken")).toBe("broken");
});

test("Server gives up what its peer has left, and holds nothing afterwards", async () => {
  const { reactor } = live.server;
  for (const leave of ["destroy", "resetAndDestroy"] as const) {
    const socket = connect(live.path);
    socket.on("error", () => {});
    socket.write(request("POST /echo", "x".repeat(100_000)).slice(0, -1));
    await until(() => reactor.pool.heldBytes > live.restBytes, "the body");
    const before = reactor.connections.size;
    socket[leave]();
    await until(() => reactor.connections.size < before, "the close");
    await until(() => reactor.pool.heldBytes === live.restBytes, "the release");
  }
  expect(live.log).toEqual(live.log.filter((line) => !line.includes("ERR_")));
});

test("Server answers curl in all its ways", async () => {
  if (Bun.which("curl") === null) return console.warn("SKIPPED: curl is not installed");
  const curl = async (...args: string[]): Promise<string> => {
    const all = ["curl", "-sS", "--max-time", "5", "--unix-socket", live.path, ...args];
    return Bun.spawn(all, { stdout: "pipe" }).stdout.text();
  };
  const both = ["http://a/hello", "http://a/hello"];
  expect(await curl(...both)).toBe("Hello, World!".repeat(2));
  expect(await curl("-I", "http://a/hello")).toContain("Content-Length: 13\r\n");
  expect(await curl("-0", "http://a/hello")).toBe("Hello, World!");
  const expecting = ["-H", "Expect: 100-continue", "-d", "some body", "http://a/echo"];
  expect(await curl(...expecting)).toBe("some body");
  const chunked = ["-H", "Transfer-Encoding: chunked", "-d", "some body", "http://a/pipe"];
  expect(await curl(...chunked)).toBe("some body");
  expect(await curl("-w", "%{http_code}", "-X", "BREW", "http://a/hello")).toContain("501");
  expect(await curl("-w", "%{http_code}", "--path-as-is", "http://a/../x")).toContain("404");
});

test("Server closes its connections in the end", async () => {
  await until(() => live.server.reactor.connections.size <= 3, "the close of what was left");
  await live.stop();
  await until(() => live.counters[COUNT_OPEN] === 0, "the close of all");
});
