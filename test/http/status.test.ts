import { expect, test } from "bun:test";
import { STATUS_CODES } from "node:http";
import { bodyForbidden, reasonPhrase, statusLine } from "../../src/http/status.ts";
import { textOf } from "../support/replay.ts";

function line(status: number): string {
  const bytes = statusLine(status);
  return textOf(bytes, 0, bytes.length);
}

test("statusLine is a complete line, made once", () => {
  expect(line(200)).toBe("HTTP/1.1 200 OK\r\n");
  expect(line(431)).toBe("HTTP/1.1 431 Request Header Fields Too Large\r\n");
  expect(statusLine(404)).toBe(statusLine(404));
});

test("statusLine keeps the space before an empty phrase", () => {
  expect(line(299)).toBe("HTTP/1.1 299 \r\n");
  expect(line(999)).toBe("HTTP/1.1 999 \r\n");
});

test("reasonPhrase knows every status that node:http knows", () => {
  for (const code of Object.keys(STATUS_CODES)) {
    expect(reasonPhrase(Number(code))).not.toBe("");
  }
});

test("bodyForbidden holds for 1xx, 204 and 304 alone", () => {
  const forbidden = [];
  for (let status = 100; status < 600; status++) if (bodyForbidden(status)) forbidden.push(status);
  expect(forbidden.filter((status) => status >= 200)).toEqual([204, 304]);
  expect(forbidden.length).toBe(102);
});
