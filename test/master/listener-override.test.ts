import { expect, test } from "bun:test";
import { overrideListener } from "../../src/master/listener-override.ts";
import type { ListenerSpec } from "../../src/master/worker-server.ts";

const tcp: ListenerSpec = { kind: "tcp", host: "127.0.0.1", port: 9000, name: "echo" };
const http: ListenerSpec = { kind: "http", host: "127.0.0.1", port: 8080, name: "site" };
const unix: ListenerSpec = { ...http, unix: "/run/a.sock" };

test("overrideListener changes the first HTTP listener only", () => {
  const specs = overrideListener([tcp, http, { ...http, name: "b" }], { port: 1, host: "::" });
  expect(specs.map(({ host, port }) => `${host} ${port}`)).toEqual([
    "127.0.0.1 9000",
    ":: 1",
    "127.0.0.1 8080",
  ]);
});

test("overrideListener changes the first listener where none speaks HTTP", () => {
  expect(overrideListener([tcp, { ...tcp, name: "b" }], { port: 0 }).map((s) => s.port)).toEqual([
    0, 9000,
  ]);
});

test("overrideListener leaves alone what is not overridden", () => {
  expect(overrideListener([unix, tcp])).toEqual([unix, tcp]);
  expect(overrideListener([http], { port: undefined, host: undefined })).toEqual([http]);
  expect(overrideListener([], { port: 1 })).toEqual([]);
});

test("overrideListener replaces a path by a port and a port by a path", () => {
  expect(overrideListener([unix], { port: 1 })[0]).toEqual({ ...http, port: 1 });
  expect(overrideListener([http], { unix: "/x" })[0]).toEqual({ ...http, unix: "/x" });
  expect(overrideListener([unix], { backlog: 7 })[0]).toEqual({ ...unix, backlog: 7 });
});
