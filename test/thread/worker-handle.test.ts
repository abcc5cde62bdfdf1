import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { firstLineOfError, WorkerHandle, type WorkerExit } from "../../src/thread/worker-handle.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-"));
afterAll(() => rmSync(folder, { recursive: true }));
const PORT = fileURLToPath(new URL("../../src/thread/worker-port.ts", import.meta.url));
let files = 0;

interface Run {
  readonly handle: WorkerHandle<string, string>;
  readonly messages: string[];
  readonly firstMessage: Promise<string>;
  readonly exit: Promise<WorkerExit>;
}

async function run(code: string): Promise<Run> {
  const path = join(folder, `worker-${(files += 1)}.ts`);
  await Bun.write(path, `import { listenToOwner } from ${JSON.stringify(PORT)};\n${code}`);
  const messages: string[] = [];
  const first = Promise.withResolvers<string>();
  const exit = Promise.withResolvers<WorkerExit>();
  const handle = new WorkerHandle<string, string>({
    entry: pathToFileURL(path),
    name: "test",
    onMessage: (message) => {
      messages.push(message);
      first.resolve(message);
    },
    onExit: exit.resolve,
  });
  return { handle, messages, firstMessage: first.promise, exit: exit.promise };
}

describe("WorkerHandle", () => {
  test("passes messages, also those sent before the worker has loaded", async () => {
    const { handle, firstMessage, exit } = await run(
      `const owner = listenToOwner((text) => { owner.post(text + "!"); process.exit(0); });`,
    );
    handle.post("hello");
    expect(await firstMessage).toBe("hello!");
    expect(await exit).toEqual({ code: 0, error: null });
    expect(handle.isAlive).toBe(false);
  });

  test("hears the last message before the end", async () => {
    const { messages, exit } = await run(
      `listenToOwner(() => {}).post("x".repeat(1e5)); process.exit(3);`,
    );
    expect(await exit).toEqual({ code: 3, error: null });
    expect(messages.map((message) => message.length)).toEqual([1e5]);
  });

  test("does not hear what the user's code posts, and is heard beside it", async () => {
    const { handle, messages, exit } = await run(`
      for (const stray of [null, undefined, 1, "text", {}, [], { type: "x" }]) postMessage(stray);
      self.onmessage = () => {};
      const owner = listenToOwner((text) => { owner.post(text); process.exit(0); });
      postMessage({ type: "failed" });`);
    handle.post("ours");
    await exit;
    expect(messages).toEqual(["ours"]);
  });

  test("reports an uncaught error in one line", async () => {
    const { exit } = await run(`setTimeout(() => { throw new TypeError("it broke"); });`);
    expect(await exit).toEqual({ code: 1, error: "TypeError: it broke" });
  });

  test("reports a module that does not parse", async () => {
    const { exit } = await run(`let = = 1;`);
    const { code, error } = await exit;
    expect(code).toBe(1);
    expect(error).not.toBe("");
    expect(error).not.toContain("\n");
  });

  test("reports a module that is not there", async () => {
    const exit = Promise.withResolvers<WorkerExit>();
    new WorkerHandle<string, string>({
      entry: pathToFileURL(join(folder, "missing.ts")),
      name: "test",
      onMessage: () => undefined,
      onExit: exit.resolve,
    });
    expect((await exit.promise).error).toContain("missing.ts");
  });

  test("terminates a worker that never turns its loop", async () => {
    const { handle, firstMessage, exit } = await run(
      `listenToOwner(() => {}).post("in"); for (;;);`,
    );
    await firstMessage;
    handle.terminate();
    await exit;
    expect(handle.isAlive).toBe(false);
  });

  test("drops messages to a worker that is gone", async () => {
    const { handle, exit } = await run(`process.exit(0)`);
    await exit;
    handle.post("anyone?");
    handle.terminate();
  });
});

test("firstLineOfError finds the message in a listing", () => {
  const listing = "1 | x();\n    ^\nReferenceError: x is not defined\n      at /a/b.ts:1:1\n";
  expect(firstLineOfError(listing)).toBe("ReferenceError: x is not defined");
  expect(firstLineOfError("error: Cannot find module './x'")).toBe("Cannot find module './x'");
  expect(firstLineOfError("BuildMessage: Unexpected end")).toBe("Unexpected end");
  expect(firstLineOfError("thrown string")).toBe("thrown string");
  expect(firstLineOfError("")).toBe("");
});
