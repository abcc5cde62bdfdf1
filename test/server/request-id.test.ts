import { expect, test } from "bun:test";
import { REQUEST_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";
import { PARSE_DONE, RequestParser } from "../../src/http/request-parser.ts";
import { requestIdOf, RequestIds } from "../../src/server/request-id.ts";

function idIn(...fields: string[]): string {
  const before = "bytes of an earlier request";
  const head = Buffer.from(
    `${before}GET / HTTP/1.1\r\nHost: a\r\n${fields.join("\r\n")}\r\n\r\n`,
    "latin1",
  );
  const parser = new RequestParser(REQUEST_LIMITS_DEFAULT);
  parser.reset();
  expect(parser.parse(head, before.length, head.length)).toBe(PARSE_DONE);
  return requestIdOf(parser, head, before.length);
}

test("RequestIds are short, sane, and never the same", () => {
  const ids = [0, 1, 1, 255].map((worker) => new RequestIds(worker));
  const seen = new Set<string>();
  for (let count = 0; count < 5000; count++) for (const each of ids) seen.add(each.next());
  expect(seen.size).toBe(20_000);
  for (const id of seen) expect(idIn(`X-Request-Id: ${id}`)).toBe(id);
  expect(new RequestIds(37, () => 0).next()).toBe("00000000-11-1");
  expect(new RequestIds(0, () => 1 - 2 ** -53).next()).toMatch(/^[0-9a-z]{8}-0-1$/);
});

test("requestIdOf takes what is sane, by any spelling of the name", () => {
  const uuid = "123e4567-e89b-12d3-a456-426614174000";
  expect(idIn(`X-Request-Id: ${uuid}`)).toBe(uuid);
  expect(idIn(`x-request-id:${uuid}  `, "Accept: x")).toBe(uuid);
  expect(idIn("Accept: x", "X-REQUEST-ID: aZ09-_.:+/=~")).toBe("aZ09-_.:+/=~");
  expect(idIn(`X-Request-Id: ${"x".repeat(64)}`)).toBe("x".repeat(64));
});

test("requestIdOf refuses what could harm a log or a shell, and what is ambiguous", () => {
  expect(idIn(`X-Request-Id: ${"x".repeat(65)}`)).toBe("");
  expect(idIn("X-Request-Id: ")).toBe("");
  expect(idIn("X-Request-Id: a", "x-request-id: a")).toBe("");
  expect(idIn("X-Request-Ids: a", "XX-Request-Id: b", "X-Request_Id: c")).toBe("");
  expect(idIn("Accept: X-Request-Id: a")).toBe("");
  const sane = /[A-Za-z0-9\-_.:+/=~]/;
  for (let code = 0x21; code < 0x100; code++) {
    const character = String.fromCharCode(code);
    if (code === 0x7f) continue; // the parser has refused it
    expect(idIn(`X-Request-Id: a${character}b`)).toBe(sane.test(character) ? `a${character}b` : "");
  }
  for (const text of ["a b", "a\tb", "a, b", "a;rm -rf", '"', "${jndi:x}", "<b>"]) {
    expect([text, idIn(`X-Request-Id: ${text}`)]).toEqual([text, ""]);
  }
});
