import { describe, expect, test } from "bun:test";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE } from "../../src/http/framing.ts";
import { HTTP_ERRORS } from "../../src/http/http-error.ts";
import { REQUEST_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";
import { METHOD_CONNECT, METHOD_GET, METHOD_HEAD, METHOD_POST } from "../../src/http/methods.ts";
import { PARSE_DONE } from "../../src/http/field-parser.ts";
import { ResponseParser } from "../../src/http/response-parser.ts";
import { statusLine } from "../../src/http/status.ts";
import { parseResponse, type ResponseHead } from "../support/http-replay.ts";
import { everyCut, latin1 } from "../support/replay.ts";

const OK = "HTTP/1.1 200 OK";

function head(...lines: string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function outcomeOf(text: string, method: number = METHOD_GET): ReturnType<typeof parseResponse> {
  const bytes = latin1(text);
  const run = (ends: readonly number[]): string =>
    JSON.stringify(parseResponse(bytes, method, ends));
  return JSON.parse(everyCut(bytes, run));
}

type Accepted = readonly [string, string, Partial<ResponseHead>, number?];

const ACCEPTED: readonly Accepted[] = [
  [
    "no field",
    head(OK),
    { status: 200, reason: "OK", bodyKind: BODY_UNTIL_CLOSE, keepAlive: false },
  ],
  [
    "length",
    head(OK, "Content-Length: 5"),
    { bodyKind: BODY_LENGTH, contentLength: 5, keepAlive: true },
  ],
  [
    "length of zero",
    head(OK, "Content-Length: 0"),
    { bodyKind: BODY_NONE, contentLength: 0, keepAlive: true },
  ],
  [
    "chunked",
    head(OK, "Transfer-Encoding: chunked"),
    { bodyKind: BODY_CHUNKED, contentLength: -1, keepAlive: true },
  ],
  ["coded and chunked", head(OK, "Transfer-Encoding: gzip ,\tChunked"), { bodyKind: BODY_CHUNKED }],
  [
    "coded in two fields",
    head(OK, "Transfer-Encoding: gzip", "Transfer-Encoding: chunked"),
    { bodyKind: BODY_CHUNKED },
  ],
  [
    "chunked not final",
    head(OK, "Transfer-Encoding: chunked, gzip"),
    { bodyKind: BODY_UNTIL_CLOSE, keepAlive: false },
  ],
  [
    "coding that looks chunked",
    head(OK, "Transfer-Encoding: xchunked"),
    { bodyKind: BODY_UNTIL_CLOSE },
  ],
  [
    "coding and length",
    head(OK, "Content-Length: 5", "Transfer-Encoding: chunked"),
    { bodyKind: BODY_CHUNKED, keepAlive: false },
  ],
  [
    "coding in 1.0",
    head("HTTP/1.0 200 OK", "Connection: keep-alive", "Transfer-Encoding: chunked"),
    { bodyKind: BODY_CHUNKED, keepAlive: false },
  ],
  [
    "the same length twice",
    head(OK, "Content-Length: 5", "Content-Length: 05"),
    { contentLength: 5, bodyKind: BODY_LENGTH },
  ],
  ["the same length in a list", head(OK, "Content-Length: 5,\t5 , 5"), { contentLength: 5 }],
  ["close", head(OK, "Content-Length: 5", "Connection: close"), { keepAlive: false }],
  ["1.0", head("HTTP/1.0 200 OK", "Content-Length: 5"), { versionMinor: 0, keepAlive: false }],
  [
    "1.0 keep-alive",
    head("HTTP/1.0 200 OK", "Content-Length: 5", "Connection: Keep-Alive"),
    { keepAlive: true },
  ],
  ["1.5", head("HTTP/1.5 200 OK", "Content-Length: 5"), { versionMinor: 1, keepAlive: true }],
  [
    "answer to HEAD",
    head(OK, "Content-Length: 5"),
    { bodyKind: BODY_NONE, contentLength: 5, keepAlive: true },
    METHOD_HEAD,
  ],
  [
    "answer to HEAD without length",
    head(OK),
    { bodyKind: BODY_NONE, keepAlive: true },
    METHOD_HEAD,
  ],
  [
    "204",
    head("HTTP/1.1 204 No Content", "Content-Length: 5"),
    { bodyKind: BODY_NONE, keepAlive: true },
  ],
  [
    "304 with a length",
    head("HTTP/1.1 304 Not Modified", "Content-Length: 5"),
    { bodyKind: BODY_NONE, contentLength: 5 },
  ],
  ["100", head("HTTP/1.1 100 Continue"), { status: 100, bodyKind: BODY_NONE, keepAlive: true }],
  [
    "103 with fields",
    head("HTTP/1.1 103 Early Hints", "Link: </a>"),
    { headers: [["Link", "</a>"]], bodyKind: BODY_NONE },
  ],
  [
    "101",
    head("HTTP/1.1 101 Switching Protocols", "Upgrade: x"),
    { upgrade: true, bodyKind: BODY_NONE },
  ],
  [
    "success of CONNECT",
    head(OK, "Content-Length: 5"),
    { upgrade: true, bodyKind: BODY_NONE },
    METHOD_CONNECT,
  ],
  [
    "failure of CONNECT",
    head("HTTP/1.1 407 No", "Content-Length: 5"),
    { upgrade: false, bodyKind: BODY_LENGTH },
    METHOD_CONNECT,
  ],
  [
    "answer to POST",
    head("HTTP/1.1 201 Created", "Content-Length: 1"),
    { status: 201, bodyKind: BODY_LENGTH },
    METHOD_POST,
  ],
  ["empty reason", head("HTTP/1.1 200 ", "A: b"), { reason: "", headers: [["A", "b"]] }],
  [
    "no space before no reason",
    head("HTTP/1.1 200", "A: b"),
    { reason: "", headers: [["A", "b"]] },
  ],
  [
    "reason of words and obs-text",
    head("HTTP/1.1 500 Pas \xe9\tbon"),
    { status: 500, reason: "Pas \xe9\tbon" },
  ],
  ["status unknown to us", head("HTTP/1.1 799 ?"), { status: 799 }],
  ["bytes behind the head", `${head(OK)}\0\r`, { headBytes: 19 }],
];

const REFUSED: readonly (readonly [string, string])[] = [
  ["HTTP_STATUS_LINE_INVALID", "\r\nHTTP/1.1 200 OK\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "http/1.1 200 OK\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "ICY 200 OK\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "HTTP/1.1\t200 OK\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "HTTP/1.11 200 OK\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "HTTP/1.x 200 OK\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "HTTP/1.1 2000 OK\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "HTTP/1.1 200\tOK\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "HTTP/1.1 200\n\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "HTTP/1.1 200 O\0K\r\n"],
  ["HTTP_STATUS_LINE_INVALID", "<html>"],
  ["HTTP_STATUS_LINE_INVALID", "GET / HTTP/1.1\r\n"],
  ["HTTP_STATUS_INVALID", "HTTP/1.1 20 OK\r\n"],
  ["HTTP_STATUS_INVALID", "HTTP/1.1 099 Low\r\n"],
  ["HTTP_STATUS_INVALID", "HTTP/1.1 OK\r\n"],
  ["HTTP_STATUS_INVALID", "HTTP/1.1  200 OK\r\n"],
  ["HTTP_STATUS_INVALID", "HTTP/1.1 -20 OK\r\n"],
  ["HTTP_VERSION_UNSUPPORTED", "HTTP/2.0 200 OK\r\n"],
  ["HTTP_VERSION_UNSUPPORTED", "HTTP/0.9 200 OK\r\n"],
  ["HTTP_BARE_LF", "HTTP/1.1 200 OK\n\r\n"],
  ["HTTP_BARE_CR", "HTTP/1.1 200 OK\rA: b\r\n"],
  ["HTTP_BARE_CR", "HTTP/1.1 200\rX"],
  ["HTTP_BARE_LF", "HTTP/1.1 200 OK\r\nA: b\n"],
  ["HTTP_FIELD_SPACE_FIRST", "HTTP/1.1 200 OK\r\n A: b\r\n"],
  ["HTTP_FIELD_FOLDED", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n"],
  ["HTTP_FIELD_NAME_SPACE", "HTTP/1.1 200 OK\r\nA : b\r\n"],
  ["HTTP_FIELD_COLON_MISSING", "HTTP/1.1 200 OK\r\nA\r\n"],
  ["HTTP_FIELD_VALUE_CHARACTER", "HTTP/1.1 200 OK\r\nA: \x01\r\n"],
  ["HTTP_FIELD_NAME_EMPTY", "HTTP/1.1 200 OK\r\n: b\r\n"],
  ["HTTP_FIELD_NAME_CHARACTER", "HTTP/1.1 200 OK\r\n\xff: b\r\n"],
  ["HTTP_LENGTH_INVALID", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n"],
  ["HTTP_LENGTH_INVALID", "HTTP/1.1 200 OK\r\nContent-Length:\r\n"],
  ["HTTP_LENGTH_INVALID", "HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n"],
  ["HTTP_LENGTH_INVALID", "HTTP/1.1 200 OK\r\nContent-Length: 5 5\r\n"],
  ["HTTP_LENGTH_OVERFLOW", "HTTP/1.1 200 OK\r\nContent-Length: 9007199254740992\r\n"],
  ["HTTP_LENGTH_CONFLICT", "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n"],
  ["HTTP_LENGTH_CONFLICT", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n"],
  ["HTTP_FIELD_TOO_LONG", `HTTP/1.1 200 OK\r\nA: ${"b".repeat(16_384)}`],
  ["HTTP_FIELDS_TOO_MANY", `HTTP/1.1 200 OK\r\n${"A:\r\n".repeat(101)}`],
  ["HTTP_HEAD_TOO_LARGE", `HTTP/1.1 200 ${"O".repeat(32_768)}`],
  ["HTTP_HEAD_TOO_LARGE", `HTTP/1.1 200 OK\r\n${`A: ${"b".repeat(9000)}\r\n`.repeat(4)}`],
];

describe("ResponseParser accepts", () => {
  for (const [name, text, expected, method] of ACCEPTED) {
    test(name, () => {
      expect(outcomeOf(text, method).head).toMatchObject(expected);
    });
  }
});

describe("ResponseParser refuses", () => {
  for (const [index, [error, text]] of REFUSED.entries()) {
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
    for (const [, text] of ACCEPTED) {
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
    for (const text of [...ACCEPTED.map(([, t]) => t), ...REFUSED.map(([, t]) => t)]) {
      parseResponse(latin1(text), METHOD_HEAD, undefined, parser);
      expect(JSON.stringify(parseResponse(last, METHOD_GET, undefined, parser))).toBe(fresh);
    }
    expect(() => parser.parse(last, 0, last.length)).toThrow("must be reset");
  });

  test("parses an interim response and then the final one", () => {
    const parser = new ResponseParser(REQUEST_LIMITS_DEFAULT);
    const interim = head("HTTP/1.1 100 Continue");
    const bytes = latin1(interim + head(OK, "Content-Length: 0"));
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
    const produced = new Set(REFUSED.map(([error]) => error));
    for (const { name } of HTTP_ERRORS) {
      if (/STATUS|CONFLICT/.test(name)) expect(produced).toContain(name);
    }
  });
});
