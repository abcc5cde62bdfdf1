// Request heads that must be accepted, with the parts that matter of what the parser must find.
// Those that must be refused are in vectors-hostile.ts. Each character is one byte.

import type { RequestHead } from "../support/http-replay.ts";

/** A head made of lines, with its blank line. */
export function head(...lines: string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A GET with a Host and `lines`. */
export function get(...lines: string[]): string {
  return head("GET / HTTP/1.1", "Host: a", ...lines);
}

/** A GET for `target` with a Host. */
export function getTarget(target: string): string {
  return head(`GET ${target} HTTP/1.1`, "Host: a");
}

export interface AcceptedVector {
  readonly name: string;
  readonly text: string;
  readonly head: Partial<RequestHead>;
}

const NONE = 0;
const LENGTH = 1;
const CHUNKED = 2;

export const ACCEPTED: readonly AcceptedVector[] = [
  [
    "smallest 1.0",
    head("GET / HTTP/1.0"),
    { method: "GET", methodId: 1, versionMinor: 0, host: null, keepAlive: false, headBytes: 18 },
  ],
  [
    "smallest 1.1",
    get(),
    { path: "/", query: "", versionMinor: 1, host: "a", keepAlive: true, bodyKind: NONE },
  ],
  [
    "later minor version is 1.1",
    head("GET / HTTP/1.7", "Host: a"),
    { versionMinor: 1, keepAlive: true },
  ],
  ["HEAD", head("HEAD / HTTP/1.1", "Host: a"), { methodId: 2 }],
  ["POST", head("POST / HTTP/1.1", "Host: a"), { methodId: 3, bodyKind: NONE }],
  ["PUT", head("PUT / HTTP/1.1", "Host: a"), { methodId: 4 }],
  ["DELETE", head("DELETE / HTTP/1.1", "Host: a"), { methodId: 5 }],
  ["OPTIONS", head("OPTIONS / HTTP/1.1", "Host: a"), { methodId: 6 }],
  ["PATCH", head("PATCH / HTTP/1.1", "Host: a"), { methodId: 7 }],
  ["TRACE", head("TRACE / HTTP/1.1", "Host: a"), { methodId: 8 }],
  ["unknown method", head("PURGE /x HTTP/1.1", "Host: a"), { methodId: 0, method: "PURGE" }],
  [
    "lower-case method is another",
    head("get / HTTP/1.1", "Host: a"),
    { methodId: 0, method: "get" },
  ],
  [
    "method of every token character",
    head("!#$%&'*+-.^_`|~9Az / HTTP/1.1", "Host: a"),
    { methodId: 0 },
  ],
  ["one-letter method", head("G / HTTP/1.1", "Host: a"), { methodId: 0 }],
  ["method with a known prefix", head("GETS / HTTP/1.1", "Host: a"), { methodId: 0 }],
  ["method as long as permitted", head(`${"M".repeat(32)} / HTTP/1.1`, "Host: a"), { methodId: 0 }],
  ["empty line before", `\r\n${get()}`, { headBytes: 29, methodId: 1 }],
  [
    "eight empty lines before",
    `${"\r\n".repeat(8)}${get("X: y")}`,
    {
      headers: [
        ["Host", "a"],
        ["X", "y"],
      ],
    },
  ],
  ["bytes behind the head are not read", `${get()}\0\r\r\n`, { headBytes: 27 }],
  [
    "path and query",
    getTarget("/a/b?c=d&e"),
    { path: "/a/b", query: "c=d&e", target: "/a/b?c=d&e" },
  ],
  ["empty query", getTarget("/a?"), { path: "/a", query: "" }],
  ["question marks in the query", getTarget("/a?b?c"), { path: "/a", query: "b?c" }],
  ["fragment is cut", getTarget("/a?b#c?d#e"), { path: "/a", query: "b", target: "/a?b#c?d#e" }],
  ["fragment without query", getTarget("/a#b"), { path: "/a", query: "" }],
  ["visible characters outside the grammar", getTarget('/"<>\\^`{|}'), { path: '/"<>\\^`{|}' }],
  ["percent signs are the router's affair", getTarget("/%zz%00%"), { path: "/%zz%00%" }],
  ["two slashes", getTarget("//a/b"), { path: "//a/b", form: 0, host: "a" }],
  ["dot segments stay", getTarget("/../a/./b"), { path: "/../a/./b" }],
  [
    "absolute-form",
    getTarget("http://h:81/p?q"),
    { form: 1, host: "h:81", path: "/p", query: "q" },
  ],
  [
    "absolute-form without path",
    getTarget("http://h"),
    { form: 1, host: "h", path: "/", query: "" },
  ],
  [
    "absolute-form without path, with query",
    getTarget("http://h?q#f"),
    { host: "h", path: "/", query: "q" },
  ],
  [
    "absolute-form without path, with fragment",
    getTarget("http://h#f"),
    { host: "h", path: "/", query: "" },
  ],
  ["absolute-form in capitals", getTarget("HTTPS://H/P"), { form: 1, host: "H", path: "/P" }],
  ["absolute-form with userinfo", getTarget("http://u:p@h:1/"), { host: "h:1", path: "/" }],
  ["absolute-form with IPv6", getTarget("http://[::1]:8080/x"), { host: "[::1]:8080", path: "/x" }],
  [
    "absolute-form, Host later is ignored",
    head("GET http://h/ HTTP/1.1", "Host: other"),
    { host: "h" },
  ],
  ["absolute-form in 1.0 without Host", head("GET http://h/ HTTP/1.0"), { host: "h" }],
  ["asterisk-form", head("OPTIONS * HTTP/1.1", "Host: a"), { form: 3, path: "*", host: "a" }],
  [
    "asterisk-form with another method",
    head("M-SEARCH * HTTP/1.1", "Host: a"),
    { form: 3, path: "*", methodId: 0 },
  ],
  [
    "authority-form",
    head("CONNECT h:443 HTTP/1.1", "Host: h:443"),
    { form: 2, methodId: 9, path: "", host: "h:443" },
  ],
  ["Host with port", head("GET / HTTP/1.1", "Host: a:8080"), { host: "a:8080" }],
  ["Host with empty port", head("GET / HTTP/1.1", "Host: a:"), { host: "a:" }],
  ["Host with the highest port", head("GET / HTTP/1.1", "Host: a:65535"), { host: "a:65535" }],
  ["Host in capitals", head("GET / HTTP/1.1", "HOST: A.B"), { host: "A.B" }],
  ["Host with sub-delims", head("GET / HTTP/1.1", "Host: 0.0.0.0=5000"), { host: "0.0.0.0=5000" }],
  ["Host percent-encoded", head("GET / HTTP/1.1", "Host: a%20B%fF"), { host: "a%20B%fF" }],
  ["Host of IPv6", head("GET / HTTP/1.1", "Host: [2001:db8::1]"), { host: "[2001:db8::1]" }],
  [
    "Host of eight groups",
    head("GET / HTTP/1.1", "Host: [1:2:3:4:5:6:7:8]:9"),
    { host: "[1:2:3:4:5:6:7:8]:9" },
  ],
  [
    "Host of IPv6 with longer IPv4",
    head("GET / HTTP/1.1", "Host: [::ffff:192.168.0.10]"),
    { host: "[::ffff:192.168.0.10]" },
  ],
  [
    "Host of IPv6 with IPv4",
    head("GET / HTTP/1.1", "Host: [::ffff:1.2.3.4]"),
    { host: "[::ffff:1.2.3.4]" },
  ],
  ["Host of IPv6 gap at the end", head("GET / HTTP/1.1", "Host: [1::]"), { host: "[1::]" }],
  ["Host last of many", head("GET / HTTP/1.1", "A: 1", "B: 2", "Host: h"), { host: "h" }],
  [
    "value trimmed",
    get("X: \t y z\t "),
    {
      headers: [
        ["Host", "a"],
        ["X", "y z"],
      ],
    },
  ],
  [
    "value without space before it",
    get("X:y"),
    {
      headers: [
        ["Host", "a"],
        ["X", "y"],
      ],
    },
  ],
  [
    "empty value",
    get("X:", "Y: ", "Z:\t"),
    {
      headers: [
        ["Host", "a"],
        ["X", ""],
        ["Y", ""],
        ["Z", ""],
      ],
    },
  ],
  [
    "colons in a value",
    get("X: a:b::"),
    {
      headers: [
        ["Host", "a"],
        ["X", "a:b::"],
      ],
    },
  ],
  [
    "obs-text in a value",
    get("X: D\xfcss\x80\xff"),
    {
      headers: [
        ["Host", "a"],
        ["X", "D\xfcss\x80\xff"],
      ],
    },
  ],
  [
    "every token character in a name",
    get("!#$%&'*+-.^_`|~0aZ: v"),
    {
      headers: [
        ["Host", "a"],
        ["!#$%&'*+-.^_`|~0aZ", "v"],
      ],
    },
  ],
  [
    "repeated field",
    get("X: 1", "X: 2"),
    {
      headers: [
        ["Host", "a"],
        ["X", "1"],
        ["X", "2"],
      ],
    },
  ],
  ["Content-Length", get("Content-Length: 42"), { bodyKind: LENGTH, contentLength: 42 }],
  [
    "Content-Length of zero is no body",
    get("Content-Length: 0"),
    { bodyKind: NONE, contentLength: 0 },
  ],
  [
    "Content-Length with zeros before it",
    get("content-length:\t007 "),
    { bodyKind: LENGTH, contentLength: 7 },
  ],
  [
    "Content-Length of 2^53-1",
    get("Content-Length: 9007199254740991"),
    { contentLength: Number.MAX_SAFE_INTEGER },
  ],
  [
    "Content-Length in 1.0",
    head("POST / HTTP/1.0", "Content-Length: 5"),
    { bodyKind: LENGTH, contentLength: 5 },
  ],
  ["chunked", get("Transfer-Encoding: chunked"), { bodyKind: CHUNKED, contentLength: 0 }],
  [
    "chunked in mixed case, with space",
    get("tRANSFER-eNCODING:  ChunKed\t "),
    { bodyKind: CHUNKED },
  ],
  [
    "names like those that matter",
    get("Content-Lengtj: x", "Transfer-Encodinh: x", "Hosu: x", "Connectiom: close", "Expecu: x"),
    { bodyKind: NONE, keepAlive: true, host: "a" },
  ],
  ["Connection: close", get("Connection: close"), { keepAlive: false }],
  ["Connection: Close with tab", get("Connection: Close\t"), { keepAlive: false }],
  ["close in a list", get("Connection: ,x, \tclose ,"), { keepAlive: false }],
  [
    "close in a second field",
    get("Connection: keep-alive", "Connection: close"),
    { keepAlive: false },
  ],
  ["words that hold close", get("Connection: closed, disclose, close;q=1"), { keepAlive: true }],
  ["1.0 keep-alive", head("GET / HTTP/1.0", "Connection: Keep-Alive"), { keepAlive: true }],
  [
    "1.0 keep-alive and close",
    head("GET / HTTP/1.0", "Connection: keep-alive, close"),
    { keepAlive: false },
  ],
  ["1.0 close", head("GET / HTTP/1.0", "Connection: close"), { keepAlive: false }],
  ["100-continue", get("Expect: 100-Continue", "Content-Length: 5"), { expectContinue: true }],
  [
    "100-continue with chunked",
    get("Expect: 100-continue", "Transfer-Encoding: chunked"),
    { expectContinue: true },
  ],
  ["100-continue without body", get("Expect: 100-continue"), { expectContinue: false }],
  [
    "100-continue in 1.0 is ignored",
    head("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 5"),
    { expectContinue: false },
  ],
  ["empty Expect", get("Expect: ,", "Content-Length: 5"), { expectContinue: false }],
  ["upgrade", get("Connection: Upgrade", "Upgrade: websocket"), { upgrade: true, keepAlive: true }],
  ["Upgrade that Connection does not name", get("Upgrade: websocket"), { upgrade: false }],
  ["Connection: upgrade alone", get("Connection: upgrade"), { upgrade: false }],
  [
    "Upgrade in 1.0 is ignored",
    head("GET / HTTP/1.0", "Connection: upgrade", "Upgrade: x"),
    { upgrade: false },
  ],
  [
    "a browser's head",
    get(
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
      "Accept: text/html,*/*;q=0.8",
      "Accept-Encoding: gzip, deflate, br, zstd",
      "Connection: keep-alive",
      "Upgrade-Insecure-Requests: 1",
      "Sec-Fetch-Mode: navigate",
      "Cookie: a=b; c=d",
    ),
    { keepAlive: true, upgrade: false, bodyKind: NONE },
  ],
].map(([name, text, expected]) => ({
  name: name as string,
  text: text as string,
  head: expected as Partial<RequestHead>,
}));
