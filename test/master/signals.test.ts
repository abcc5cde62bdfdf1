import { describe, expect, test } from "bun:test";
import { EventEmitter } from "node:events";
import { createLog } from "../../src/core/log.ts";
import { installSignals } from "../../src/master/signals.ts";
import { FakeClock } from "../support/fake-clock.ts";

function create(terminalHasGone = false) {
  const calls: string[] = [];
  const stopped = Promise.withResolvers<void>();
  const signals = new EventEmitter();
  const clock = new FakeClock();
  const note = async (text: string) => void calls.push(text);
  const remove = installSignals(
    {
      target: {
        reload: () => note("reload"),
        stop: () => (calls.push("stop"), stopped.promise),
        close: () => note("close"),
        stats: () => ({ uptimeMs: 0, workers: [], totals: { accepted: 7 } }),
      },
      log: createLog({ level: "silent" }),
      exit: (code) => void calls.push(`exit ${code}`),
      write: (text) => void calls.push(text),
      terminalHasGone: () => terminalHasGone,
      clock,
    },
    signals as unknown as NodeJS.Process,
  );
  return { calls, signals, stopped, remove, clock };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("installSignals", () => {
  test("reloads at each SIGHUP", () => {
    const { calls, signals } = create();
    signals.emit("SIGHUP");
    signals.emit("SIGHUP");
    expect(calls).toEqual(["reload", "reload"]);
  });

  test("drains at a SIGHUP that says that the terminal is gone", async () => {
    const { calls, signals, stopped, clock } = create(true);
    signals.emit("SIGHUP");
    stopped.resolve();
    await turn();
    expect(calls).toEqual(["stop", "exit 0"]);
    clock.advance(50);
    signals.emit("SIGHUP");
    expect(calls.slice(2)).toEqual(["close", "exit 129"]);
  });

  test.each(["SIGTERM", "SIGINT"])("drains at %s and leaves with 0", async (signal) => {
    const { calls, signals, stopped } = create();
    signals.emit(signal);
    await turn();
    expect(calls).toEqual(["stop"]);
    stopped.resolve();
    await turn();
    expect(calls).toEqual(["stop", "exit 0"]);
  });

  test("leaves with 1 when it cannot stop", async () => {
    const { calls, signals, stopped } = create();
    signals.emit("SIGTERM");
    stopped.reject(new Error("no"));
    await turn();
    expect(calls).toEqual(["stop", "exit 1"]);
  });

  test.each([
    ["SIGTERM", "SIGINT", 130],
    ["SIGINT", "SIGTERM", 143],
    ["SIGINT", "SIGINT", 130],
  ])("ends at once at %s and then %s", (first, second, code) => {
    const { calls, signals, clock } = create();
    signals.emit(first);
    clock.advance(50);
    signals.emit(second);
    expect(calls).toEqual(["stop", "close", `exit ${code}`]);
  });

  test("takes the echo of a signal for the same one", async () => {
    const { calls, signals, stopped, clock } = create();
    signals.emit("SIGINT");
    clock.advance(49);
    signals.emit("SIGINT");
    stopped.resolve();
    await turn();
    expect(calls).toEqual(["stop", "exit 0"]);
  });

  test("prints the counters at SIGUSR1", () => {
    const { calls, signals } = create();
    signals.emit("SIGUSR1");
    expect(calls).toEqual(["          total\naccepted      7\n"]);
  });

  test("removes what it installed", () => {
    const { calls, signals, remove } = create();
    remove();
    for (const signal of ["SIGHUP", "SIGTERM", "SIGINT", "SIGUSR1"]) signals.emit(signal);
    expect(calls).toEqual([]);
    expect(signals.eventNames()).toEqual([]);
  });
});
