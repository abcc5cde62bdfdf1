// The access log of a whole server: its lines against the counters and against what strict clients
// saw, through load, rotation, reload, crash and every place a log can go to.

import { afterAll, afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Books, LoadClient } from "../support/load-client.ts";
import { ServerProcess } from "../support/server-process.ts";
import { hasTool, runTool } from "./client-tools.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const HAS_WRK: boolean = hasTool("wrk", "wrk");
const CRASH_APP = fileURLToPath(new URL("../support/crash-app.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "millrace-access-"));
const path = (name: string): string => join(folder, name);
const HELLO = /^Hello, World!$/;

let server: ServerProcess | null = null;
afterEach(() => server?.kill());
afterAll(() => rmSync(folder, { recursive: true }));

async function start(...args: string[]): Promise<ServerProcess> {
  server = await ServerProcess.start([...args, "--admin", "127.0.0.1:0"]);
  await server.untilLogged(/counters at/);
  return server;
}

type Totals = Readonly<Record<string, number>>;

/** The counters once no connection is left. */
async function totalsAtRest(of: ServerProcess): Promise<Totals> {
  const admin = /at (http:\S+)\/stats/.exec(of.stderr.join("\n"))![1]!;
  for (;;) {
    const { totals } = (await (await fetch(`${admin}/stats`)).json()) as { totals: Totals };
    if (totals["open"] === 0) return totals;
    await Bun.sleep(5);
  }
}

async function stop(running: ServerProcess): Promise<void> {
  running.signal("SIGTERM");
  expect((await running.untilEnded()).code).toBe(0);
}

interface Line {
  readonly id: string;
  readonly worker: number;
  readonly path?: string;
  readonly status: number;
  readonly complete: boolean;
}

function linesOf(name: string): Line[] {
  const text = readFileSync(path(name), "latin1");
  expect(text.endsWith("\n")).toBe(true);
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}

/** The lines are those that the counters call for, to the unit. */
function expectAgreement(lines: readonly Line[], totals: Totals): void {
  const answered = lines.filter(({ status }) => status !== 499);
  for (const digit of [2, 3, 4, 5]) {
    const count = answered.filter(({ status }) => Math.floor(status / 100) === digit).length;
    expect([digit, count]).toEqual([digit, totals[`${digit}xx`]!]);
  }
  expect(totals["log_lines_lost"]).toBe(0);
  expect(new Set(lines.map(({ id }) => id)).size).toBe(lines.length);
}

function load(of: ServerProcess, body: RegExp, route: string): LoadClient {
  const client = new LoadClient({ hostname: "127.0.0.1", port: of.port });
  client.keepAlive(16, route, body);
  client.oneShot(4, route, body);
  return client;
}

async function answered(books: Books, more: number): Promise<void> {
  const goal = books.answered + more;
  while (books.answered < goal) await Bun.sleep(1);
}

/** Sends something and leaves as soon as anything comes back. */
async function poke(of: ServerProcess, text: string): Promise<void> {
  const socket = connect(of.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.end(text);
  for await (const _ of socket) break;
  socket.destroy();
}

test("the access log agrees with counters and clients through load and rotation", async () => {
  const running = await start("--access-log", path("log"), "--access-log-format", "json");
  const client = load(running, HELLO, "/hello");
  await answered(client.books, 300);
  renameSync(path("log"), path("log.1")); // as logrotate does
  running.signal("SIGHUP");
  await running.untilLogged(/reload: done/);
  await answered(client.books, 300);
  for (let count = 0; count < 5; count++) {
    await poke(running, "GET /nope HTTP/1.1\r\nHost: a\r\n\r\n");
    await poke(running, "GARBAGE\r\n\r\n");
    await poke(running, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
  }
  const books = await client.stop();
  expect([client.complaints, books.cutOff]).toEqual([[], 0]);
  const totals = await totalsAtRest(running);
  await stop(running);
  const [old, young] = [linesOf("log.1"), linesOf("log")];
  expect([old.length > 0, young.length > 0]).toEqual([true, true]);
  const lines = [...old, ...young];
  expectAgreement(lines, totals);
  expect(lines).toHaveLength(books.answered + 15);
  expect(lines.filter(({ status }) => status === 200)).toHaveLength(books.answered);
  expect(new Set(lines.map(({ worker }) => worker))).toEqual(new Set([0, 1]));
});

test.skipIf(!HAS_WRK)("the access log keeps up with wrk, to the line", async () => {
  const running = await start("--access-log", path("wrk"), "--access-log-format", "json");
  const wrk = ["wrk", "-t1", "-c32", "-d1s", "--timeout", "5s", `${running.url}/hello`];
  const { stdout } = await runTool(wrk);
  const finished = Number(/(\d+) requests in/.exec(stdout.toString())?.[1]);
  const totals = await totalsAtRest(running);
  await stop(running);
  const lines = linesOf("wrk");
  expectAgreement(lines, totals);
  expect(finished).toBeGreaterThan(1000);
  expect(lines.length).toBeGreaterThanOrEqual(finished);
});

test("the access log has the last answers of a worker that crashed", async () => {
  const running = await start(
    CRASH_APP,
    "--access-log",
    path("crash"),
    "--access-log-format",
    "json",
  );
  const client = load(running, /^worker/, "/");
  await answered(client.books, 200);
  await poke(running, "GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
  await running.untilLogged(/serves again/);
  await answered(client.books, 200);
  const books = await client.stop();
  await stop(running);
  const whole = linesOf("crash").filter(({ status, complete }) => status === 200 && complete);
  expect(whole.length).toBeGreaterThanOrEqual(books.answered);
  expect(whole.length).toBeLessThanOrEqual(books.answered + books.cutOff + 1);
});

test("the access log goes to standard output, as combined lines", async () => {
  const running = await start("--access-log", "-", "--request-id", "on");
  const init = {
    headers: { "User-Agent": 'me "1"', Referer: "http://r/", "X-Request-Id": "mine" },
  };
  expect((await fetch(`${running.url}/hello?a`, init)).headers.get("x-request-id")).toBe("mine");
  while (running.stdout.length < 2) await Bun.sleep(1); // it comes without any signal
  await stop(running);
  expect(running.stdout).toHaveLength(2);
  expect(running.stdout[1]).toMatch(
    /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}(?::\d\d){3} [+-]\d{4}\] "GET \/hello\?a HTTP\/1\.1" /,
  );
  expect(running.stdout[1]).toMatch(/" 200 13 "http:\/\/r\/" "me \\x221\\x22" 0\.\d{6} mine$/);
});

test("millrace start refuses a log that it cannot write, in one line", async () => {
  const file = path("missing/log");
  const { code, stdout, stderr } = await ServerProcess.run(["--access-log", file]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^millrace: Cannot write the access log \S+missing\/log: ENOENT[^\n]*$/);
});

test("a server whose log folder has vanished reloads, serves, and says so", async () => {
  mkdirSync(path("gone"));
  const running = await start("--access-log", path("gone/log"));
  rmSync(path("gone"), { recursive: true });
  running.signal("SIGHUP");
  await running.untilLogged(/reload: done/);
  for (let count = 0; count < 20; count++) {
    expect(await (await fetch(`${running.url}/hello`)).text()).toBe("Hello, World!");
  }
  expect(running.logged(/error worker \d: Cannot write the access log \S+: ENOENT/)).toBe(2);
  mkdirSync(path("gone"));
  while (!existsSync(path("gone/log"))) await Bun.sleep(1);
  await stop(running);
  expect(readFileSync(path("gone/log"), "latin1").match(/"GET \/hello /g)).toHaveLength(20);
});

test("a slow or failing handler can be found by its id", async () => {
  const app = path("app.ts");
  await Bun.write(
    app,
    `import { defineService, http } from "millrace";
     const wait = () => new Promise((resolve) => setTimeout(resolve, 30));
     export default defineService({ listeners: [http({
       requestId: true, slowRequestMs: 20, accessLog: ${JSON.stringify(path("own"))},
       routes: {
         "/slow": async (request, response) => { await wait(); response.text(request.id); },
         "/fail": () => { throw new Error("broken"); },
       },
       fetch: (request, server) => new Response(server.requestId),
     })] });`,
  );
  const running = await start(app);
  for (const route of ["slow", "fail", "other"]) {
    const answer = await fetch(`${running.url}/${route}`, { headers: { "X-Request-Id": route } });
    expect(answer.headers.get("x-request-id")).toBe(route);
    if (route !== "fail") expect(await answer.text()).toBe(route);
  }
  const slow =
    /warn worker \d: slow request: GET \/slow was answered 200 after 0\.\d{3} s \(request slow\)/;
  await running.untilLogged(slow);
  await running.untilLogged(/a handler failed: broken \(request fail\)/);
  await stop(running);
  const text = readFileSync(path("own"), "latin1");
  expect(text).toMatch(/GET \/slow HTTP\/1\.1" 200 4 .* slow\n/);
  expect(text).toMatch(/GET \/fail HTTP\/1\.1" 500 \d+ .* fail\n/);
  expect(text).toMatch(/GET \/other HTTP\/1\.1" 200 5 .* other\n/);
});
