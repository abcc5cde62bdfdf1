// The service that the soak wears on: every way to answer, frames with heartbeats in both
// directions, and ways to fell its worker. Whatever can name the life of the worker that answers
// does so, in a field or in the first frame, so that a client can tell whose end cut it off.

import { defineService, http, type HttpRequest, lengthField, tcp } from "millrace";
import { digestOf, PATTERN, PATTERN_BYTES } from "./soak-pattern.ts";

const LIFE: string = crypto.randomUUID().slice(0, 8);
const LIFE_FIELD = "X-Life";
const PIECE_BYTES: number = 48 * 1024;
const HOLD_MS = 30;

const framing = lengthField({ bytes: 4, maxFrameBytes: 256 * 1024 });

async function* pieces(byteCount: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < byteCount; at += PIECE_BYTES) {
    yield PATTERN.subarray(at, Math.min(byteCount, at + PIECE_BYTES));
  }
}

function wantedBytes(request: HttpRequest): number {
  return Math.min(PATTERN_BYTES, Number(request.params["bytes"]));
}

/** Reads it piece by piece, as it comes. */
async function digestUpload(request: HttpRequest): Promise<string> {
  const hasher = new Bun.CryptoHasher("md5");
  let byteCount = 0;
  for await (const piece of request.chunks()) {
    byteCount += piece.length;
    hasher.update(piece);
  }
  return `${byteCount} ${hasher.digest("hex")}`;
}

async function answerFetch(request: Request): Promise<Response> {
  const headers = { [LIFE_FIELD]: LIFE };
  const { pathname } = new URL(request.url);
  if (pathname === "/fetch/digest")
    return new Response(digestOf(await request.bytes()), { headers });
  if (pathname === "/fetch/hello") return new Response("Hello, World!", { headers });
  return new Response("nothing here", { status: 404, headers });
}

export default defineService({
  listeners: [
    http({
      port: 0,
      static: process.env["SOAK_FOLDER"]!,
      routes: {
        "GET /hello": (_request, response) =>
          response.header(LIFE_FIELD, LIFE).text("Hello, World!"),
        "GET /number/:n": (request, response) =>
          response.header(LIFE_FIELD, LIFE).text(request.params["n"]!),
        "GET /later/:n": async (request, response) => {
          const text = request.params["n"]!;
          await Bun.sleep(1);
          response.header(LIFE_FIELD, LIFE).text(text);
        },
        "GET /bytes/:bytes": (request, response) =>
          response.header(LIFE_FIELD, LIFE).send(PATTERN.subarray(0, wantedBytes(request))),
        "GET /stream/:bytes": (request, response) =>
          response.header(LIFE_FIELD, LIFE).stream(pieces(wantedBytes(request))),
        "POST /digest": async (request, response) => {
          const digest = await digestUpload(request);
          response.header(LIFE_FIELD, LIFE).text(digest);
        },
        "POST /hold": async (request, response) => {
          const bytes = await request.bytes();
          await Bun.sleep(HOLD_MS);
          response.header(LIFE_FIELD, LIFE).send(bytes);
        },
        "GET /error": () => {
          throw new Error("a handler of the soak fails on purpose");
        },
        "GET /throw": (_request, response) => {
          setTimeout(fail);
          response.header(LIFE_FIELD, LIFE).text("felled");
        },
        "GET /exit": (_request, response) => {
          setTimeout(() => process.exit(3));
          response.header(LIFE_FIELD, LIFE).text("felled");
        },
        "GET /collect": (_request, response) => {
          Bun.gc(true);
          response.header(LIFE_FIELD, LIFE).text("collected");
        },
      },
      fetch: answerFetch,
    }),
    tcp({
      port: 0,
      framing,
      heartbeat: { intervalMs: 1_000, misses: 3 },
      open: (connection) => connection.send(LIFE),
      message: (connection, frame) => connection.send(frame),
    }),
    tcp({
      port: 0,
      framing,
      heartbeat: { intervalMs: 500, misses: 4, speaksFirst: "us" },
      open: (connection) => connection.send(LIFE),
      message: (connection, frame) => connection.send(frame),
    }),
  ],
});

function fail(): never {
  throw new TypeError("felled on demand");
}
