import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { workerEntry } from "../../src/master/worker-entry.ts";

test("workerEntry is beside the master in the source tree", () => {
  const entry = workerEntry(new URL("../../src/master/master.ts", import.meta.url).href);
  expect(existsSync(fileURLToPath(entry))).toBe(true);
});

test("workerEntry is below the main entry inside a compiled binary", () => {
  expect(workerEntry("file:///$bunfs/root/millrace").href).toBe(
    "file:///$bunfs/root/master/worker-main.js",
  );
});
