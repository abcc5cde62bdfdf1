// The truth by others' books: counts against millrace's own counters and nginx's access log, and a
// stall as ab sees it. (wrk fills in what it believes to have omitted; ab prints what it saw.) A
// peer that is not installed is named and left out.

import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess } from "../support/server-process.ts";
import { OK, ScriptedServer } from "../webbench/load-world.ts";
import { until, WebbenchProcess } from "../webbench/webbench-process.ts";

setDefaultTimeout(30_000); // several processes a test: slow on a busy machine

const folder = mkdtempSync(join(tmpdir(), "webbench-"));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true }));

const toolPath = (name: string): string | null =>
  Bun.which(name, { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` });

let server: ServerProcess | null = null;
afterEach(() => server?.kill());

interface Stats {
  totals: Record<string, number>;
}

async function startServer(): Promise<{ url: string; stats: () => Promise<Stats["totals"]> }> {
  server = await ServerProcess.start(["--admin", "127.0.0.1:0"]);
  await server.untilLogged(/counters at/);
  const admin = /at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
  const stats = async () => ((await (await fetch(`${admin}/stats`)).json()) as Stats).totals;
  return { url: `${server.url}/hello`, stats };
}

describe("webbench agrees to the unit with millrace's counters", () => {
  test("in a closed loop, kept and per request", async () => {
    const { url, stats } = await startServer();
    const before = await stats();
    const kept = await WebbenchProcess.result("-k", "-c", "50", "-n", "5000", url);
    const after = await stats();
    expect([kept.code, kept.result.requests.succeeded]).toEqual([0, 5000]);
    expect(after["requests"]! - before["requests"]!).toBe(5000);
    expect(after["2xx"]! - before["2xx"]!).toBe(5000);
    expect(after["bytes_in"]! - before["bytes_in"]!).toBe(kept.result.bytes.out);
    expect(after["bytes_out"]! - before["bytes_out"]!).toBe(kept.result.bytes.in);
    expect(after["accepted"]! - before["accepted"]!).toBe(50); // the probe says nothing
    const classic = await WebbenchProcess.result("-c", "20", "-t", "0.5s", "--grace", "2s", url);
    const last = await stats();
    expect(classic.result.requests).toMatchObject({ failed: 0, cutOff: 0 });
    expect(last["requests"]! - after["requests"]!).toBe(classic.result.requests.succeeded);
    expect(last["accepted"]! - after["accepted"]!).toBe(classic.result.connections.connected);
  });

  test("in an open loop with pipelining, and with bad statuses", async () => {
    const { url, stats } = await startServer();
    const args = ["-R", "4000", "-c", "16", "--pipeline", "4", "-t", "0.5s", "--grace", "3s"];
    const { code, result } = await WebbenchProcess.result(...args, url, `${url}/missing`);
    const counted = await stats();
    const { succeeded, failedStatus, unsent, cutOff } = result.requests;
    expect([code, cutOff]).toEqual([0, 0]);
    expect(succeeded + failedStatus + unsent).toBe(2000);
    expect(counted["2xx"]).toBe(succeeded);
    expect(counted["4xx"]).toBe(failedStatus);
    expect(result.statuses).toEqual({ "200": succeeded, "404": failedStatus });
  });
});

test("webbench agrees to the unit with nginx's access log", async () => {
  const nginx = toolPath("nginx");
  if (nginx === null) return console.error("MISSING: nginx (apt-get install nginx)");
  const port = await freePort();
  mkdirSync(join(folder, "html"));
  writeFileSync(join(folder, "html/a.txt"), "from nginx");
  const config = join(folder, "nginx.conf");
  writeFileSync(
    config,
    `daemon off; worker_processes 2; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 500; }
http {
  log_format short '$status $bytes_sent'; access_log ${folder}/access.log short;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/tmp;`)
    .join(" ")}
  keepalive_requests 100;
  server { listen 127.0.0.1:${port}; root ${folder}/html; }
}\n`,
  );
  const peer = Bun.spawn([nginx, "-p", folder, "-c", config], {
    stdout: "ignore",
    stderr: "ignore",
  });
  const url = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${url}/probe`).then(
      () => true,
      () => false,
    ))
  )
    await Bun.sleep(10);
  // It closes every connection after 100 requests, with pipelined ones behind the last answer.
  const args = ["-c", "10", "--pipeline", "8", "-n", "3000", `2=${url}/a.txt`, `${url}/none`];
  const { result } = await WebbenchProcess.result(...args);
  const log = (): string[] => readFileSync(join(folder, "access.log"), "utf8").trim().split("\n");
  await until("nginx's log", () => log().length >= 3001);
  peer.kill("SIGQUIT");
  await peer.exited;
  const lines = log().slice(1); // without our own first request
  const { succeeded, failedStatus, errors, returned } = result.requests;
  expect(succeeded + failedStatus).toBe(3000);
  expect(Object.values(errors).every((count) => count === 0)).toBe(true);
  expect(returned).toBeGreaterThan(0);
  const count = (status: string): number => lines.filter((line) => line.startsWith(status)).length;
  expect([count("200"), count("404"), lines.length]).toEqual([succeeded, failedStatus, 3000]);
  const bytes = lines.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  expect(bytes).toBe(result.bytes.in);
});

describe("a server that stalls for a fifth of the time", () => {
  // 200 ms of silence in every second; WEBBENCH_LONG=1: 1 s in every 5 s.
  const SCALE = process.env["WEBBENCH_LONG"] === "1" ? 5 : 1;
  const STALL_MS = 200 * SCALE;
  const PERIOD_MS = 1_000 * SCALE;
  const seconds = 2 * SCALE;
  const answer = OK.replace("\r\n\r\n", "\r\nConnection: Keep-Alive\r\n\r\n"); // ab insists

  async function stallingServer(): Promise<ScriptedServer> {
    const startMs = performance.now() - PERIOD_MS / 2;
    return ScriptedServer.start((socket) => {
      const phaseMs = (performance.now() - startMs) % PERIOD_MS;
      const waitMs = phaseMs < PERIOD_MS - STALL_MS ? 0 : PERIOD_MS - phaseMs;
      if (waitMs === 0) socket.write(answer);
      else setTimeout(() => void socket.write(answer), waitMs);
    });
  }

  test("has a p99 near its stall with --rate, and milliseconds in every closed loop", async () => {
    const stalling = await stallingServer();
    const args = ["-R", "500", "-c", "50", "-t", `${seconds}s`, "--grace", "2s", "-P", "1"];
    const closedArgs = ["-k", "-c", "4", "-t", `${seconds}s`, "-P", "1"];
    const isAbHere = toolPath("ab") !== null;
    const [{ result: open }, { result: closed }, abMs] = await Promise.all([
      WebbenchProcess.result(...args, stalling.url),
      WebbenchProcess.result(...closedArgs, stalling.url),
      isAbHere ? abP99Ms(stalling.url, seconds) : 0,
    ]);
    expect(open.latencies.total.p99Ms).toBeGreaterThan(STALL_MS * 0.8);
    expect(open.latencies.total.p90Ms).toBeGreaterThan(STALL_MS * 0.25);
    expect(closed.latencies.total.p99Ms).toBeLessThan(STALL_MS * 0.3);
    expect(abMs).toBeLessThan(STALL_MS * 0.3);
    if (!isAbHere) console.error("MISSING: ab (apt-get install apache2-utils)");
    stalling.stop();
    if (SCALE === 1) return;
    const openMs = open.latencies.total.p99Ms.toFixed(0);
    const closedMs = closed.latencies.total.p99Ms.toFixed(1);
    console.log(`p99: --rate ${openMs} ms, closed loop ${closedMs} ms, ab ${abMs} ms`);
  });
});

async function abP99Ms(url: string, seconds: number): Promise<number> {
  const ab = Bun.spawn([toolPath("ab")!, "-k", "-c4", `-t${seconds}`, "-n1000000", url], {
    stdout: "pipe",
    stderr: "ignore",
  });
  const text = await new Response(ab.stdout).text();
  return Number(/^ +99% +(\d+)$/m.exec(text)![1]);
}

async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  await new Promise<void>((resolve) => listener.close(() => resolve()));
  return port;
}
