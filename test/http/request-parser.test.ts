import { describe, expect, test } from "bun:test";
import { HTTP_ERRORS } from "../../src/http/http-error.ts";
import { REQUEST_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";
import { METHOD_HEAD, METHOD_NAMES, METHOD_OTHER } from "../../src/http/methods.ts";
import {
  hashPath,
  PARSE_DONE,
  PARSE_ERROR,
  PARSE_MORE,
  RequestParser,
} from "../../src/http/request-parser.ts";
import { describeRequest, parseRequest } from "../support/http-replay.ts";
import { everyCut, latin1 } from "../support/replay.ts";
import { REFUSED } from "./vectors-hostile.ts";
import { ACCEPTED, get, getTarget, head } from "./vectors.ts";

const shared = new RequestParser(REQUEST_LIMITS_DEFAULT);

describe("RequestParser accepts", () => {
  for (const vector of ACCEPTED) {
    test(vector.name, () => {
      const bytes = latin1(vector.text);
      const outcome = everyCut(bytes, (ends) => JSON.stringify(parseRequest(bytes, ends)));
      const found = JSON.parse(outcome).head;
      expect(found).toMatchObject(vector.head);
      expect(found.pathHash).toBe(hashPath(found.path));
    });
  }
});

describe("RequestParser refuses", () => {
  for (const vector of REFUSED) {
    test(`${vector.error}: ${vector.name}`, () => {
      const bytes = latin1(vector.text);
      const run = (ends: readonly number[]): string =>
        JSON.stringify(parseRequest(bytes, ends, REQUEST_LIMITS_DEFAULT, shared));
      expect(everyCut(bytes, run)).toBe(JSON.stringify({ error: vector.error }));
    });
  }
});

describe("RequestParser", () => {
  test("has a vector for every code that a request head can produce", () => {
    const produced = new Set(REFUSED.map((vector) => vector.error));
    const expected = HTTP_ERRORS.slice(1).map((kind) => kind.name);
    const isOfHead = (name: string): boolean =>
      !/BODY|CHUNK|TRAILERS|STATUS|LENGTH_CONFLICT/.test(name);
    expect([...produced].sort()).toEqual(expected.filter(isOfHead).sort());
    expect(REFUSED.length).toBeGreaterThan(ACCEPTED.length * 2);
  });

  test("wants more after every proper prefix of a valid head", () => {
    for (const vector of ACCEPTED) {
      const bytes = latin1(vector.text);
      const { headBytes } = parseRequest(bytes).head!;
      for (let length = 0; length < headBytes; length++) {
        expect(parseRequest(bytes.slice(0, length))).toEqual({ more: true });
      }
    }
  });

  test("takes a method of which one byte differs for another", () => {
    for (const name of METHOD_NAMES.slice(1)) {
      for (let index = 0; index < name.length; index++) {
        for (const byte of ["+", name[index]!.toLowerCase(), ""]) {
          const method = name.slice(0, index) + byte + name.slice(index + 1);
          const bytes = latin1(head(`${method} / HTTP/1.1`, "Host: a"));
          const run = (ends: readonly number[]): string =>
            JSON.stringify(parseRequest(bytes, ends));
          expect(JSON.parse(everyCut(bytes, run)).head).toMatchObject({ method, methodId: 0 });
        }
      }
    }
  });

  test("refuses at the byte that is wrong, not later", () => {
    const cases: [string, string][] = [
      ["GET / HTTP/2.0", "HTTP_VERSION_UNSUPPORTED"],
      ["GET / HTTX", "HTTP_VERSION_INVALID"],
      ["GET /\x7f", "HTTP_TARGET_CHARACTER"],
      ["GET  ", "HTTP_REQUEST_LINE_SPACING"],
      ["GET / HTTP/1.1\r\nA ", "HTTP_FIELD_NAME_SPACE"],
      ["GET / HTTP/1.1\r\nContent-Length: x\r\n", "HTTP_LENGTH_INVALID"],
      ["GET / HTTP/1.1\r\nHost: a b\r\n", "HTTP_HOST_INVALID"],
      ["GET / HTTP/1.1\r\n\r\n", "HTTP_HOST_MISSING"],
    ];
    for (const [text, error] of cases) {
      expect(parseRequest(latin1(text.slice(0, -1)))).toEqual({ more: true });
      expect(parseRequest(latin1(text))).toEqual({ error });
    }
  });

  test("accepts what is exactly at a limit", () => {
    const limits = {
      targetBytesMax: 8,
      methodBytesMax: 7,
      headBytesMax: 60,
      headerBytesMax: 16,
      headersMax: 2,
      emptyLinesMax: 1,
    };
    const outcome = (text: string): string => {
      const bytes = latin1(text);
      const run = (ends: readonly number[]): string => {
        const result = parseRequest(bytes, ends, limits);
        return result.error ?? (result.more ? "more" : "ok");
      };
      return everyCut(bytes, run);
    };
    expect(outcome(getTarget("/1234567"))).toBe("ok");
    expect(outcome(getTarget("/12345678"))).toBe("HTTP_TARGET_TOO_LONG");
    expect(outcome(getTarget("/1?34#67"))).toBe("ok");
    expect(outcome(head("OPTIONS / HTTP/1.1", "Host: a"))).toBe("ok");
    expect(outcome(head("OPTIONSS / HTTP/1.1", "Host: a"))).toBe("HTTP_METHOD_TOO_LONG");
    expect(outcome(get(`X: ${"y".repeat(13)}`))).toBe("ok");
    expect(outcome(get(`X: ${"y".repeat(14)}`))).toBe("HTTP_FIELD_TOO_LONG");
    expect(outcome(get(`${"X".repeat(16)}: y`))).toBe("HTTP_FIELD_TOO_LONG");
    expect(outcome(get("A: b"))).toBe("ok");
    expect(outcome(get("A: b", "C: d"))).toBe("HTTP_FIELDS_TOO_MANY");
    expect(outcome(`\r\n${get()}`)).toBe("ok");
    expect(outcome(`\r\n\r\n${get()}`)).toBe("HTTP_EMPTY_LINES_TOO_MANY");
    const line = "POST /1234567 HTTP/1.1\r\nHost: abcdefghij\r\n";
    expect(outcome(`${line}X: ${"y".repeat(60 - line.length - 7)}\r\n\r\n`)).toBe("ok");
    const tooLarge = `${line}X: ${"y".repeat(60 - line.length - 6)}\r\n\r\n`;
    expect(outcome(tooLarge)).toBe("HTTP_HEAD_TOO_LARGE");
  });

  test("keeps nothing of one head for the next", () => {
    const last = latin1(head("GET /last HTTP/1.0"));
    const fresh = JSON.stringify(parseRequest(last));
    for (const { text } of [...ACCEPTED, ...REFUSED]) {
      parseRequest(latin1(text), undefined, undefined, shared);
      expect(JSON.stringify(parseRequest(last, undefined, undefined, shared))).toBe(fresh);
    }
  });

  test("forgets method and version before a head that fails early", () => {
    parseRequest(latin1(head("HEAD / HTTP/1.0")), undefined, undefined, shared);
    expect([shared.method, shared.versionMinor]).toEqual([METHOD_HEAD, 0]);
    parseRequest(latin1("\0"), undefined, undefined, shared);
    expect([shared.method, shared.versionMinor]).toEqual([METHOD_OTHER, 1]);
  });

  test("needs no reset when it is new", () => {
    for (const { text } of [...ACCEPTED, ...REFUSED]) {
      const bytes = latin1(text);
      const parser = new RequestParser(REQUEST_LIMITS_DEFAULT);
      const result = parser.parse(bytes, 0, bytes.length);
      const { head: found, error } = parseRequest(bytes);
      if (result === PARSE_DONE) expect(describeRequest(parser, bytes, 0)).toEqual(found!);
      else expect(HTTP_ERRORS[parser.error]!.name).toBe(error!);
    }
  });

  test("must be reset between two heads", () => {
    const parser = new RequestParser(REQUEST_LIMITS_DEFAULT);
    const bytes = latin1(get());
    expect(parser.started).toBe(false);
    expect(parser.parse(bytes, 0, 3)).toBe(PARSE_MORE);
    expect(parser.started).toBe(true);
    expect(parser.parse(bytes, 0, bytes.length)).toBe(PARSE_DONE);
    expect(() => parser.parse(bytes, 0, bytes.length)).toThrow("must be reset");
    parser.reset();
    expect(parser.started).toBe(false);
    expect(parser.parse(latin1("\r\n"), 0, 2)).toBe(PARSE_MORE);
    expect(parser.started).toBe(true);
    parser.reset();
    expect(parser.parse(latin1("\0"), 0, 1)).toBe(PARSE_ERROR);
    expect(() => parser.parse(bytes, 0, bytes.length)).toThrow("must be reset");
  });

  test("parses pipelined heads one behind the other", () => {
    const texts = [get("X: 1"), head("HEAD /b?c HTTP/1.1", "Host: d"), get()];
    const bytes = latin1(texts.join(""));
    const parser = new RequestParser(REQUEST_LIMITS_DEFAULT);
    let at = 0;
    for (const text of texts) {
      parser.reset();
      expect(parser.parse(bytes, at, bytes.length)).toBe(PARSE_DONE);
      expect(describeRequest(parser, bytes, at)).toEqual(parseRequest(latin1(text)).head!);
      at += parser.headBytes;
    }
    expect(at).toBe(bytes.length);
  });

  test("finds headers without regard to case", () => {
    const parser = new RequestParser(REQUEST_LIMITS_DEFAULT);
    const bytes = latin1(`junk${get("X-One: a", "Accept: TEXT/html", "x-ONE: b", "X~: c")}`);
    expect(parser.parse(bytes, 4, bytes.length)).toBe(PARSE_DONE);
    expect(parser.findHeader(bytes, 4, "host")).toBe(0);
    expect(parser.findHeader(bytes, 4, "x-one")).toBe(1);
    expect(parser.findHeader(bytes, 4, "x-one", 2)).toBe(3);
    expect(parser.findHeader(bytes, 4, "x-one", 4)).toBe(-1);
    expect(parser.findHeader(bytes, 4, "x^")).toBe(-1);
    for (const name of ["x-on", "y-one", "x-onf", "", "x-one1"]) {
      expect(parser.findHeader(bytes, 4, name)).toBe(-1);
    }
    expect(parser.headerIs(bytes, 4, 2, "text/html")).toBe(true);
    expect(parser.headerIs(bytes, 4, 2, "text/htm")).toBe(false);
    expect(parser.headerIs(bytes, 4, 1, "b")).toBe(false);
  });

  test("holds as many headers as the limit permits", () => {
    const fields = Array.from({ length: 99 }, (_, index) => `Name-${index}: value ${index}`);
    const { headers } = parseRequest(latin1(get(...fields))).head!;
    expect(headers.slice(1).map(([name, value]) => `${name}: ${value}`)).toEqual(fields);
  });
});
