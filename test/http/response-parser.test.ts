import { describe, expect, test } from "bun:test";
import { HTTP_ERRORS } from "../../src/http/http-error.ts";
import { REQUEST_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";
import { METHOD_GET, METHOD_HEAD, METHOD_POST } from "../../src/http/methods.ts";
import { PARSE_DONE } from "../../src/http/field-parser.ts";
import { ResponseParser } from "../../src/http/response-parser.ts";
import { statusLine } from "../../src/http/status.ts";
import { parseResponse } from "../support/http-replay.ts";
import { everyCut, latin1 } from "../support/replay.ts";
import { RESPONSES, RESPONSES_ACCEPTED, RESPONSES_REFUSED } from "./vectors-response.ts";
import { head } from "./vectors.ts";

function outcomeOf(text: string, method: number = METHOD_GET): ReturnType<typeof parseResponse> {
  const bytes = latin1(text);
  const run = (ends: readonly number[]): string =>
    JSON.stringify(parseResponse(bytes, method, ends));
  return JSON.parse(everyCut(bytes, run));
}

describe("ResponseParser accepts", () => {
  for (const [name, text, expected, method] of RESPONSES_ACCEPTED) {
    test(name, () => {
      expect(outcomeOf(text, method).head).toMatchObject(expected);
    });
  }
});

describe("ResponseParser refuses", () => {
  for (const [index, [error, text]] of RESPONSES_REFUSED.entries()) {
    test(`${error}: ${index}`, () => {
      expect(outcomeOf(text)).toEqual({ error });
    });
  }
});

describe("ResponseParser", () => {
  test("reads every status line that we write", () => {
    for (let status = 100; status <= 599; status++) {
      const text = `${Buffer.from(statusLine(status)).toString("latin1")}\r\n`;
      expect(parseResponse(latin1(text), METHOD_GET).head?.status).toBe(status);
    }
  });

  test("wants more after every proper prefix of a valid head", () => {
    for (const [, text] of RESPONSES_ACCEPTED) {
      const bytes = latin1(text);
      const { headBytes } = parseResponse(bytes, METHOD_GET).head!;
      for (let length = 0; length < headBytes; length++) {
        expect(parseResponse(bytes.slice(0, length), METHOD_GET)).toEqual({ more: true });
      }
    }
  });

  test("keeps nothing of one head for the next", () => {
    const parser = new ResponseParser(REQUEST_LIMITS_DEFAULT);
    const last = latin1(head("HTTP/1.1 200 OK", "Content-Length: 1"));
    const fresh = JSON.stringify(parseResponse(last, METHOD_GET));
    for (const text of RESPONSES) {
      parseResponse(latin1(text), METHOD_HEAD, undefined, parser);
      expect(JSON.stringify(parseResponse(last, METHOD_GET, undefined, parser))).toBe(fresh);
    }
    expect(() => parser.parse(last, 0, last.length)).toThrow("must be reset");
  });

  test("needs no reset when it is new and the method was GET", () => {
    for (const [, text, , method] of RESPONSES_ACCEPTED) {
      if (method !== undefined) continue;
      const bytes = latin1(text);
      const parser = new ResponseParser(REQUEST_LIMITS_DEFAULT);
      expect(parser.parse(bytes, 0, bytes.length)).toBe(PARSE_DONE);
      const { bodyKind, keepAlive, contentLength, headBytes } = parser;
      const found = parseResponse(bytes, METHOD_GET).head;
      expect(found).toMatchObject({ bodyKind, keepAlive, contentLength, headBytes });
    }
  });

  test("parses an interim response and then the final one", () => {
    const parser = new ResponseParser(REQUEST_LIMITS_DEFAULT);
    const interim = head("HTTP/1.1 100 Continue");
    const bytes = latin1(interim + head("HTTP/1.1 200 OK", "Content-Length: 0"));
    parser.reset(METHOD_POST);
    expect(parser.started).toBe(false);
    expect(parser.parse(bytes, 0, bytes.length)).toBe(PARSE_DONE);
    expect([parser.status, parser.headBytes]).toEqual([100, interim.length]);
    expect(parser.started).toBe(true);
    parser.reset(METHOD_POST);
    expect(parser.parse(bytes, interim.length, bytes.length)).toBe(PARSE_DONE);
    expect(parser.status).toBe(200);
  });

  test("has a vector for every code of the response side", () => {
    const produced = new Set(RESPONSES_REFUSED.map(([error]) => error));
    for (const { name } of HTTP_ERRORS) {
      if (/STATUS|CONFLICT/.test(name)) expect(produced).toContain(name);
    }
  });
});
