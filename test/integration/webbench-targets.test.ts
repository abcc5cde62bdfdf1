// Other targets than http://: TLS, Unix sockets and raw TCP; and the shapes of load.

import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FIRST_CERT, FIRST_KEY } from "../net/tls-certificates.ts";
import { OK, ScriptedServer } from "../webbench/load-world.ts";
import { WebbenchProcess } from "../webbench/webbench-process.ts";

setDefaultTimeout(30_000); // several processes a test: slow on a busy machine

const folder = mkdtempSync(join(tmpdir(), "webbench-"));
afterAll(() => rmSync(folder, { recursive: true }));

const answer = (text: string) => new Response(text);

describe("webbench", () => {
  test("does https, and believes no certificate that nobody signed", async () => {
    const tls = { key: FIRST_KEY, cert: FIRST_CERT };
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => answer("hi") });
    const url = `https://127.0.0.1:${server.port}/`;
    const kept = await WebbenchProcess.result("-k", "-c", "3", "-n", "30", "--insecure", url);
    expect([kept.code, kept.result.requests.succeeded]).toEqual([0, 30]);
    expect(kept.result.connections.connected).toBe(3);
    const classic = await WebbenchProcess.result("-2", "-t", "0.3s", "--insecure", url);
    expect([classic.code, classic.result.requests.failed]).toEqual([0, 0]);
    const strict = await WebbenchProcess.result("-k", "-c", "1", "-n", "2", url);
    expect(strict.code).toBe(4);
    expect(strict.result.requests.errors.connect).toBe(2);
    expect(Object.keys(strict.result.reasons)).toEqual(["DEPTH_ZERO_SELF_SIGNED_CERT"]);
    await server.stop(true);
  });

  test("connects to Unix sockets", async () => {
    const unix = join(folder, "a.sock");
    const server = Bun.serve({ unix, fetch: (request) => answer(new URL(request.url).pathname) });
    const args = ["-k", "-n", "25", "--unix", unix, "http://any.host/path"];
    const { code, result } = await WebbenchProcess.result(...args);
    expect([code, result.requests.succeeded, result.bytes.body]).toEqual([0, 25, 125]);
    await server.stop(true);
  });

  test("speaks raw TCP: framed echo, lines, and replies of known length", async () => {
    const echo = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket, chunk) => void socket.write(chunk) },
    });
    const url = `tcp://127.0.0.1:${echo.port}`;
    const run = (...args: string[]) => WebbenchProcess.result("-c", "4", "-n", "40", ...args, url);
    const payload = join(folder, "payload.bin");
    writeFileSync(payload, Buffer.alloc(1000, 7));
    const framed = await run("--frame", "4", "--payload-file", payload, "--pipeline", "3");
    expect(framed.result.requests.succeeded).toBe(40);
    expect(framed.result.bytes).toMatchObject({ in: 40 * 1004, out: 40 * 1004 });
    const lines = await run("--payload", "PING\\r\\n", "--reply-delimiter", "\\r\\n");
    expect(lines.result.bytes.in).toBe(240);
    const fixed = await run("--payload", "12345678", "--reply-bytes", "8");
    expect([fixed.code, fixed.result.requests.succeeded]).toEqual([0, 40]);
    echo.stop(true);
  });

  test("sends a method, headers and a body from a file", async () => {
    const seen: string[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        const { method } = request;
        seen.push(`${method} ${request.headers.get("x-a")} ${(await request.bytes()).length}`);
        return new Response(null, { status: 204 });
      },
    });
    const body = join(folder, "body.bin");
    writeFileSync(body, Buffer.alloc(300_000, 1));
    const url = `http://127.0.0.1:${server.port}/`;
    const args = ["-m", "PUT", "-H", "X-A: b", "--body-file", body, "-n", "6", "-c", "2", url];
    const { code, result } = await WebbenchProcess.result(...args);
    expect([code, result.statuses]).toEqual([0, { "204": 6 }]);
    expect(new Set(seen)).toEqual(new Set(["PUT b 300000"]));
    await server.stop(true);
  });

  test("warms up, ramps, and keeps to a rate of connections", async () => {
    const server = await ScriptedServer.answering(OK);
    const warm = await WebbenchProcess.result("--warm-up", "150ms", "-n", "50", server.url);
    expect(warm.result.requests.succeeded).toBe(50);
    expect(warm.result.warmUp.answered).toBeGreaterThan(0);
    expect(warm.result.warmUp.elapsedMs).toBeGreaterThan(100);
    const ramp = await WebbenchProcess.result("--stages", "300ms:20,100ms:20", server.url);
    const open = ramp.result.series.map((point) => point.openConnections);
    expect(Math.max(...open)).toBeLessThanOrEqual(20);
    expect(ramp.result.settings).toMatchObject({ clients: 20, stages: "300ms:20,100ms:20" });
    expect(ramp.result.requests.failed).toBe(0);
    const limit = ["-k", "-c", "40", "--connections-per-second", "40", "-t", "0.5s"];
    const slow = await WebbenchProcess.result(...limit, server.url);
    expect(slow.result.connections.attempted).toBeLessThanOrEqual(40);
    expect(slow.result.connections.connected).toBeLessThanOrEqual(30);
    server.stop();
  });
});
