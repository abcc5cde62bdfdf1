import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/core/assert.ts";
import { COUNTERS_PER_ROW } from "../../src/core/counters.ts";
import { MillraceError } from "../../src/core/errors.ts";
import type { FromWorker, ToWorker } from "../../src/master/worker-protocol.ts";
import type { AttachSource, WorkerServer } from "../../src/master/worker-server.ts";
import { WorkerSession } from "../../src/master/worker-session.ts";
import { resolveSettings } from "../../src/server/settings.ts";

const INIT: ToWorker = {
  type: "init",
  source: { kind: "welcome" },
  settings: resolveSettings({ workers: 4 }, { processors: 1, fdLimit: 1000 }),
  logLevel: "silent",
  workerIndex: 2,
  counters: new Float64Array(new SharedArrayBuffer(COUNTERS_PER_ROW * 8)),
};
const ADDRESS = { kind: "address", host: "127.0.0.1", port: 1 } as const;
const START: ToWorker = { type: "start", orphans: [], grants: [{ kind: "none" }, ADDRESS] };
const DRAIN: ToWorker = { type: "drain", quietMs: 1, timeoutMs: 2 };

type Fault = "load" | "setup" | "drain" | "close";

class Harness {
  readonly events: string[] = [];
  readonly gate = Promise.withResolvers<void>();
  readonly session: WorkerSession<string>;

  constructor(faults: Partial<Record<Fault, unknown>> = {}, holdDrain = false) {
    const step = async (name: Fault, note: string) => {
      this.events.push(note);
      if (name in faults) throw faults[name];
    };
    const server: WorkerServer = {
      listeners: [{ kind: "http", host: "h", port: 1, name: "n" }],
      start: () => step("setup", "setup"),
      attach: (index: number, source: AttachSource) =>
        void this.events.push(`attach ${index} ${JSON.stringify(source)}`),
      adopt: (orphans) => void this.events.push(`adopt ${JSON.stringify(orphans)}`),
      detachAll: async () => void this.events.push("detach"),
      drain: async ({ quietMs, timeoutMs }) => {
        await step("drain", `drain ${quietMs} ${timeoutMs}`);
        if (holdDrain) await this.gate.promise;
      },
      closeAll: () => step("close", "close all"),
    };
    this.session = new WorkerSession(
      {
        loadService: async () => (await step("load", "load"), "service"),
        createServer: ({ service, workerIndex, workerCount }) => {
          this.events.push(`create ${service} ${workerIndex}/${workerCount}`);
          return server;
        },
      },
      { post: (message) => this.posted(message), exit: (code) => this.events.push(`exit ${code}`) },
    );
  }

  private posted(message: FromWorker): void {
    const { type, ...rest } = message;
    this.events.push([`> ${type}`, ...Object.values(rest).map(String)].join(" "));
  }

  async receive(...messages: ToWorker[]): Promise<string[]> {
    for (const message of messages) await this.session.receive(message);
    return this.events;
  }
}

describe("WorkerSession", () => {
  test("loads, starts, drains and leaves", async () => {
    expect(await new Harness().receive(INIT, START, DRAIN)).toEqual([
      "load",
      "create service 2/4",
      "> loaded [object Object]",
      "setup",
      'attach 1 {"host":"127.0.0.1","port":1}',
      "> ready",
      "detach",
      "> draining",
      "drain 1 2",
      "exit 0",
    ]);
  });

  test("says in one line with its place why a module of the user's cannot be loaded", async () => {
    const events = await new Harness({ load: new RangeError("bad") }).receive(INIT);
    expect(events[1]).toMatch(/^> failed ERR_MODULE RangeError: bad at .*test\.ts:\d+:\d+\)?$/);
    expect(events[2]).toBe("exit 1");
  });

  test("passes our own errors on as they are", async () => {
    const load = new MillraceError("ERR_LISTEN", "Cannot");
    const events = await new Harness({ load }).receive(INIT);
    expect(events.slice(1)).toEqual(["> failed ERR_LISTEN Cannot", "exit 1"]);
  });

  test("reports a setup that throws anything at all", async () => {
    for (const [thrown, text] of [
      ["text", "text"],
      [null, "null"],
      [undefined, "undefined"],
    ] as const) {
      const events = await new Harness({ setup: thrown }).receive(INIT, START);
      expect(events.slice(-2)).toEqual([`> failed ERR_WORKER ${text}`, "exit 1"]);
    }
  });

  test("leaves although the drain or the clean-up fails", async () => {
    const drained = await new Harness({ drain: new Error("no") }).receive(INIT, START, DRAIN);
    expect(drained.at(-1)).toBe("exit 0");
    const closed = await new Harness({ close: new Error("no") }).receive(INIT, { type: "close" });
    expect(closed.slice(-2)).toEqual(["close all", "exit 0"]);
  });

  test("leaves when it is told to before it has loaded", async () => {
    expect(await new Harness().receive(DRAIN)).toEqual(["> draining", "exit 0"]);
    expect(await new Harness().receive({ type: "close" })).toEqual(["exit 0"]);
  });

  test("does not start once it was told to leave", async () => {
    const events = await new Harness().receive(INIT, DRAIN, START);
    expect(events).not.toContain("setup");
    expect(events).not.toContain("> ready");
  });

  test("does not attach if it was told to leave during the setup", async () => {
    const harness = new Harness();
    await harness.receive(INIT);
    const starting = harness.session.receive(START);
    await harness.session.receive(DRAIN);
    await starting;
    expect(harness.events).not.toContain("> ready");
  });

  test("a second drain changes nothing, a close ends the first", async () => {
    const harness = new Harness({}, true);
    await harness.receive(INIT, START);
    const draining = harness.session.receive(DRAIN);
    while (!harness.events.includes("drain 1 2")) await Bun.sleep(0);
    await harness.receive(DRAIN, { type: "close" });
    expect(harness.events.slice(-3)).toEqual(["drain 1 2", "close all", "exit 0"]);
    harness.gate.resolve();
    await draining;
  });

  test("dies of an uncaught exception or a failed assertion, not of a lost promise", async () => {
    const harness = new Harness();
    (await harness.receive(INIT)).splice(0);
    harness.session.unhandledRejection(new Error("lost"));
    harness.session.unhandledRejection(undefined);
    expect(harness.events).toEqual([]);
    harness.session.unhandledRejection(new AssertionError("ours"));
    harness.session.uncaughtException("text");
    expect(harness.events).toEqual([
      "> crashed AssertionError: ours",
      "exit 1",
      "> crashed text",
      "exit 1",
    ]);
  });
});
