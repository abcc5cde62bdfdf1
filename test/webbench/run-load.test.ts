// Runs with real load processes, and with processes that die where they should not.

import { afterEach, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { MillraceError } from "../../src/core/errors.ts";
import { LoadRun, type RunOptions } from "../../src/webbench/run-load.ts";
import { answeredOf } from "../../src/webbench/run-totals.ts";
import { OK, ScriptedServer, shareFor } from "./load-world.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const COMMAND = [process.execPath, MAIN, "webbench", "--load-process"];

let server: ScriptedServer;
afterEach(() => server.stop());

async function options(changes: Partial<RunOptions> = {}): Promise<RunOptions> {
  server = await ScriptedServer.answering(OK);
  const plan = shareFor(server.origin, { clients: 4, count: 101 });
  return { plan, processes: 2, command: COMMAND, ...changes };
}

describe("LoadRun", () => {
  test("adds up its processes to the unit", async () => {
    let reports = 0;
    const given = await options({ onProgress: () => void reports++ });
    const { totals, lost, interrupted } = await new LoadRun(given).run();
    expect(answeredOf(totals.measured)).toBe(101);
    expect(server.requests).toBe(101);
    expect(totals.measured.outstanding).toBe(0);
    expect(totals.latencies.total.count).toBe(101);
    expect(totals.latencies.ownDelay.count).toBeGreaterThanOrEqual(0);
    expect([lost, interrupted]).toEqual([[], false]);
    expect(reports).toBeGreaterThanOrEqual(2);
  });

  test("keeps what was measured when it is interrupted", async () => {
    const given = await options();
    const plan = { ...given.plan, count: 0, durationMs: 60_000 };
    const run = new LoadRun({ ...given, plan });
    const outcome = run.run();
    while (server.requests < 50) await Bun.sleep(5);
    run.interrupt();
    const { totals, lost, interrupted } = await outcome;
    expect([lost, interrupted]).toEqual([[], true]);
    expect(answeredOf(totals.measured)).toBeGreaterThan(40);
    expect(totals.measured.outstanding).toBe(0);
  });

  test("asks once, and kills the next time", async () => {
    const stubborn = "process.stdin.resume(); setInterval(() => {}, 1000);";
    const ready = `console.log('{"type":"ready"}');${stubborn}`;
    const run = new LoadRun(await options({ command: [process.execPath, "-e", ready] }));
    const outcome = run.run();
    run.interrupt();
    run.interrupt();
    const { lost, interrupted } = await outcome;
    expect(lost).toHaveLength(2);
    expect(lost[0]).toContain("was killed by SIGKILL");
    expect(interrupted).toBe(true);
  });

  test("reports processes that die before they begin", async () => {
    const { lost, totals } = await new LoadRun(
      await options({ command: [process.execPath, "-e", "process.exit(9)"] }),
    ).run();
    expect(lost.toSorted()).toEqual([
      "load process 1 of 2 exited with code 9",
      "load process 2 of 2 exited with code 9",
    ]);
    expect(answeredOf(totals.measured)).toBe(0);
  });

  test("throws when no process can be started", async () => {
    const run = new LoadRun(await options({ command: ["/no/such/program"] }));
    expect(run.run()).rejects.toThrow(MillraceError);
    expect(run.run()).rejects.toThrow("Cannot start load process 0");
  });
});
