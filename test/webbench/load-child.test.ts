// A real process that plays a load process: a line of script each.

import { describe, expect, test } from "bun:test";
import { LoadChild } from "../../src/webbench/load-child.ts";
import type { LoadReport } from "../../src/webbench/load-report.ts";
import { originOf, shareFor } from "./load-world.ts";

interface Heard {
  readonly child: LoadChild;
  readonly reports: LoadReport[];
  readonly end: Promise<string | null>;
}

function play(script: string): Heard {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const reports: LoadReport[] = [];
  const command = [process.execPath, "-e", script];
  const child = LoadChild.spawn(command, shareFor(originOf(1)), {
    onReport: (report) => void reports.push(report),
    onEnd: resolve,
  });
  return { child, reports, end: promise };
}

const say = (report: LoadReport): string =>
  `console.log(${JSON.stringify(JSON.stringify(report))});`;
const done = say({ type: "done", oldestCutOffMs: 7 });

describe("LoadChild", () => {
  test("hears what it says, and nothing is wrong once it is done", async () => {
    const { reports, end } = play(say({ type: "ready" }) + done);
    expect(await end).toBeNull();
    expect(reports).toEqual([{ type: "ready" }, { type: "done", oldestCutOffMs: 7 }]);
  });

  test("passes the share and the parent's words on", async () => {
    const script = `for await (const line of console) {
      if (line.startsWith("{")) ${say({ type: "ready" })}
      else { console.error(line); process.exit(5); }
    }`;
    const { child, end } = play(script);
    child.start();
    expect(await end).toBe("exited with code 5: start");
  });

  test.each([
    ["process.exit(0)", "exited with code 0"],
    ["console.error('out of luck'); process.exit(3)", "exited with code 3: out of luck"],
    ["process.kill(process.pid, 'SIGKILL')", "was killed by SIGKILL"],
    ["console.log('{half'); setTimeout(() => {}, 60_000)", 'was killed by SIGKILL: said "{half"'],
    [
      `${say({ type: "bug", text: "at client.ts" })}process.exit(1)`,
      "exited with code 1: at client.ts",
    ],
  ])("tells how a process died: %s", async (script, how) => {
    expect(await play(script).end).toStartWith(how);
  });

  test("survives a child that does not listen, and kills one that does not end", async () => {
    const { child, end } = play("process.stdin.destroy(); setTimeout(() => {}, 60_000)");
    child.start();
    child.stop();
    child.kill();
    expect(await end).toBe("was killed by SIGKILL");
  });

  test("throws when there is no such program", () => {
    const events = { onReport: () => undefined, onEnd: () => undefined };
    expect(() => LoadChild.spawn(["/no/such/program"], shareFor(originOf(1)), events)).toThrow();
  });
});
