import { expect, test } from "bun:test";
import {
  FieldParser,
  knownNames,
  PARSE_DONE,
  PARSE_ERROR,
  PARSE_MORE,
} from "../../src/http/field-parser.ts";
import {
  HTTP_BARE_CR,
  HTTP_FIELD_TOO_LONG,
  HTTP_FIELDS_TOO_MANY,
  HTTP_OK,
} from "../../src/http/http-error.ts";
import type { FieldLimits } from "../../src/http/http-limits.ts";
import { ascii } from "../../src/http/syntax.ts";
import { everyCut, latin1, textOf } from "../support/replay.ts";

const LIMITS: FieldLimits = { headBytesMax: 1000, headerBytesMax: 20, headersMax: 60 };
const REFUSED = 99;

class Recorder extends FieldParser {
  seen: string[] = [];

  constructor(limits: FieldLimits = LIMITS) {
    super(limits, knownNames(ascii("abc"), ascii("long-name")));
    this.beginFields(0);
  }

  feed(bytes: Uint8Array, start: number, end: number): number {
    return this.parseFields(bytes, start, end);
  }

  protected override field(
    bytes: Uint8Array,
    _start: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    const name = textOf(bytes, nameStart, nameEnd);
    this.seen.push(`${name}=${textOf(bytes, valueStart, valueEnd)}`);
    return name === "Axx" ? REFUSED : HTTP_OK;
  }
}

test("FieldParser shows field() the lines whose name may matter, trimmed", () => {
  const parser = new Recorder();
  const bytes = latin1("abc: 1\r\nABC:\t2 \r\naxe:3\r\nbcd: 4\r\nab: 5\r\nLong-Name:6\r\n\r\n");
  expect(parser.feed(bytes, 0, bytes.length)).toBe(PARSE_DONE);
  expect(parser.seen).toEqual(["abc=1", "ABC=2", "axe=3", "Long-Name=6"]);
  expect(parser.headerCount).toBe(6);
  expect(parser.headBytes).toBe(bytes.length);
});

test("FieldParser shows each line once, however it is cut", () => {
  const bytes = latin1("abc: 1\r\nx:y\r\nabc:2\r\n\r\n");
  const run = (ends: readonly number[]): string => {
    const parser = new Recorder();
    const results = ends.map((end) => parser.feed(bytes, 0, end));
    return `${results.at(-1)} ${parser.seen.join()} ${parser.headers.join()}`;
  };
  expect(everyCut(bytes, run)).toStartWith(`${PARSE_DONE} abc=1,abc=2 `);
});

test("FieldParser stops at the line that field() refuses", () => {
  const parser = new Recorder();
  const bytes = latin1("abc: 1\r\nAxx:\r\n\0");
  expect(parser.feed(bytes, 0, 8)).toBe(PARSE_MORE);
  expect(parser.feed(bytes, 0, bytes.length)).toBe(PARSE_ERROR);
  expect(parser.error).toBe(REFUSED);
});

test("FieldParser does not look beyond the end for a line feed", () => {
  const parser = new Recorder();
  const bytes = latin1("a: b\r\n\r\n");
  for (const end of [5, 6, 7]) expect(parser.feed(bytes, 0, end)).toBe(PARSE_MORE);
  const other = latin1("a: b\r\n\rX");
  expect(parser.feed(other, 0, 8)).toBe(PARSE_ERROR);
  expect(parser.error).toBe(HTTP_BARE_CR);
});

test("FieldParser makes room for headers up to the limit", () => {
  const parser = new Recorder();
  const room = parser.headers.length;
  const line = latin1("a:b\r\n".repeat(60));
  expect(parser.feed(line, 0, line.length)).toBe(PARSE_MORE);
  expect(parser.headers.length).toBeGreaterThan(room);
  expect([...parser.headers.subarray(59 * 4, 60 * 4)]).toEqual([295, 296, 297, 298]);
  const more = latin1("a:b\r\n".repeat(61));
  expect(parser.feed(more, 0, more.length)).toBe(PARSE_ERROR);
  expect(parser.error).toBe(HTTP_FIELDS_TOO_MANY);
});

test("FieldParser counts a line without its end", () => {
  for (const [text, error] of [
    [`a:${"b".repeat(18)}\r\n\r\n`, HTTP_OK],
    [`a:${"b".repeat(19)}\r\n\r\n`, HTTP_FIELD_TOO_LONG],
    [`${"a".repeat(21)}`, HTTP_FIELD_TOO_LONG],
  ] as const) {
    const parser = new Recorder();
    parser.feed(latin1(text), 0, text.length);
    expect(parser.error).toBe(error);
  }
});

test("knownNames wants names of different lengths", () => {
  expect(() => knownNames(ascii("abc"), ascii("xyz"))).toThrow("must differ");
  expect(() => knownNames(ascii("a".repeat(32)))).toThrow("must differ");
});
