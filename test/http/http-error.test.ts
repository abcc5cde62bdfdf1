import { expect, test } from "bun:test";
import * as codes from "../../src/http/http-error.ts";
import { bodyForbidden, reasonPhrase } from "../../src/http/status.ts";

test("HTTP_ERRORS has one entry for each code, under its own name", () => {
  const named = Object.entries(codes).filter(([, value]) => typeof value === "number");
  expect(named.length).toBe(codes.HTTP_ERRORS.length);
  for (const [name, code] of named) {
    expect(codes.errorName(code as number)).toBe(name);
  }
});

test("HTTP_ERRORS answers with a status that may carry a body, and closes", () => {
  for (const [code, { name, status, close }] of codes.HTTP_ERRORS.entries()) {
    const isResponseSide = /STATUS|CONFLICT/.test(name);
    expect([name, close]).toEqual([name, code !== codes.HTTP_OK]);
    expect([name, status === 0]).toEqual([name, code === codes.HTTP_OK || isResponseSide]);
    if (status === 0) continue;
    expect(bodyForbidden(status)).toBe(false);
    expect(reasonPhrase(status)).not.toBe("");
    expect(codes.errorStatus(code)).toBe(status);
  }
});
