// `millrace webbench` as a user types it, against servers that behave as they should not: what it
// prints, what it counts, and how it ends.

import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closedPort, OK, ScriptedServer } from "../webbench/load-world.ts";
import { isRunning, until, WebbenchProcess } from "../webbench/webbench-process.ts";

setDefaultTimeout(30_000); // several processes a test: slow on a busy machine

const folder = mkdtempSync(join(tmpdir(), "webbench-"));
afterAll(() => rmSync(folder, { recursive: true }));

let server: ScriptedServer | null = null;
afterEach(() => server?.stop());

async function start(...args: Parameters<typeof ScriptedServer.start>): Promise<ScriptedServer> {
  server = await ScriptedServer.start(...args);
  return server;
}

const END_CLASSIC = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("webbench, classic", () => {
  test("prints the lines of webbench 1.5 once, to the letter, and ends with 0", async () => {
    const { url } = await start((socket) => void socket.end(END_CLASSIC));
    const { code, stdout, stderr } = await WebbenchProcess.run("-c", "4", "-t", "0.4s", url);
    expect([code, stderr]).toEqual([0, ""]);
    const head = /^\nBenchmarking: GET (\S+)\n4 clients, running 0\.4 sec\.\n/.source;
    const speed = /\nSpeed=(\d+) pages\/min, (\d+) bytes\/sec\.\n/.source;
    const requests = /Requests: (\d+) susceed, 0 failed\.\n/.source;
    const match = new RegExp(head + speed + requests).exec(stdout)!;
    expect(match[1]).toBe(url);
    expect(Number(match[4])).toBeGreaterThan(10);
    const perMinute = Number(match[4]) * 150;
    expect(Math.abs(Number(match[2]) - perMinute)).toBeLessThan(perMinute * 0.2);
    expect(stdout.match(/Benchmarking/g)).toHaveLength(1);
    expect(stdout).toContain("Closed loop, a connection per request");
  });

  test("speaks HTTP/0.9, closes early, and goes through a proxy", async () => {
    const lines: string[] = [];
    const proxy = await start(
      () => undefined,
      (socket) => {
        socket.on("data", (chunk) => {
          lines.push(chunk.toString().split("\r\n")[0]!);
          socket.end("old bytes");
        });
      },
    );
    const old = await WebbenchProcess.result("-9", "-t", "0.2s", proxy.url);
    expect(old.code).toBe(0);
    expect(lines[0]).toBe("GET /");
    const early = await WebbenchProcess.result("-f", "-t", "0.2s", proxy.url);
    expect([early.code, early.result.requests.failed]).toEqual([0, 0]);
    lines.length = 0;
    const through = ["-p", `127.0.0.1:${proxy.port}`, "-9", "-t", "0.2s", "http://far.test/a"];
    expect((await WebbenchProcess.run(...through)).stdout).toContain(
      ", via proxy server 127.0.0.1:",
    );
    expect(lines[0]).toBe("GET http://far.test/a");
  });
});

describe("webbench counts and judges", () => {
  const run = (...args: string[]) =>
    WebbenchProcess.result("-k", "-c", "2", "-n", "20", "-P", "2", ...args);

  test("a server that answers only 500", async () => {
    const { url } = await start((socket) => {
      socket.write("HTTP/1.1 500 Internal\r\nContent-Length: 0\r\n\r\n");
    });
    const { code, result } = await run(url);
    expect(code).toBe(4);
    expect(result.requests).toMatchObject({ succeeded: 0, failed: 20, failedStatus: 20 });
    expect(result.statuses).toEqual({ "500": 20 });
    expect((await run("--success", "5xx", url)).code).toBe(0);
  });

  test("a server that resets half way", async () => {
    const { url } = await start((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", () =>
        socket.resetAndDestroy(),
      );
    });
    const { code, result } = await run(url);
    expect(code).toBe(4);
    expect(result.requests).toMatchObject({ succeeded: 0, failed: 20, cutOff: 0 });
    expect(result.requests.errors.reset).toBe(20);
  });

  test("a server that sends malformed answers", async () => {
    const { url } = await start((socket) => void socket.write("HTTP/1.1 2x0 Ok\r\n\r\n"));
    const { code, result } = await run(url);
    expect(code).toBe(4);
    expect(result.requests.errors.malformed).toBe(20);
    expect(result.reasons).toEqual({ HTTP_STATUS_INVALID: 20 });
  });

  test("a server that never answers", async () => {
    const { url } = await start(() => undefined);
    const { code, result } = await run("--timeout", "50ms", url);
    expect(code).toBe(4);
    expect(result.requests.errors.timeout).toBe(20);
    const cut = await WebbenchProcess.result("-k", "-c", "3", "-t", "0.2s", url);
    expect(cut.code).toBe(4);
    expect(cut.result.requests).toMatchObject({ succeeded: 0, failed: 0, cutOff: 3 });
    expect(cut.result.requests.oldestCutOffMs).toBeGreaterThan(150);
  });

  test("a server that refuses, at once and in the middle", async () => {
    const url = `http://127.0.0.1:${await closedPort()}/`;
    const refused = await WebbenchProcess.run("-t", "1", url);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^millrace: Cannot connect to \S+: connection refused \(ECONN/);
    const half = await start((socket, it) => {
      socket.write(OK);
      if (it.requests === 50) setImmediate(() => it.stop());
    });
    const { code, result } = await WebbenchProcess.result("-k", "-c", "4", "-t", "0.5s", half.url);
    expect(code).toBe(0);
    expect(result.requests.succeeded).toBeGreaterThanOrEqual(40);
    expect(result.requests.errors.refused).toBeGreaterThan(0);
  });

  test("thresholds, with exit code 99 and the reason", async () => {
    const { url } = await start((socket) => void socket.write(OK));
    const rules = ["--fail-if", "p99>1us", "--fail-if", "errors>0", "--fail-if", "succeeded<21"];
    const { code, stderr } = await WebbenchProcess.run("-q", "-k", "-n", "20", ...rules, url);
    expect(code).toBe(99);
    expect(stderr).toMatch(
      /^millrace: failed p99>1us: p99 was .*\nmillrace: failed succeeded<21: .* 20\n$/,
    );
  });
});

describe("webbench refuses, with code 2 and one line", () => {
  test.each([
    [["-c", "-5", "http://h/"], '-c: "-5" is not a number between 1 and 1000000'],
    [["-t", "0", "http://h/"], '-t: "0" is not a time above 0'],
    [["-c", "900000", "-P", "1", "http://127.0.0.1/"], "open files are needed in each"],
    [["127.0.0.1"], 'Cannot use the URL "127.0.0.1"'],
    [["--clints", "5", "http://h/"], 'did you mean "--clients"?'],
    [["--compare", "/no/a.json", "/no/b.json"], 'Cannot read "/no/a.json"'],
  ])("%j", async (args, reason) => {
    const { code, stderr } = await WebbenchProcess.run(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(reason);
    expect(stderr.split("\n")).toHaveLength(2);
  });
});

describe("webbench reports", () => {
  test("as JSON, CSV and HTML, and compares two results", async () => {
    const { url } = await start((socket) => void socket.write(OK));
    const [json, csv, html] = ["a.json", "a.csv", "a.html"].map((name) => join(folder, name));
    const files = ["--json", json!, `--csv=${csv}`, "--html", html!];
    const { code, stdout } = await WebbenchProcess.run("-k", "-t", "0.3s", ...files, url);
    expect(code).toBe(0);
    expect(stdout).toContain("susceed");
    expect(readFileSync(csv!, "utf8").split("\n").length).toBeGreaterThan(2);
    expect(readFileSync(html!, "utf8")).toContain("</html>");
    const compared = await WebbenchProcess.run("--compare", json!, json!);
    expect(compared.stdout).toMatch(/\n {2}p99 .* 1\.00\n/);
    const both = await WebbenchProcess.run("-k", "-n", "9", "--csv", url);
    expect(both.stdout).toStartWith("time_s,");
    expect(both.stderr).toContain("Requests: 9 susceed, 0 failed.");
  });

  test("live on a terminal", async () => {
    if (Bun.which("script") === null) return console.error("MISSING: script (util-linux)");
    const { url } = await start((socket) => void socket.write(OK));
    const main = join(import.meta.dir, "../../src/cli/main.ts");
    const line = `${process.execPath} ${main} webbench -k -t 0.6s ${url}`;
    const terminal = Bun.spawn(["script", "-qec", line, "/dev/null"], { stdout: "pipe" });
    const text = await new Response(terminal.stdout).text();
    expect(text).toMatch(/[█░]{30} \d+ % of 600 ms/);
    expect(text).toContain("no failures");
    expect(text).toContain("\x1b[4A");
    expect(text).toContain("susceed");
  });
});

describe("webbench ends", () => {
  test("at Ctrl-C with what was measured, and takes its processes along", async () => {
    const it = await start((socket) => void socket.write(OK));
    const bench = new WebbenchProcess("-k", "-t", "60", "-P", "2", it.url);
    await until("requests", () => it.requests > 100);
    const children = bench.loadProcesses();
    expect(children).toHaveLength(2);
    for (const pid of children) process.kill(pid, "SIGINT"); // as the terminal does
    bench.signal("SIGINT");
    const { code, stdout } = await bench.ended;
    expect(code).toBe(130);
    const succeeded = Number(/Requests: (\d+) susceed, 0 failed/.exec(stdout)![1]);
    expect(succeeded).toBeGreaterThan(90);
    expect(stdout).toContain("INTERRUPTED: this is what was measured until then");
    expect(children.some(isRunning)).toBe(false);
  });

  test("with code 3 when a load process dies, and says which", async () => {
    const it = await start((socket) => void socket.write(OK));
    const bench = new WebbenchProcess("-k", "-t", "1", "-P", "2", it.url);
    await until("requests", () => it.requests > 100);
    process.kill(bench.loadProcesses()[0]!, "SIGKILL");
    const { code, stdout, stderr } = await bench.ended;
    expect(code).toBe(3);
    expect(stdout).toMatch(/LOST: load process \d of 2 was killed by SIGKILL/);
    expect(stderr).toContain("of 2 was killed by SIGKILL");
    expect(stdout).toMatch(/Requests: \d{3,} susceed, 0 failed/);
  });

  test("without leaving load behind when it is killed itself", async () => {
    const it = await start((socket) => void socket.write(OK));
    const bench = new WebbenchProcess("-k", "-t", "60", "-P", "2", it.url);
    await until("requests", () => it.requests > 100);
    const children = bench.loadProcesses();
    bench.signal("SIGKILL");
    await until("the load processes' end", () => children.every((pid) => !isRunning(pid)));
  });
});
