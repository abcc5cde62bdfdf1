import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { workerEntry } from "../../src/master/worker-entry.ts";

test("workerEntry is in the source tree, seen from the master", () => {
  const entry = workerEntry(new URL("../../src/master/master.ts", import.meta.url).href);
  expect(entry.pathname).toEndWith("/src/worker.ts");
  expect(existsSync(fileURLToPath(entry))).toBe(true);
});

test("workerEntry is beside the main entry inside a compiled binary", () => {
  expect(workerEntry("file:///$bunfs/root/millrace").href).toBe("file:///$bunfs/root/worker.js");
});
