// The package as others install it: packed from a copy of this checkout, unpacked into an empty
// project (with our node_modules in place of a registry), then used in both forms, by the command
// and from a program, and judged by strict compilers.

import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(60_000); // npm is slow on a busy machine

const ROOT: string = resolve(import.meta.dir, "../..");
const PACKED = ["LICENSE", "README.md", "bin", "package.json", "scripts", "src", "tsconfig.json"];
/** What a registry would bring along. */
const MODULES = [
  ...Object.keys(packageJson.dependencies),
  "@types/bun",
  "bun-types",
  "@types/node",
];

const folder: string = fs.mkdtempSync(join(tmpdir(), "millrace-package-"));
const project: string = join(folder, "project");
const installed: string = join(project, "node_modules/millrace");
const command: string = join(project, "node_modules/.bin/millrace");
/** A PATH with what the command itself needs, and no Bun. */
const tools: string = join(folder, "tools");

let server: ServerProcess | null = null;

interface Finished {
  readonly code: number;
  readonly output: string;
}

async function run(argv: readonly string[], cwd = project): Promise<Finished> {
  const child = Bun.spawn([...argv], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const texts = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  const [stdout, stderr] = await Promise.all(texts);
  return { code: await child.exited, output: stdout! + stderr! };
}

function write(name: string, text: string): string {
  const path = join(project, name);
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, text);
  return path;
}

function link(target: string, path: string): void {
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.symlinkSync(target, path);
}

async function pack(): Promise<string> {
  const checkout = join(folder, "checkout");
  for (const name of PACKED) {
    fs.cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
  }
  link(join(ROOT, "node_modules"), join(checkout, "node_modules"));
  const npm = Bun.which("npm");
  const packing = npm === null ? [process.execPath, "pm", "pack"] : [npm, "pack"];
  const { code, output } = await run(packing, checkout);
  expect([code, output]).toEqual([0, expect.stringContaining(".tgz")]);
  expect(fs.existsSync(join(checkout, "dist/types"))).toBe(false); // made for the package only
  return join(checkout, `millrace-${packageJson.version}.tgz`);
}

beforeAll(async () => {
  const archive = await pack();
  fs.mkdirSync(installed, { recursive: true });
  await run(["tar", "-xzf", archive, "--strip-components=1", "-C", installed]);
  for (const name of MODULES) {
    const found = join(ROOT, "node_modules", name);
    if (fs.existsSync(found)) link(found, join(project, "node_modules", name));
  }
  link("../millrace/bin/millrace", command);
  for (const tool of ["dirname", "readlink"]) link(Bun.which(tool)!, join(tools, tool));
  write("package.json", '{ "name": "project", "type": "module", "private": true }');
});

afterEach(async () => {
  await server?.kill();
  server = null;
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const SERVICE = `import { defineService, http, lengthField, tcp, type HttpRequest } from "millrace";
const path = (request: HttpRequest): string => request.path;
export default defineService({
  listeners: [
    http({
      port: 0,
      routes: { "GET /hello": (request, response) => response.text(path(request)) },
      fetch: () => new Response("anything else"),
    }),
    tcp({
      port: 0,
      framing: lengthField({ bytes: 4, maxFrameBytes: 1 << 20 }),
      message: (connection, frame) => connection.send(frame),
    }),
  ],
});
`;

const PROGRAM = `import { serve, type ServerHandle } from "millrace";
const server: ServerHandle = await serve({
  service: new URL("./app.ts", import.meta.url), port: 0, workers: 2, logLevel: "warn",
});
const answer = async (path: string): Promise<string> => (await fetch(server.url + path)).text();
console.log(await answer("/hello"), await answer("/"));
await server.reload();
console.log(await answer("/hello"), server.settings.workers);
await server.stop();
`;

test("the package holds sources, declarations and the command, and nothing else", async () => {
  const files = await Array.fromAsync(new Bun.Glob("**").scan({ cwd: installed, dot: true }));
  const outside = files.filter((path) => !/^(?:src\/|dist\/types\/\S+\.d\.ts$)/.test(path));
  expect(outside.sort()).toEqual(["LICENSE", "README.md", "bin/millrace", "package.json"]);
  const sources = await Array.fromAsync(new Bun.Glob("src/**").scan({ cwd: ROOT }));
  expect(files.filter((path) => path.startsWith("src/")).sort()).toEqual(sources.sort());
  expect(files).toContain("dist/types/index.d.ts");
});

test("the package depends on what its sources import, and on nothing else", async () => {
  const imported = new Set<string>();
  const scanner = new Bun.Transpiler({ loader: "ts" });
  for await (const path of new Bun.Glob("src/**/*.ts").scan({ cwd: installed, absolute: true })) {
    const text = fs.readFileSync(path, "utf8").replace(/^#!.*/, "");
    for (const { path: name } of scanner.scanImports(text)) {
      if (!/^(?:\.|(?:bun|node)(?::|$))/.test(name)) imported.add(packageOf(name));
    }
  }
  expect([...imported].sort()).toEqual(Object.keys(packageJson.dependencies).sort());
  expect([packageJson.license, packageJson.engines]).toEqual(["MIT", { bun: ">=1.4.5" }]);
});

function packageOf(name: string): string {
  return name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
}

test("the command runs an application on the Bun of the PATH", async () => {
  write("app.ts", SERVICE);
  server = await ServerProcess.startWith(
    {
      command: [command],
      cwd: project,
      environment: { PATH: `${tools}:${dirname(linkedBun("machine"))}` },
    },
    ["./app.ts", "--workers", "2"],
  );
  expect(server.stdout[0]).toMatch(/^millrace listening on http:\S+ \(2 workers\)$/);
  expect(await (await fetch(`${server.url}/hello`)).text()).toBe("/hello");
  server.signal("SIGTERM"); // of the process that was started: it is Bun itself now
  expect((await server.untilEnded()).code).toBe(0);
});

/** A folder with nothing but Bun in it. */
function linkedBun(name: string): string {
  const path = join(folder, name, "bun");
  link(process.execPath, path);
  return path;
}

test("the command says in one line that it needs Bun, and takes the project's own", async () => {
  const bare = ["/usr/bin/env", "-i", `PATH=${tools}`, command, "--version"];
  const { code, output } = await run(bare);
  expect(code).toBe(1);
  expect(output).toMatch(
    /^millrace: needs Bun [\d.]+ or later: npm install bun, or see https\S+\n$/,
  );
  expect(output).toContain(packageJson.engines.bun.replace(">=", ""));
  link(process.execPath, join(dirname(command), "bun"));
  const version = { code: 0, output: `millrace ${packageJson.version}\n` };
  expect(await run(bare)).toEqual(version);
  expect(await run(bare, tmpdir())).toEqual(version);
});

test("a program that calls serve() serves, reloads and ends", async () => {
  write("app.ts", SERVICE);
  const program = write("program.ts", PROGRAM);
  expect(await run([process.execPath, program])).toEqual({
    code: 0,
    output: "/hello anything else\n/hello 2\n",
  });
});

const COMPILERS: Readonly<Record<string, object>> = {
  bundler: { module: "Preserve", lib: ["ESNext"], allowImportingTsExtensions: true, noEmit: true },
  "node, with the DOM": { module: "NodeNext", lib: ["ESNext", "DOM"], outDir: "out" },
};

for (const [name, options] of Object.entries(COMPILERS)) {
  test(`the types hold under the strict compiler of a user: ${name}`, async () => {
    write("app.ts", SERVICE);
    write("program.ts", PROGRAM);
    const wrong = 'import { http } from "millrace"; http({ port: "80" }); http({ prot: 80 });\n';
    write("wrong.ts", wrong);
    const strict = {
      target: "ESNext",
      types: ["bun"],
      strict: true,
      skipLibCheck: false,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      noPropertyAccessFromIndexSignature: true,
      verbatimModuleSyntax: true,
    };
    const check = (file: string): Promise<Finished> => {
      const config = { compilerOptions: { ...strict, ...options }, files: [file] };
      write("tsconfig.json", JSON.stringify(config));
      return run([process.execPath, "check", "--no-script", "-p", project]);
    };
    expect(await check("program.ts")).toMatchObject({ code: 0 });
    expect(await check("app.ts")).toMatchObject({ code: 0 });
    const { code, output } = await check("wrong.ts");
    expect([code, output.match(/wrong\.ts\(1,\d+\): error/g)?.length]).toEqual([1, 2]);
  });
}
