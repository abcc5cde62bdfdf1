// The one binary as its users have it: built by the script, put into a folder where there is
// nothing else, run with an empty environment. MILLRACE_SKIP_BINARY=1 leaves this out, and says so.

import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(60_000); // it writes 114 MB; on a busy machine that takes a while

const SKIPPED = process.env["MILLRACE_SKIP_BINARY"] === "1";
if (SKIPPED) console.error("binary.test.ts: NOT RUN, since MILLRACE_SKIP_BINARY=1");

const BUILD: string = resolve(import.meta.dir, "../../scripts/build.ts");
const folder: string = mkdtempSync(join(tmpdir(), "millrace-binary-"));
const binary: string = join(folder, "bin", "millrace");

/** Nothing of this machine's: no PATH, no HOME. */
const COMMAND = ["/usr/bin/env", "-i", binary];

let server: ServerProcess | null = null;

async function run(...command: string[]): Promise<{ code: number; output: string }> {
  const child = Bun.spawn(command, {
    cwd: folder,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const texts = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  const [stdout, stderr] = await Promise.all(texts);
  return { code: await child.exited, output: stdout! + stderr! };
}

async function start(...args: string[]): Promise<ServerProcess> {
  const options = { command: COMMAND, cwd: folder };
  server = await ServerProcess.startWith(options, ["--port", "0", "--workers", "2", ...args]);
  return server;
}

/** On a connection of its own: a kept one stays with the worker that it has. */
async function get(path: string): Promise<string> {
  return (await fetch(server!.url + path, { keepalive: false })).text();
}

/** An application in the fast form, whose answer is `version`. */
function writeApp(version: string): void {
  writeFileSync(
    join(folder, "app.ts"),
    `import { defineService, http } from "millrace";
     import { shout } from "@/shout";
     const version: string = shout("${version}");
     export default defineService({ listeners: [http({ routes: {
       "GET /": (request, response) => response.text(version),
       "GET /fail": () => { throw new Error("on purpose"); },
     } })] });`,
  );
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(SKIPPED)("dist/millrace", () => {
  beforeAll(async () => {
    const built = await run(process.execPath, BUILD, "--outfile", binary);
    expect(built).toMatchObject({ code: 0, output: expect.stringMatching(/millrace: \d+\.\d MB/) });
    const paths = { "@/*": ["./*"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: { paths } }));
    writeFileSync(
      join(folder, "shout.ts"),
      "export const shout = (text: string): string => text.toUpperCase();",
    );
  });

  afterEach(async () => {
    await server?.kill();
    server = null;
  });

  test("leaves nothing beside itself", async () => {
    expect(
      await Array.fromAsync(new Bun.Glob("**").scan({ cwd: join(folder, "bin"), dot: true })),
    ).toEqual(["millrace"]);
  });

  test("knows its version and its commands, and refuses what it does not know", async () => {
    const version = await run(...COMMAND, "--version");
    expect(version).toEqual({ code: 0, output: `millrace ${packageJson.version}\n` });
    const help = await run(...COMMAND, "--help");
    expect(help.code).toBe(0);
    for (const command of ["start", "serve", "webbench"]) expect(help.output).toContain(command);
    const { code, output } = await run(...COMMAND, "strat");
    expect(code).toBe(2);
    expect(output).toBe('millrace: unknown command "strat", did you mean "start"?\n');
  });

  test("serves the welcome site, is put under load by itself, and stops", async () => {
    const { url, stdout } = await start();
    expect(stdout[0]).toMatch(/^millrace listening on http:\/\/127\.0\.0\.1:\d+ \(2 workers\)$/);
    expect(await get("/hello")).toBe("Hello, World!");
    const load = await run(...COMMAND, "webbench", "-k", "-c", "4", "-t", "1", `${url}/hello`);
    expect(load).toMatchObject({
      code: 0,
      output: expect.stringMatching(/[1-9]\d* susceed, 0 failed/),
    });
    server!.signal("SIGTERM");
    expect((await server!.untilEnded()).code).toBe(0);
  });

  test("runs an application beside it, its reload and its end", async () => {
    writeApp("one");
    await start("./app.ts");
    expect(await get("/")).toBe("ONE");
    writeApp("two");
    server!.signal("SIGHUP");
    await server!.untilLogged(/reload: done/);
    expect(await get("/")).toBe("TWO");
    expect((await fetch(`${server!.url}/fail`)).status).toBe(500);
    await server!.untilLogged(/on purpose/);
    await server!.untilLogged(/app\.ts:\d+:\d+/);
    await server!.untilLogged(/src\/server\/\S+\.ts:\d+:\d+/); // not a chunk of the binary
    server!.signal("SIGTERM");
    expect((await server!.untilEnded()).code).toBe(0);
  });

  test("says in one line what is wrong with an application", async () => {
    writeFileSync(join(folder, "broken.ts"), 'import "no-such-package"; export default {};');
    const { code, output } = await run(...COMMAND, "start", "./broken.ts", "--port", "0");
    expect(code).toBe(1);
    expect(output).toMatch(/^millrace: Cannot use the module [^\n]*no-such-package[^\n]*\n$/);
  });

  test("serves a folder", async () => {
    await start(".");
    expect(await get("/tsconfig.json")).toContain("compilerOptions");
  });
});
