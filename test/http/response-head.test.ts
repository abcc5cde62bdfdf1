import { describe, expect, test } from "bun:test";
import { DateCache } from "../../src/http/date.ts";
import {
  CONNECTION_DEFAULT,
  CONNECTION_IS_CLOSE,
  CONNECTION_IS_KEEP_ALIVE,
  HEAD_END_BYTES,
  LENGTH_CHUNKED,
  LENGTH_NONE,
  ResponseHeads,
  writeChunkHead,
  writeDecimal,
  writeHead,
} from "../../src/http/response-head.ts";

const START_MS = Date.UTC(2026, 10, 23, 6, 2, 22);

function heads(): { heads: ResponseHeads; advance: (ms: number) => void } {
  let nowMs = START_MS;
  const cache = new DateCache(() => nowMs);
  return { heads: new ResponseHeads(cache), advance: (ms) => void (nowMs += ms) };
}

function head(length: number, connection: number, fields = "", status = 200): string {
  const prefix = heads().heads.prefix(status, status === 204 ? "" : "text/plain");
  const target = Buffer.alloc(1024, 0x7e);
  const end = writeHead(target, 3, prefix, length, connection, fields);
  expect(end - 3).toBeLessThanOrEqual(prefix.bytes.length + fields.length + HEAD_END_BYTES);
  expect(target.subarray(0, 3).toString()).toBe("~~~");
  expect(target.subarray(end, end + 3).toString()).toBe("~~~");
  return target.subarray(3, end).toString();
}

const DATE = "Date: Mon, 23 Nov 2026 06:02:22 GMT\r\n";

describe("writeHead", () => {
  test("writes status, type, date and length", () => {
    expect(head(13, CONNECTION_DEFAULT)).toBe(
      `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${DATE}Content-Length: 13\r\n\r\n`,
    );
  });

  test("says what becomes of the connection", () => {
    expect(head(0, CONNECTION_IS_CLOSE)).toEndWith(
      "Content-Length: 0\r\nConnection: close\r\n\r\n",
    );
    expect(head(0, CONNECTION_IS_KEEP_ALIVE)).toEndWith("\r\nConnection: keep-alive\r\n\r\n");
  });

  test("has no length where there must be none, and chunked in its place", () => {
    expect(head(LENGTH_NONE, CONNECTION_DEFAULT, "", 204)).toBe(
      `HTTP/1.1 204 No Content\r\n${DATE}\r\n`,
    );
    expect(head(LENGTH_CHUNKED, CONNECTION_DEFAULT)).toEndWith(
      "GMT\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
  });

  test("appends the fields of the application", () => {
    expect(head(1, CONNECTION_IS_CLOSE, "X-A: 1\r\nX-B: 2\r\n")).toEndWith(
      "Content-Length: 1\r\nConnection: close\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
    );
  });
});

describe("ResponseHeads", () => {
  test("renews the date when the second changes, not before", () => {
    const { heads: cache, advance } = heads();
    const prefix = cache.prefix(200, "text/plain");
    advance(999);
    expect(cache.prefix(200, "text/plain").bytes.toString()).toContain("06:02:22 GMT");
    advance(1);
    expect(cache.prefix(200, "text/plain")).toBe(prefix);
    expect(prefix.bytes.toString()).toContain("06:02:23 GMT");
  });

  test("keeps apart what differs in status or type, and does not keep everything", () => {
    const { heads: cache } = heads();
    expect(cache.prefix(200, "a/b")).not.toBe(cache.prefix(404, "a/b"));
    expect(cache.prefix(200, "a/b")).not.toBe(cache.prefix(200, "a/c"));
    for (let count = 0; count < 1000; count++) cache.prefix(200, `x/${count}`);
    expect(cache.prefix(200, "x/999")).not.toBe(cache.prefix(200, "x/999"));
    expect(cache.prefix(200, "a/b")).toBe(cache.prefix(200, "a/b"));
  });

  test("gives the whole answer from the second time on, with the date of the moment", () => {
    const { heads: cache, advance } = heads();
    const text = (body: string): string | undefined =>
      cache.prefix(200, "text/plain").wholeAnswer(body)?.toString();
    expect(text("grüße")).toBeUndefined();
    expect(text("grüße")).toEndWith("06:02:22 GMT\r\nContent-Length: 7\r\n\r\ngrüße");
    advance(2_000);
    expect(text("grüße")).toContain("06:02:24 GMT");
    expect(text("other")).toBeUndefined();
    expect(text("grüße")).toBeUndefined();
    expect(text("")).toBeUndefined();
    expect(text("")).toBeUndefined();
    const long = "x".repeat(2_000);
    expect(text(long)).toBeUndefined();
    expect(text(long)).toBeUndefined();
  });
});

describe("numbers", () => {
  const values = [
    0,
    1,
    9,
    10,
    99,
    100,
    65_535,
    999_999_999,
    1e9,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 53 - 1,
  ];
  for (const value of values) {
    test(`writeDecimal writes ${value}`, () => {
      const target = Buffer.alloc(40, 0x7e);
      const end = writeDecimal(target, 2, value);
      expect(target.toString("latin1", 0, end + 1)).toBe(`~~${value}~`);
    });
  }

  for (const value of [1, 15, 16, 255, 256, 4_096, 2 ** 20, 2 ** 31 - 1]) {
    test(`writeChunkHead writes ${value} in hexadecimal`, () => {
      const target = Buffer.alloc(40, 0x7e);
      const end = writeChunkHead(target, 2, value);
      expect(target.toString("latin1", 0, end + 1)).toBe(`~~${value.toString(16)}\r\n~`);
    });
  }
});
