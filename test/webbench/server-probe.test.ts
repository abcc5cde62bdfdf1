import { describe, expect, test } from "bun:test";
import { MillraceError } from "../../src/core/errors.ts";
import { probeServer, resolveOrigin } from "../../src/webbench/server-probe.ts";
import { closedPort, OK, originOf, ScriptedServer } from "./load-world.ts";

describe("probeServer", () => {
  test("leaves a server that is there without a request", async () => {
    const server = await ScriptedServer.answering(OK);
    await probeServer(server.origin, 1_000);
    expect(server.requests).toBe(0);
    server.stop();
  });

  test("says why a server is not there", async () => {
    const port = await closedPort();
    const reason = `Cannot connect to 127.0.0.1:${port}: connection refused (ECONNREFUSED)`;
    expect(probeServer(originOf(port), 1_000)).rejects.toThrow(reason);
    const unix = { ...originOf(0), name: "unix:/no/such", unix: "/no/such" };
    expect(probeServer(unix, 1_000)).rejects.toThrow("unix:/no/such: no such socket (ENOENT)");
    expect(probeServer(originOf(port), 1_000)).rejects.toThrow(MillraceError);
  });
});

describe("resolveOrigin", () => {
  test("looks a name up once, and leaves addresses and sockets alone", async () => {
    const named = await resolveOrigin({ ...originOf(80), hostname: "localhost" });
    expect(["127.0.0.1", "::1"]).toContain(named.hostname);
    expect(await resolveOrigin(originOf(80))).toEqual(originOf(80));
    const unix = { ...originOf(0), hostname: "any.invalid", unix: "/a" };
    expect(await resolveOrigin(unix)).toEqual(unix);
  });

  test("refuses a name that nobody knows", () => {
    const origin = { ...originOf(80), hostname: "no.such.host.invalid" };
    expect(resolveOrigin(origin)).rejects.toThrow('unknown host "no.such.host.invalid"');
  });
});
