// Response heads: those that a client must accept, with what it must find and the method that was
// asked, and those that it must refuse, with the code. Each character is one byte.

import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE } from "../../src/http/framing.ts";
import { METHOD_CONNECT, METHOD_HEAD, METHOD_POST } from "../../src/http/methods.ts";
import type { ResponseHead } from "../support/http-replay.ts";
import { head } from "./vectors.ts";

const OK = "HTTP/1.1 200 OK";

type Accepted = readonly [string, string, Partial<ResponseHead>, number?];

export const RESPONSES_ACCEPTED: readonly Accepted[] = [
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

export const RESPONSES_REFUSED: readonly (readonly [string, string])[] = [
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
  ["HTTP_LENGTH_CONFLICT", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 6\r\n"],
  ["HTTP_FIELD_TOO_LONG", `HTTP/1.1 200 OK\r\nA: ${"b".repeat(16_384)}`],
  ["HTTP_FIELDS_TOO_MANY", `HTTP/1.1 200 OK\r\n${"A:\r\n".repeat(101)}`],
  ["HTTP_HEAD_TOO_LARGE", `HTTP/1.1 200 ${"O".repeat(32_768)}`],
  ["HTTP_HEAD_TOO_LARGE", `HTTP/1.1 200 OK\r\n${`A: ${"b".repeat(9000)}\r\n`.repeat(4)}`],
];

/** The texts of all. */
export const RESPONSES: readonly string[] = [
  ...RESPONSES_ACCEPTED.map(([, text]) => text),
  ...RESPONSES_REFUSED.map(([, text]) => text),
];
