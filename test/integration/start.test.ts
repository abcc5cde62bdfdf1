// `millrace start` as a user types it: the ready line, where it listens, and every way in which it
// cannot start, each of which is one line on standard error and an exit code.

import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServerProcess, type Finished } from "../support/server-process.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const HAS_IPV6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);
const HAS_NPM = Bun.which("npm") !== null;
const folder = mkdtempSync(join(tmpdir(), "millrace-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const file = (name: string, text: string) => {
  writeFileSync(path(name), text);
  return path(name);
};

let server: ServerProcess | null = null;
afterEach(() => server?.kill());

async function start(...args: Parameters<typeof ServerProcess.start>): Promise<ServerProcess> {
  server = await ServerProcess.start(...args);
  return server;
}

/** Exit code and the one line without its prefix; anything else is returned whole. */
function lineOf({ code, stdout, stderr }: Finished): string {
  const match = /^millrace: ([^\n]*)$/.exec(stderr);
  return stdout === "" && match !== null ? `${code} ${match[1]}` : `${code} ${stdout} ${stderr}`;
}

async function failures(cases: readonly (readonly [string, ...string[]])[]): Promise<string[]> {
  const runs: Finished[] = [];
  for (let i = 0; i < cases.length; i += 4) {
    const batch = cases.slice(i, i + 4).map((args) => ServerProcess.run(args));
    runs.push(...(await Promise.all(batch)));
  }
  return runs.map((run) => lineOf(run));
}

describe("millrace start", () => {
  test("serves the welcome site and says so in one line", async () => {
    const { url, stdout } = await start();
    expect(stdout[0]).toMatch(/^millrace listening on http:\/\/127\.0\.0\.1:\d+ \(2 workers\)$/);
    const hello = await fetch(`${url}/hello`);
    expect(await hello.text()).toBe("Hello, World!");
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const echo = await fetch(`${url}/echo`, { method: "POST", body: "x".repeat(1 << 20) });
    expect((await echo.bytes()).length).toBe(1 << 20);
    expect(stdout.length).toBe(1);
  });

  test.skipIf(!HAS_NPM)("as `npm start` is ended by the signal that npm gets", async () => {
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    const command = ["npm", "run", "--silent"];
    const args = ["--", "--port", "0", "--workers", "1", "--log-level", "debug"];
    server = await ServerProcess.startWith({ command, cwd }, args);
    server.signal("SIGTERM");
    const { stderr } = await server.untilEnded();
    expect(stderr).toContain("SIGTERM: draining");
  });

  test("serves a folder, and takes its port from PORT", async () => {
    mkdirSync(path("public"));
    writeFileSync(path("public/a.txt"), "from a file");
    server = await ServerProcess.start([path("public")], { PORT: "1" }); // --port 0 comes first
    expect(await (await fetch(`${server.url}/a.txt`)).text()).toBe("from a file");
    const taken = await ServerProcess.run([], { PORT: String(server.port) });
    expect(lineOf(taken)).toStartWith(`1 Cannot listen on 127.0.0.1:${server.port}: `);
    expect(lineOf(await ServerProcess.run([], { PORT: "http" }))).toStartWith('2 PORT: "http" is');
  });

  test("lets the command line's port win over the app's, and ignores a leading --", async () => {
    const app = file("app.ts", "export default { port: 1, fetch: () => new Response('app') };");
    server = await ServerProcess.startRaw(["--", "--port", "0", app]);
    const found = server;
    expect(await (await fetch(found.url)).text()).toBe("app");
  });

  test.skipIf(!HAS_IPV6)("listens on IPv6 and puts it in brackets", async () => {
    const { url } = await start(["--host", "::1", "--workers", "1"]);
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test("listens on a Unix socket, and removes its file at the end", async () => {
    const unix = path("a.sock");
    server = await ServerProcess.startRaw(["--unix", unix, "--workers", "2"]);
    expect(server.stdout[0]).toBe(`millrace listening on unix:${unix} (2 workers)`);
    const answers = Array.from({ length: 8 }, () => fetch("http://h/hello", { unix }));
    for (const answer of answers) expect(await (await answer).text()).toBe("Hello, World!");
    server.signal("SIGTERM");
    expect((await server.untilEnded()).code).toBe(0);
    expect(existsSync(unix)).toBe(false);
  });

  test("works without the C library, and says what that costs", async () => {
    const { url, stderr } = await start([], { MILLRACE_NO_FFI: "1" });
    expect(await (await fetch(`${url}/hello`)).text()).toBe("Hello, World!");
    expect(stderr.join("\n")).toContain("warn the master cannot make listening sockets here");
  });

  test("prints its counters at SIGUSR1 and shows them at the admin endpoint", async () => {
    const running = await start(["--admin", "127.0.0.1:0"]);
    await (await fetch(`${running.url}/hello`)).text();
    await running.untilLogged(/counters at/);
    const admin = /at (http:\S+)\/stats/.exec(running.stderr.join("\n"))![1]!;
    expect(await (await fetch(`${admin}/metrics`)).text()).toContain("millrace_requests_total 1");
    expect(await (await fetch(`${admin}/healthz`)).text()).toBe("2 of 2 workers serve\n");
    running.signal("SIGUSR1");
    await running.untilLogged(/^requests +1 /);
  });
});

describe("millrace start refuses", () => {
  test("what is mistyped, with code 2 and the option's name", async () => {
    expect(
      await failures([
        ["--prot", "80"],
        ["--port", "eighty"],
        ["--workers", "many"],
        ["--max-connections", "1000000"],
        [file("notes.md", "")],
      ]),
    ).toEqual([
      '2 unknown option "--prot", did you mean "--port"?',
      '2 --port: "eighty" is not a number between 0 and 65535',
      '2 --workers: "many" is not "auto" or a number between 1 and 256',
      expect.stringMatching(/^2 --max-connections: 1000000 for each of \d+ workers is more than /),
      `2 Cannot serve "${path("notes.md")}": it is not a folder or a module (.ts, .tsx, .js, .mjs)`,
    ]);
  });

  test("what cannot be served, with code 1", async () => {
    const lines = await failures([
      [path("missing.ts")],
      [file("empty.ts", "export const a = 1;"), "--port", "0"],
      [file("broken.ts", "export default {"), "--port", "0"],
      [file("throws.ts", "throw new Error('at import')"), "--port", "0"],
      [file("exits.ts", "process.exit(0)"), "--port", "0"],
    ]);
    expect(lines[0]).toBe(`1 Cannot serve "${path("missing.ts")}": no such file or folder`);
    for (const [index, name] of ["empty", "broken", "throws"].entries()) {
      expect(lines[index + 1]).toStartWith("1 Cannot use the module ");
      expect(lines[index + 1]).toContain(`${name}.ts`);
    }
    expect(lines[4]).toContain("Cannot start worker 0 (3 attempts)");
    expect(lines[4]).toContain("process.exit(0)");
  });

  test("an address that cannot be had, with code 1", async () => {
    const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const lines = await failures([
      ["--port", String(other.port)],
      ["--host", "192.0.2.1"],
      ["--host", "no..such..host"],
      ["--unix", path("no/such/folder")],
      ["--port", "0", "--admin", `127.0.0.1:${other.port}`],
    ]);
    other.stop(true);
    const inUse = `Cannot listen on 127.0.0.1:${other.port}: address already in use (EADDRINUSE)`;
    expect(lines).toEqual([
      `1 ${inUse}`,
      expect.stringMatching(/^1 Cannot listen on 192\.0\.2\.1:8080: .* \(EADDRNOTAVAIL\)$/),
      '1 Cannot listen on no..such..host:8080: unknown host "no..such..host"',
      expect.stringMatching(/^1 Cannot listen on unix:.*: no such file or directory \(ENOENT\)$/),
      expect.stringMatching(new RegExp(`^1 Cannot listen on 127.0.0.1:${other.port}: `)),
    ]);
  });

  test("a module that does not get ready in the time that it has: 1", async () => {
    const fetch = "export default { fetch: () => new Response() };";
    const never = file("never.ts", `await new Promise((r) => setTimeout(r, 1e6)); ${fetch}`);
    const run = await ServerProcess.run([never, "--workers", "1", "--ready-timeout", "300ms"]);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("was not loaded within 300 ms");
    const slow = file("slow.ts", `await Bun.sleep(700); ${fetch}`);
    server = await ServerProcess.start([slow, "--ready-timeout", "0"]);
    expect((await globalThis.fetch(server.url)).status).toBe(200);
  });
});
