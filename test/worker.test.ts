import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess } from "./support/server-process.ts";

const folder: string = mkdtempSync(join(tmpdir(), "millrace-worker-"));
let server: ServerProcess | null = null;

afterEach(async () => {
  await server?.kill();
  server = null;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

async function answerOf(app: string): Promise<string> {
  server = await ServerProcess.start([app, "--workers", "1"]);
  return (await fetch(server.url)).text();
}

const ROUTES = 'http({ routes: { "GET /": (request, response) => response.text(text) } })';

test("worker.ts lends an application without node_modules its own millrace", async () => {
  const app = file(
    "bare/app.ts",
    `import { defineService, http, MillraceError } from "millrace";
     const text: string = String(new MillraceError("ERR_USAGE", "one copy") instanceof Error);
     export default defineService({ listeners: [${ROUTES}] });`,
  );
  expect(await answerOf(app)).toBe("true");
});

test("worker.ts lends it to CommonJS, to namespaces and to dynamic imports: one copy", async () => {
  const helper = file("forms/helper.cjs", 'module.exports = require("millrace");');
  const app = file(
    "forms/app.ts",
    `import * as all from "millrace";
     import { defineService, http } from "millrace";
     const lazy = await import("millrace");
     const required = require(${JSON.stringify(helper)});
     const copies = [all.http, lazy.http, required.http];
     const text = String(copies.every((copy) => copy === http));
     export default defineService({ listeners: [${ROUTES}] });`,
  );
  expect(await answerOf(app)).toBe("true");
});

test("worker.ts prefers the serving millrace to another version that is installed", async () => {
  const installed = "versions/node_modules/millrace";
  file(`${installed}/package.json`, '{ "name": "millrace", "exports": "./old.js" }');
  file(`${installed}/old.js`, "export const http = 0, defineService = 0;");
  const app = file(
    "versions/app.ts",
    `import { defineService, http } from "millrace";
     const text = typeof http;
     export default defineService({ listeners: [${ROUTES}] });`,
  );
  expect(await answerOf(app)).toBe("function");
});

test("worker.ts says in one line which name millrace does not export", async () => {
  const app = file("typo/app.ts", 'import { htpp } from "millrace"; export default htpp;');
  const { code, stderr } = await ServerProcess.run([app, "--port", "0", "--workers", "1"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^millrace: Cannot use the module .*'htpp' not found[^\n]*'millrace'/);
  expect(stderr.split("\n")).toHaveLength(1);
});
