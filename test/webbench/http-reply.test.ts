import { describe, expect, test } from "bun:test";
import { Http09Reply, HttpReply } from "../../src/webbench/http-reply.ts";
import { METHOD_GET, METHOD_HEAD } from "../../src/http/methods.ts";
import { REPLY_DONE, REPLY_ERROR, REPLY_MORE } from "../../src/webbench/reply-reader.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** Status, body bytes and whether the connection is kept, of all replies, fed in given pieces. */
function readAll(text: string, pieces: readonly number[], method = METHOD_GET): string[] {
  const reader = new HttpReply();
  const found: string[] = [];
  let isOpen = false;
  let from = 0;
  for (const to of [...pieces, text.length]) {
    const piece = bytes(text.slice(from, to));
    from = to;
    for (let at = 0; at < piece.length;) {
      if (!isOpen) reader.begin(method);
      isOpen = true;
      const result = reader.read(piece, at, piece.length);
      if (result === REPLY_ERROR) return [...found, reader.error];
      at = reader.position;
      if (result === REPLY_MORE) expect(at).toBe(piece.length);
      if (result !== REPLY_DONE) continue;
      found.push(`${reader.status} ${reader.bodyBytes} ${reader.keepAlive}`);
      isOpen = false;
    }
  }
  if (isOpen) found.push(reader.finish() === REPLY_DONE ? `${reader.status} at end` : reader.error);
  return found;
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED =
  "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n" +
  "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n";

const VECTORS: readonly (readonly [string, readonly string[]])[] = [
  [OK, ["200 5 true"]],
  [OK + CHUNKED + OK, ["200 5 true", "404 5 true", "200 5 true"]],
  [
    "HTTP/1.1 204 No\r\n\r\nHTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n",
    ["204 0 true", "304 0 true"],
  ],
  [`HTTP/1.1 100 Continue\r\n\r\n${OK}`, ["200 5 true"]],
  ["HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", ["200 1 false"]],
  ["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", ["200 0 false"]],
  ["HTTP/1.1 101 Up\r\nUpgrade: x\r\n\r\n", ["101 0 false"]],
  ["HTTP/1.1 200 OK\r\n\r\nto the end", ["200 at end"]],
  ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", ["EARLY_CLOSE"]],
  ["HTTP/1.1 200", ["EARLY_CLOSE"]],
  ["HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", ["HTTP_LENGTH_CONFLICT"]],
  ["HTTP/1.1 200 OK\nX: y\n\n", ["HTTP_BARE_LF"]],
];

describe("HttpReply", () => {
  test.each(VECTORS)("reads %j whole, byte by byte and cut everywhere", (text, expected) => {
    expect(readAll(text, [])).toEqual([...expected]);
    const every = Array.from({ length: text.length - 1 }, (_, at) => at + 1);
    expect(readAll(text, every)).toEqual([...expected]);
    for (const cut of every) expect([cut, readAll(text, [cut])]).toEqual([cut, [...expected]]);
  });

  test("reads no body after HEAD", () => {
    const heads = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".repeat(2);
    expect(readAll(heads, [], METHOD_HEAD)).toEqual(["200 0 true", "200 0 true"]);
  });

  test("reads a body of more than the server would take", () => {
    const reader = new HttpReply();
    reader.begin(METHOD_GET);
    const head = bytes(`HTTP/1.1 200 OK\r\nContent-Length: ${2 ** 40}\r\n\r\n`);
    expect(reader.read(head, 0, head.length)).toBe(REPLY_MORE);
  });

  test("refuses a head without an end", () => {
    const endless = `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(10_000)}`;
    expect(readAll(endless, [])[0]).toMatch(/^HTTP_/);
    expect(readAll(endless, [100, 5_000, 20_000])[0]).toMatch(/^HTTP_/);
  });
});

describe("Http09Reply", () => {
  const reader = new Http09Reply();
  const read = (...pieces: string[]): number => {
    reader.begin(METHOD_GET);
    for (const piece of pieces) {
      expect(reader.read(bytes(piece), 0, piece.length)).toBe(REPLY_MORE);
    }
    return reader.finish();
  };

  test("takes everything until the end for the answer", () => {
    expect(read("<html>", "</html>")).toBe(REPLY_DONE);
    expect([reader.status, reader.bodyBytes, reader.keepAlive]).toEqual([0, 13, false]);
  });

  test("believes the status of a server that does not speak it", () => {
    expect(read("HTTP/1", ".1 400 Bad Request\r\n\r\n")).toBe(REPLY_DONE);
    expect(reader.status).toBe(400);
  });

  test("takes nothing at all for an early close", () => {
    expect(read()).toBe(REPLY_ERROR);
  });
});
