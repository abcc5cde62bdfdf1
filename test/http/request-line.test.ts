import { expect, test } from "bun:test";
import { PARSE_DONE } from "../../src/http/field-parser.ts";
import { REQUEST_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";
import { RequestParser } from "../../src/http/request-parser.ts";
import { parseRequest } from "../support/http-replay.ts";
import { Random, seedOfRun } from "../support/random.ts";
import { latin1 } from "../support/replay.ts";

const METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "OPTIONS",
  "GETT",
  "G",
  "GeT",
  "PROPFIND",
  "",
  "G T",
];
const PATHS = ["/", "/a", "/a/b", "//", "", "*", "a", "http://h/x", "/\x7f", `/${"x".repeat(300)}`];
const QUERIES = ["", "", "?", "?a", "?a?b", "#f", "?a#f", "? ", "?\xff"];
const VERSIONS = [
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/1.2",
  "HTTP/2.0",
  "HTTP/1.",
  "http/1.1",
];
const ENDS = ["\r\n", "\r\n", "\r\n", "\n", "\r", " \r\n", "\r\r\n", ""];

// A line cut after its first byte goes through the stages, a whole one through the short way.
test("the common line and the stages give the same", () => {
  const random = new Random(seedOfRun());
  let accepted = 0;
  for (let count = 0; count < 5000; count++) {
    const target = random.pick(PATHS) + random.pick(QUERIES);
    const line = `${random.pick(METHODS)} ${target} ${random.pick(VERSIONS)}${random.pick(ENDS)}`;
    const bytes = latin1(`${line}Host: a\r\n\r\n`);
    const whole = parseRequest(bytes);
    const staged = parseRequest(bytes, [1, bytes.length]);
    expect({ seed: random.seed, line, ...staged }).toEqual({ seed: random.seed, line, ...whole });
    accepted += whole.head === undefined ? 0 : 1;
  }
  expect(accepted).toBeGreaterThan(100);
});

test("a target of exactly the limit takes the same way out", () => {
  const limits = { ...REQUEST_LIMITS_DEFAULT, targetBytesMax: 100 };
  for (const length of [98, 99, 100, 101]) {
    for (const mark of ["", "?", "#"]) {
      const target = `/${mark}`.padEnd(length, "x");
      const bytes = latin1(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const whole = parseRequest(bytes, [bytes.length], limits);
      expect(parseRequest(bytes, [1, bytes.length], limits)).toEqual(whole);
      expect(whole.error).toBe(length > 100 ? "HTTP_TARGET_TOO_LONG" : undefined);
    }
  }
});

test("a head that is full inside of the target has a target that is too long", () => {
  const limits = { ...REQUEST_LIMITS_DEFAULT, headBytesMax: 64 };
  for (const start of [
    "GET /",
    "GET /?",
    "GET /#",
    "GET http://a/",
    "OPTIONS *",
    "\r\n\r\nGET /",
  ]) {
    for (const [length, error] of [
      [64, undefined],
      [65, "HTTP_TARGET_TOO_LONG"],
      [200, "HTTP_TARGET_TOO_LONG"],
    ] as const) {
      const bytes = latin1(start.padEnd(length, "a"));
      expect(parseRequest(bytes, [bytes.length], limits).error).toBe(error);
      expect(parseRequest(bytes, [1, 60, bytes.length], limits).error).toBe(error);
    }
  }
  const late = [`GET /${"a".repeat(57)} HTTP/1.1\r\n`, "GET / HTTP/1.1\r\n".padEnd(65, "a")];
  for (const text of late) {
    expect(parseRequest(latin1(text), [text.length], limits).error).toBe("HTTP_HEAD_TOO_LARGE");
  }
});

test("a head that arrives byte by byte is examined once", () => {
  const parser = new RequestParser(REQUEST_LIMITS_DEFAULT);
  const text = `GET /${"a".repeat(8000)} HTTP/1.1\r\nHost: a\r\nX: ${"b".repeat(16_000)}\r\n\r\n`;
  const bytes = latin1(text);
  let result = 0;
  for (let end = 1; end <= bytes.length; end++) {
    result = parser.parse(bytes, 0, end);
    // What is finished is not looked at again: spoiling it changes nothing.
    if (end > 4100 && end < 7000) bytes[4097] = 0;
    if (end > 16_100 && end < 20_000) bytes[16_097] = 0;
  }
  expect(result).toBe(PARSE_DONE);
});
