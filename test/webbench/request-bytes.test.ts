import { describe, expect, test } from "bun:test";
import { PARSE_DONE } from "../../src/http/field-parser.ts";
import { REQUEST_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";
import { RequestParser } from "../../src/http/request-parser.ts";
import {
  buildRequest,
  checkMethod,
  framePayload,
  parseHeader,
  type RequestForm,
} from "../../src/webbench/request-bytes.ts";
import { parseTarget } from "../../src/webbench/target.ts";

const target = parseTarget("http://h.test:8080/a?b=c");
const classic: RequestForm = {
  method: "GET",
  version: "1.0",
  closes: true,
  isClassic: true,
  isCompat: false,
  reload: false,
  viaProxy: false,
  headers: [],
  body: null,
};
const modern: RequestForm = { ...classic, version: "1.1", closes: false, isClassic: false };
const text = (form: RequestForm, of = target): string => buildRequest(of, form).toString("latin1");

describe("buildRequest, as webbench 1.5", () => {
  const agent = "User-Agent: WebBench 1.5\r\n";

  test("sends its bytes to the letter, but for the port in Host", () => {
    expect(text(classic)).toBe(`GET /a?b=c HTTP/1.0\r\n${agent}Host: h.test:8080\r\n\r\n`);
    expect(text({ ...classic, isCompat: true })).toBe(
      `GET /a?b=c HTTP/1.0\r\n${agent}Host: h.test\r\n\r\n`,
    );
  });

  test("closes in HTTP/1.1, reloads with Pragma, and says next to nothing in HTTP/0.9", () => {
    expect(text({ ...classic, version: "1.1", reload: true })).toBe(
      `GET /a?b=c HTTP/1.1\r\n${agent}Host: h.test:8080\r\nPragma: no-cache\r\n` +
        "Connection: close\r\n\r\n",
    );
    expect(text({ ...classic, version: "0.9" })).toBe("GET /a?b=c\r\n");
  });

  test("names the whole URL to a proxy", () => {
    expect(text({ ...classic, viaProxy: true })).toStartWith(
      "GET http://h.test:8080/a?b=c HTTP/1.0\r\n",
    );
  });
});

describe("buildRequest", () => {
  test("keeps the connection, aloud where HTTP/1.0 needs it", () => {
    expect(text(modern)).toBe(
      "GET /a?b=c HTTP/1.1\r\nHost: h.test:8080\r\nUser-Agent: millrace-webbench\r\n\r\n",
    );
    expect(text({ ...modern, version: "1.0" })).toContain("\r\nConnection: keep-alive\r\n");
  });

  test("takes a user's headers instead of its own", () => {
    const headers = ["host: other", "X-Many: 1", "x-many: 2", "Empty:"];
    const built = text({ ...modern, headers });
    expect(built).not.toContain("h.test");
    expect(built).toEndWith("host: other\r\nX-Many: 1\r\nx-many: 2\r\nEmpty: \r\n\r\n");
  });

  test("sends a body with its length, byte for byte", () => {
    const body = Buffer.from([0, 255, 13, 10]);
    const built = buildRequest(target, { ...modern, method: "POST", body });
    expect(built.toString("latin1")).toContain("\r\nContent-Length: 4\r\n\r\n");
    expect(built.subarray(-4)).toEqual(body);
  });

  test("carries user and password of the URL", () => {
    const secured = parseTarget("http://user:p%40ss@h.test/");
    expect(text(modern, secured)).toContain("Authorization: Basic dXNlcjpwQHNz\r\n");
  });

  test("is a request that our own server accepts", () => {
    for (const form of [classic, modern, { ...classic, version: "1.1" as const }]) {
      const bytes = buildRequest(target, form);
      const parser = new RequestParser(REQUEST_LIMITS_DEFAULT);
      parser.reset();
      expect(parser.parse(bytes, 0, bytes.length)).toBe(PARSE_DONE);
    }
  });
});

describe("what a user may not send", () => {
  test.each(["", "GE T", "GET\r\n", "G:T", "\u00e9"])("method %j", (method) => {
    expect(() => checkMethod(method)).toThrow("it is no token");
  });

  test.each(["", "no colon", "a b: c", ": c", "a: b\r\nc: d", "a: \0", "a: \u0100"])(
    "header %j",
    (line) => {
      expect(() => parseHeader(line)).toThrow('it must be "Name: value"');
    },
  );

  test("a payload that is longer than its prefix can say", () => {
    expect(framePayload(Buffer.alloc(255, 7), 1)[0]).toBe(255);
    expect(() => framePayload(Buffer.alloc(256), 1)).toThrow("256 bytes has no length of 1 bytes");
    expect(framePayload(Buffer.from("ab"), 4)).toEqual(Buffer.from([0, 0, 0, 2, 97, 98]));
  });
});
