// Conversations on the wire and what must come of them, by section of RFC 9110 and RFC 9112. The
// server under test answers every path with the method and the body of the request, so that a body
// taken for a request, or the other way round, shows. Written for this project.

import { request } from "../server/http-world.ts";

export interface WireCase {
  readonly name: string;
  readonly sent: string;
  /** Status codes of all answers, 1xx included. */
  readonly statuses: readonly number[];
  /** Whether the connection must be closed (true) or kept (false) behind them. */
  readonly closes: boolean;
  /** Bodies of the answers of status 200, when they matter. */
  readonly bodies?: readonly string[];
}

const AFTER: string = request("GET /after");
const chunked = (body: string, ...fields: string[]): string =>
  request("POST /", "", "Transfer-Encoding: chunked", ...fields) + body;

function ok(name: string, sent: string, ...bodies: string[]): WireCase {
  const statuses = [...bodies.map(() => 200), 200];
  return { name, sent: sent + AFTER, statuses, closes: false, bodies: [...bodies, "GET "] };
}

function bad(name: string, sent: string, status = 400): WireCase {
  return { name, sent: sent + AFTER, statuses: [status], closes: true };
}

const LINES: readonly WireCase[] = [
  ok("9112 2.2: empty lines before the request line", `\r\n\r\n${request("GET /")}`, "GET "),
  ok("9112 3.2.2: absolute-form", "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", "GET "),
  ok("9110 2.5: a later minor version", "GET / HTTP/1.7\r\nHost: a\r\n\r\n", "GET "),
  bad("9112 2.2: bare LF ends a line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
  bad("9112 2.2: bare CR in a field", request("GET /", "", "X: a\rb")),
  bad("9112 2.2: space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
  bad("9112 3: two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
  bad("9112 3: a tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
  bad("9112 3: no version (HTTP/0.9)", "GET /\r\n"),
  bad("9112 2.3: lower-case protocol", "GET / http/1.1\r\nHost: a\r\n\r\n"),
  bad("9112 2.3: another major version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
  bad("9112 3.2: target with a space", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
  bad("9112 3.2: target with a control", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"),
  bad("9112 3.2: target beyond ASCII", "GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n"),
  bad("9112 3.2: asterisk with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
  bad("9112 3: target too long", `GET /${"x".repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414),
  bad("9112 11.1: NUL in the method", "G\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
];

const HOSTS: readonly WireCase[] = [
  bad("9112 3.2: no Host", "GET / HTTP/1.1\r\n\r\n"),
  bad("9112 3.2: two Hosts", request("GET /", "", "Host: a")),
  bad("9112 3.2: empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
  bad("9112 3.2: Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
  bad("9112 3.2: Host with userinfo", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
  bad("9112 3.2: Host with a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
  bad("9112 3.2: Host with a bad port", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"),
  bad("9112 3.2: no Host with absolute-form", "GET http://a/ HTTP/1.1\r\n\r\n"),
  ok("9112 3.2: Host with port", "GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", "GET "),
  ok("9112 3.2: Host in brackets", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET "),
];

const FIELDS: readonly WireCase[] = [
  ok("9112 5.1: no space after the colon", "GET / HTTP/1.1\r\nHost:a\r\nX:y\r\n\r\n", "GET "),
  ok("9110 5.5: obs-text in a value", request("GET /", "", "X: \xe9"), "GET "),
  bad("9112 5.1: space before the colon", request("GET /", "", "X : y")),
  bad("9112 5.2: a folded line", request("GET /", "", "X: a\r\n b")),
  bad("9110 5.1: empty name", request("GET /", "", ": y")),
  bad("9110 5.6.2: bracket in a name", request("GET /", "", "X[: y")),
  bad("9110 5.5: NUL in a value", request("GET /", "", "X: a\0b")),
  bad("9112 5: no colon", request("GET /", "", "X")),
  bad("9110 5.4: one field too long", request("GET /", "", `X: ${"y".repeat(20_000)}`), 431),
  bad(
    "9110 5.4: too many fields",
    request("GET /", "", ...new Array<string>(101).fill("X: y")),
    431,
  ),
  bad("9110 10.1.1: unknown expectation", request("GET /", "", "Expect: 200-ok"), 417),
];

const FRAMING: readonly WireCase[] = [
  ok("9112 6.3: body by length", request("POST /", "12345"), "POST 12345"),
  ok("9112 6.3: length of zero", request("POST /", "", "Content-Length: 0"), "POST "),
  ok("9112 6.3: body of GET", request("GET /", "12345"), "GET 12345"),
  ok("9112 6.3: a body that looks like a request", request("POST /", AFTER), `POST ${AFTER}`),
  ok("9112 7.1: chunks", chunked("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), "POST hello!"),
  ok(
    "9112 7.1: sizes in hex of both cases",
    chunked(`a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n`),
    "POST 01234567890123456789",
  ),
  ok("9112 7.1: leading zeros", chunked("005\r\nhello\r\n000\r\n\r\n"), "POST hello"),
  ok("9112 7.1.1: extensions", chunked('5;a;b=c;d="e;"\r\nhello\r\n0;x\r\n\r\n'), "POST hello"),
  ok("9112 7.1.2: trailers", chunked("1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n"), "POST x"),
  ok(
    "9112 6.1: coding in another case",
    request("POST /", "", "transfer-encoding: CHUNKED") + "1\r\nx\r\n0\r\n\r\n",
    "POST x",
  ),
  bad("9112 6.3: length and coding", request("POST /", "12345", "Transfer-Encoding: chunked")),
  bad("9112 6.3: two lengths", request("POST /", "12345", "Content-Length: 6")),
  bad("9112 6.3: two equal lengths", request("POST /", "12345", "Content-Length: 5")),
  bad("9112 6.3: a list of lengths", request("POST /", "", "Content-Length: 5, 5")),
  bad("9112 6.3: a signed length", request("POST /", "", "Content-Length: +5")),
  bad("9112 6.3: a negative length", request("POST /", "", "Content-Length: -1")),
  bad("9112 6.3: a length in hex", request("POST /", "", "Content-Length: 0x5")),
  bad("9112 6.3: an empty length", request("POST /", "", "Content-Length: ")),
  bad("9112 6.3: a length beyond 2^53", request("POST /", "", "Content-Length: 9007199254740993")),
  bad("9112 6.1: chunked twice", request("POST /", "", "Transfer-Encoding: chunked, chunked")),
  bad("9112 6.1: chunked not last", request("POST /", "", "Transfer-Encoding: chunked, gzip")),
  bad("9112 6.1: unknown coding", request("POST /", "", "Transfer-Encoding: gzip, chunked"), 501),
  bad("9112 6.1: coding hidden by a tab", request("POST /", "", "Transfer-Encoding: \x0bchunked")),
  bad(
    "9112 6.1: coding with HTTP/1.0",
    "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ),
  bad("9112 7.1: no chunk size", chunked("\r\nhello\r\n0\r\n\r\n")),
  bad("9112 7.1: size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n")),
  bad("9112 7.1: chunk longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n")),
  bad("9112 7.1: bare LF behind the size", chunked("5\nhello\r\n0\r\n\r\n")),
  bad("9112 7.1: size beyond all bounds", chunked("fffffffffffffffff\r\nx")),
  bad("9112 7.1.2: trailer that is none", chunked("0\r\nA b\r\n\r\n")),
  bad("9110 15.5.14: body above the limit", request("POST /", "", "Content-Length: 99999999"), 413),
];

const CONNECTIONS: readonly WireCase[] = [
  {
    name: "9112 9.6: close",
    sent: request("GET /", "", "Connection: close") + AFTER,
    statuses: [200],
    closes: true,
  },
  {
    name: "9112 9.6: close in a list",
    sent: request("GET /", "", "Connection: x, CLOSE") + AFTER,
    statuses: [200],
    closes: true,
  },
  {
    name: "9112 9.3: HTTP/1.0 closes",
    sent: `GET / HTTP/1.0\r\n\r\n${AFTER}`,
    statuses: [200],
    closes: true,
  },
  {
    name: "9112 9.3: HTTP/1.0 keeps alive when asked",
    sent: `GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n${AFTER}`,
    statuses: [200, 200],
    closes: false,
  },
  {
    name: "9112 9.3.2: pipelined answers in order",
    sent: request("POST /1", "one") + request("POST /2", "two") + AFTER,
    statuses: [200, 200, 200],
    closes: false,
    bodies: ["POST one", "POST two", "GET "],
  },
  {
    name: "9110 10.1.1: 100 before the body",
    sent: request("POST /", "", "Content-Length: 3", "Expect: 100-continue"),
    statuses: [100],
    closes: false,
  },
  {
    name: "9110 10.1.1: no 100 when the body is there",
    sent: request("POST /", "abc", "Expect: 100-Continue") + AFTER,
    statuses: [200, 200],
    closes: false,
    bodies: ["POST abc", "GET "],
  },
  bad("9110 9.3.6: CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
  {
    name: "9110 9.1: unknown method",
    sent: request("BREW /") + AFTER,
    statuses: [501, 200],
    closes: false,
  },
  {
    name: "9110 9.1: methods are case-sensitive",
    sent: request("get /") + AFTER,
    statuses: [501, 200],
    closes: false,
  },
  {
    name: "9110 7.8: an upgrade that is not wanted",
    sent: request("GET /", "", "Connection: upgrade", "Upgrade: h2c") + AFTER,
    statuses: [200, 200],
    closes: false,
  },
];

export const WIRE_CASES: readonly WireCase[] = [
  ...LINES,
  ...HOSTS,
  ...FIELDS,
  ...FRAMING,
  ...CONNECTIONS,
];
