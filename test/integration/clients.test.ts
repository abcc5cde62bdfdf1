// The command as a user starts it, and the programs that users point at it: curl in all its ways,
// and three load generators that each frame answers by a parser of their own.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess } from "../support/server-process.ts";
import { hasTool, runTool, type ToolRun } from "./client-tools.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const HAS_CURL: boolean = hasTool("curl", "curl");
const HAS_WRK: boolean = hasTool("wrk", "wrk");
const HAS_AB: boolean = hasTool("ab", "apache2-utils");
const HAS_H2LOAD: boolean = hasTool("h2load", "nghttp2-client");

const folder = mkdtempSync(join(tmpdir(), "millrace-clients-"));
const path = (name: string): string => join(folder, name);
const TWO_MB: Buffer = Buffer.alloc(2_000_000, "0123456789abcdef\n");
const ONE_MB: Buffer = TWO_MB.subarray(0, 1_000_000);
const PAGE: string = "the quick brown fox jumps over the lazy dog\n".repeat(100);

let welcome: ServerProcess;
let site: ServerProcess;

beforeAll(async () => {
  writeFileSync(path("two"), TWO_MB);
  writeFileSync(path("one"), ONE_MB);
  writeFileSync(path("page.txt"), PAGE);
  [welcome, site] = await Promise.all([ServerProcess.start(), ServerProcess.start([folder])]);
});

afterAll(async () => {
  for (const server of [welcome, site]) server.signal("SIGTERM");
  for (const server of [welcome, site]) expect((await server.untilEnded()).code).toBe(0);
  expect([...welcome.stderr, ...site.stderr].filter((line) => / error /.test(line))).toEqual([]);
  rmSync(folder, { recursive: true });
});

function curl(...args: string[]): Promise<ToolRun> {
  return runTool(["curl", "-sS", "--max-time", "15", ...args]);
}

/** curl's own account of an exchange: what -w prints, behind the body. */
async function account(format: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await curl("-o", "/dev/null", "-w", format, ...args);
  return code === 0 ? stdout.toString() : `${code}: ${stderr}`;
}

test.skipIf(!HAS_CURL)("curl gets, asks for heads, and keeps its connection", async () => {
  const hello = `${welcome.url}/hello`;
  expect((await curl(hello)).stdout.toString()).toBe("Hello, World!");
  const head = await curl("-I", hello);
  expect(head.stdout.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Content-Length: 13\r\n/);
  const format = "%{http_code} %{num_connects} %{size_download}|";
  const discard = ["-o", "/dev/null", "-o", "/dev/null"];
  expect(await account(format, ...discard, hello, `${welcome.url}/nope`, hello)).toBe(
    "200 1 13|404 0 14|200 0 13|",
  );
});

test.skipIf(!HAS_CURL)("curl speaks HTTP/1.0, with and without keep-alive", async () => {
  const hello = `${welcome.url}/hello`;
  const old = await curl("-i", "--http1.0", hello);
  expect(old.stdout.toString()).toMatch(
    /^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n[^]*!$/,
  );
  const kept = ["--http1.0", "-H", "Connection: keep-alive", "-o", "/dev/null", hello, hello];
  expect(await account("%{num_connects}|", ...kept)).toBe("1|0|");
});

test.skipIf(!HAS_CURL)("curl sends 1 MB by length and chunked, and gets it back", async () => {
  const echo = `${welcome.url}/echo`;
  const byLength = await curl("--data-binary", `@${path("one")}`, echo);
  expect(byLength.stdout.equals(ONE_MB)).toBe(true);
  const chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary", `@${path("one")}`, echo];
  expect((await curl(...chunked)).stdout.equals(ONE_MB)).toBe(true);
  const piped = ["curl", "-sS", "--max-time", "15", "-X", "POST", "-T", "-", echo];
  expect((await runTool(piped, ONE_MB)).stdout.equals(ONE_MB)).toBe(true);
});

test.skipIf(!HAS_CURL)("curl waits for 100 with 2 MB, and sends none of it in vain", async () => {
  const upload = ["-v", "-H", "Expect: 100-continue", "--expect100-timeout", "10"];
  const body = ["--data-binary", `@${path("two")}`];
  const { stdout, stderr } = await curl(...upload, ...body, `${welcome.url}/echo`);
  expect(stderr).toContain("< HTTP/1.1 100 Continue");
  expect(stdout.equals(TWO_MB)).toBe(true);
  const refused = [...upload.slice(1), ...body, `${welcome.url}/nope`];
  expect(await account("%{http_code} %{size_upload}", ...refused)).toBe("404 0");
});

test.skipIf(!HAS_CURL)("curl is answered early when its upload is too large", async () => {
  writeFileSync(path("large"), Buffer.alloc(20_000_000));
  const upload = ["--data-binary", `@${path("large")}`, `${welcome.url}/echo`];
  expect(await account("%{http_code}", ...upload)).toBe("413");
});

test.skipIf(!HAS_CURL)(
  "curl gets parts of a file, goes on with a download, asks again",
  async () => {
    const page = `${site.url}/page.txt`;
    expect((await curl("-r", "4-8", page)).stdout.toString()).toBe("quick");
    expect((await curl("-r", "-4", page)).stdout.toString()).toBe("dog\n");
    expect((await curl("-r", "0-2,4-8", page)).stdout.toString()).toContain("\r\n\r\nquick\r\n");
    expect(await account("%{http_code}", "-r", "99999-", page)).toBe("416");
    writeFileSync(path("part"), PAGE.slice(0, 1000));
    expect((await curl("-C", "-", "-o", path("part"), page)).code).toBe(0);
    expect(await Bun.file(path("part")).text()).toBe(PAGE);
    expect((await curl("--compressed", page)).stdout.toString()).toBe(PAGE);
    expect(await account("%{http_code}", "-z", path("page.txt"), page)).toBe("304");
    const tag = ["--etag-save", path("tag"), "--etag-compare", path("tag"), page];
    expect(await account("%{http_code}", ...tag)).toBe("200");
    expect(await account("%{http_code}", ...tag)).toBe("304");
    expect((await curl(`${site.url}/two`)).stdout.equals(TWO_MB)).toBe(true);
  },
);

test.skipIf(!HAS_CURL)("curl gets fifty things at once over a few connections", async () => {
  const many = ["-Z", "--parallel-max", "10", `${welcome.url}/hello?[1-50]`];
  const { stdout, code } = await curl(...many);
  expect([code, stdout.toString()]).toEqual([0, "Hello, World!".repeat(50)]);
});

test.skipIf(!HAS_WRK)("wrk finds no error, with and without pipelining", async () => {
  const { stdout, code } = await runTool([
    "wrk",
    "-t1",
    "-c16",
    "-d1s",
    "--timeout",
    "5s",
    `${welcome.url}/hello`,
  ]);
  const text = stdout.toString();
  expect([code, text.includes("Socket errors"), text.includes("Non-2xx")]).toEqual([
    0,
    false,
    false,
  ]);
  expect(Number(/(\d+) requests in/.exec(text)?.[1])).toBeGreaterThan(100);
  const script = path("pipeline.lua");
  writeFileSync(
    script,
    'function init() local r = wrk.format("GET"); req = r:rep(16) end\n' +
      "function request() return req end\n",
  );
  const piped = await runTool([
    "wrk",
    "-t1",
    "-c4",
    "-d1s",
    "--timeout",
    "5s",
    "-s",
    script,
    `${welcome.url}/hello`,
  ]);
  expect(piped.stdout.toString()).toMatch(/\d+ requests in/);
  expect(piped.stdout.toString()).not.toMatch(/Socket errors|Non-2xx/);
});

test.skipIf(!HAS_AB)("ab, which speaks HTTP/1.0, completes every request", async () => {
  const url = `${welcome.url}/hello`;
  const post = ["-p", path("one"), "-T", "text/plain", `${welcome.url}/echo`];
  const runs: [number, string[]][] = [
    [2000, ["-c8", "-k", url]],
    [300, ["-c8", url]],
    [300, ["-c8", "-k", "-i", url]],
    [20, ["-c4", "-k", ...post]],
  ];
  for (const [count, args] of runs) {
    const { stdout } = await runTool(["ab", "-q", "-s", "10", `-n${count}`, ...args]);
    const figure = (name: string): number =>
      Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(stdout.toString())?.[1] ?? 0);
    const kept = args.includes("-k") ? count : 0;
    const figures = ["Complete requests", "Failed requests", "Keep-Alive requests"].map(figure);
    expect([args, ...figures]).toEqual([args, count, 0, kept]);
    expect(stdout.toString()).not.toContain("Non-2xx");
  }
});

test.skipIf(!HAS_H2LOAD)(
  "h2load --h1 completes every request, one by one and pipelined",
  async () => {
    for (const streams of [1, 8]) {
      const args = ["--h1", "-n2000", "-c8", `-m${streams}`, `${welcome.url}/hello`];
      const { stdout } = await runTool(["h2load", ...args]);
      const text = stdout.toString();
      expect(text).toContain("2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed");
      expect(text).toContain("status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx");
    }
  },
);
