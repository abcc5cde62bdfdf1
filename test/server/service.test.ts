import { expect, test } from "bun:test";
import { defineService, http } from "../../src/server/service.ts";

test("http keeps its options and says what it is", () => {
  const fetch = (): Response => new Response();
  const options = { port: 1, host: "::", fetch, static: "./public", routes: {} };
  expect(http(options)).toMatchObject({ kind: "http", ...options });
});

test("http refuses a listener that could answer nothing", () => {
  expect(() => http({ port: 80 })).toThrow("Cannot make an http listener");
});

test("defineService refuses a service without listeners", () => {
  for (const listeners of [[], undefined, null, {}]) {
    expect(() => defineService({ listeners: listeners as never })).toThrow("at least one");
  }
});
