// The README taken at its word: every program in it is compiled by strict rules and run as it
// stands, every command in it exists.

import { afterAll, afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(60_000);

const ROOT: string = resolve(import.meta.dir, "../..");
const README: string = readFileSync(join(ROOT, "README.md"), "utf8");
const folder: string = mkdtempSync(join(tmpdir(), "millrace-readme-"));

let server: ServerProcess | null = null;

afterEach(async () => {
  await server?.kill();
  server = null;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function blocksOf(language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms");
  return [...README.matchAll(fence)].map((match) => match[1]!);
}

const programs: readonly string[] = blocksOf("ts");
const services: readonly string[] = programs.filter((text) => text.includes("export default"));

async function run(...command: string[]): Promise<{ code: number; output: string }> {
  const options = { cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" } as const;
  const child = Bun.spawn(command, { ...options, env: { ...process.env, PORT: "0" } });
  const texts = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  const [stdout, stderr] = await Promise.all(texts);
  return { code: await child.exited, output: stdout! + stderr! };
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

test("the README's programs hold under the strict compiler", async () => {
  expect(services.length).toBeGreaterThan(1);
  const files = programs.map((text, index) => write(`program-${index}.ts`, text));
  const compilerOptions = {
    noUnusedParameters: false, // a reader is shown what there is
    paths: { millrace: [join(ROOT, "src/index.ts")] },
    typeRoots: [join(ROOT, "node_modules/@types")],
  };
  const config = { extends: join(ROOT, "tsconfig.json"), include: [], files, compilerOptions };
  write("tsconfig.json", JSON.stringify(config));
  const { output } = await run(process.execPath, "check", "--no-script", "-p", folder);
  const ours = output.split("\n").filter((line) => /program-\d+\.ts/.test(line));
  expect(ours).toEqual([]);
});

test("the README's services start and answer", async () => {
  mkdirSync(join(folder, "public"), { recursive: true });
  writeFileSync(join(folder, "public/index.html"), "<title>a page</title>");
  for (const [index, text] of services.entries()) {
    write(`service-${index}.ts`, text);
    const args = [`./service-${index}.ts`, "--port", "0", "--workers", "1"];
    server = await ServerProcess.startWith({ cwd: folder }, args);
    if (server.url.startsWith("http:")) expect((await fetch(server.url)).status).toBe(200);
    await server.kill();
  }
});

test("the README's program serves its service to the end", async () => {
  write("app.ts", services[0]!);
  const text = programs.find((program) => program.includes("serve({"))!;
  const quick = text.replace("workers: 4", "workers: 2, port: 0"); // not everybody's port
  expect(quick).not.toBe(text);
  const { code, output } = await run(process.execPath, write("program.ts", withOurMillrace(quick)));
  expect([code, output]).toEqual([0, expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\n/)]);
});

/** A program outside the checkout has no node_modules here. */
function withOurMillrace(text: string): string {
  return text.replace('from "millrace"', `from ${JSON.stringify(join(ROOT, "src/index.ts"))}`);
}

test("the README's commands exist", () => {
  const scripts = Object.keys(packageJson.scripts);
  const commands = [
    ...blocksOf("sh")
      .join("\n")
      .matchAll(/\b(?:bun|npm) run ([\w:]+)/g),
  ];
  expect(commands.length).toBeGreaterThan(3);
  for (const [command, script] of commands) {
    expect([command, scripts.includes(script!)]).toEqual([command, true]);
  }
  for (const [, path] of README.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
    expect([path, Bun.file(join(ROOT, path!)).size > 0]).toEqual([path!, true]);
  }
});
