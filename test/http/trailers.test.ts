import { expect, test } from "bun:test";
import { PARSE_DONE, PARSE_ERROR, PARSE_MORE } from "../../src/http/field-parser.ts";
import { HTTP_TRAILERS_TOO_LARGE } from "../../src/http/http-error.ts";
import { TrailerParser } from "../../src/http/trailers.ts";
import { latin1 } from "../support/replay.ts";

test("TrailerParser keeps its own copy", () => {
  const parser = new TrailerParser(1000);
  const first = latin1("X-Sum: a");
  const second = latin1('bc\r\nEtag: "d"\r\n\r\nnext');
  expect(parser.append(first, 0, first.length)).toBe(PARSE_MORE);
  first.fill(0);
  expect(parser.append(second, 0, second.length)).toBe(PARSE_DONE);
  second.fill(0);
  expect(parser.consumed).toBe(second.length - 4);
  expect(parser.headerCount).toBe(2);
  expect([parser.name(0), parser.value(0)]).toEqual(["x-sum", "abc"]);
  expect([parser.name(1), parser.value(1)]).toEqual(["etag", '"d"']);
});

test("TrailerParser drops what may not come so late", () => {
  const forbidden = ["Host", "content-length", "TRANSFER-ENCODING", "Trailer", "Set-Cookie", "TE"];
  for (const name of [...forbidden, "Authorization", "Content-Encoding", "Cache-Control"]) {
    const parser = new TrailerParser(1000);
    const bytes = latin1(`A: 1\r\n${name}: x\r\nB: 2\r\n\r\n`);
    expect(parser.append(bytes, 0, bytes.length)).toBe(PARSE_DONE);
    expect([parser.headerCount, parser.name(0), parser.name(1)]).toEqual([2, "a", "b"]);
  }
});

test("TrailerParser holds no more than its limit, however it comes", () => {
  const section = latin1(`A: ${"b".repeat(600)}\r\n\r\n`);
  for (const step of [1, 7, 1000]) {
    for (const [bytesMax, expected] of [
      [section.length, PARSE_DONE],
      [section.length - 1, PARSE_ERROR],
    ] as const) {
      const parser = new TrailerParser(bytesMax);
      let result = PARSE_MORE;
      for (let at = 0; at < section.length && result === PARSE_MORE; at += step) {
        result = parser.append(section, at, Math.min(section.length, at + step));
      }
      expect(result).toBe(expected);
      if (expected === PARSE_ERROR) expect(parser.error).toBe(HTTP_TRAILERS_TOO_LARGE);
    }
  }
});
