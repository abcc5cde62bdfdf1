import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { fileURLToPath } from "node:url";
import packageJson from "../../package.json" with { type: "json" };

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

function run(...args: string[]): { code: number; out: string; err: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, MAIN, ...args]);
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
}

describe("millrace", () => {
  test("tells its version and its commands", () => {
    expect(run("--version")).toEqual({
      code: 0,
      out: `millrace ${packageJson.version}\n`,
      err: "",
    });
    const { code, out, err } = run("--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("  start ");
  });

  test("says what it could do when it is told nothing, with code 2", () => {
    const { code, out, err } = run();
    expect([code, out]).toEqual([2, ""]);
    expect(err).toStartWith("usage: millrace COMMAND");
  });

  test.each([
    ["strat", 'unknown command "strat", did you mean "start"?'],
    ["frobnicate", 'unknown command "frobnicate", try millrace --help'],
    ["constructor", 'unknown command "constructor", try millrace --help'],
    ["--port", 'unknown command "--port", try millrace --help'],
  ])("refuses %p with code 2", (name, message) => {
    expect(run(name)).toEqual({ code: 2, out: "", err: `millrace: ${message}\n` });
  });
});
