import { expect, test } from "bun:test";
import { PARSE_DONE, PARSE_ERROR, PARSE_MORE } from "../../src/http/field-parser.ts";
import {
  HTTP_FIELD_TOO_LONG,
  HTTP_FIELDS_TOO_MANY,
  HTTP_TRAILERS_TOO_LARGE,
} from "../../src/http/http-error.ts";
import { BODY_LIMITS_DEFAULT, type BodyLimits } from "../../src/http/http-limits.ts";
import { TrailerParser } from "../../src/http/trailers.ts";
import { latin1 } from "../support/replay.ts";

function limitsOf(trailerBytesMax: number): BodyLimits {
  return { ...BODY_LIMITS_DEFAULT, trailerBytesMax };
}

test("TrailerParser keeps its own copy", () => {
  const parser = new TrailerParser(limitsOf(1000));
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
    const parser = new TrailerParser(limitsOf(1000));
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
      const parser = new TrailerParser(limitsOf(bytesMax));
      let result = PARSE_MORE;
      for (let at = 0; at < section.length && result === PARSE_MORE; at += step) {
        result = parser.append(section, at, Math.min(section.length, at + step));
      }
      expect(result).toBe(expected);
      if (expected === PARSE_ERROR) expect(parser.error).toBe(HTTP_TRAILERS_TOO_LARGE);
    }
  }
});

test("TrailerParser takes the limits of lines from those of heads", () => {
  const limits = { ...BODY_LIMITS_DEFAULT, headersMax: 2, headerBytesMax: 8 };
  for (const [text, error] of [
    ["A: 1\r\nB: 2\r\n\r\n", 0],
    ["A: 1\r\nB: 2\r\nC: 3\r\n\r\n", HTTP_FIELDS_TOO_MANY],
    ["A: 12345\r\n\r\n", 0],
    ["A: 123456\r\n\r\n", HTTP_FIELD_TOO_LONG],
  ] as const) {
    for (const step of [1, 5, 100]) {
      const parser = new TrailerParser(limits);
      const bytes = latin1(text);
      let result = PARSE_MORE;
      for (let at = 0; at < bytes.length && result === PARSE_MORE; at += step) {
        result = parser.append(bytes, at, Math.min(bytes.length, at + step));
      }
      expect([text, result, parser.error]).toEqual([
        text,
        error === 0 ? PARSE_DONE : PARSE_ERROR,
        error,
      ]);
    }
  }
});

test("TrailerParser with no room refuses every field", () => {
  const parser = new TrailerParser(limitsOf(0));
  expect(parser.append(latin1("A: 1\r\n\r\n"), 0, 8)).toBe(PARSE_ERROR);
  expect(parser.error).toBe(HTTP_TRAILERS_TOO_LARGE);
});
