import { expect, spyOn, test } from "bun:test";
import { COUNT_ACCEPTED, COUNT_OPEN, COUNTERS_PER_ROW } from "../../src/core/counters.ts";
import { silentLog } from "../../src/core/log.ts";
import { Server } from "../../src/server/server.ts";
import { defineService, http } from "../../src/server/service.ts";
import { resolveSettings } from "../../src/server/settings.ts";
import { LiveServer } from "./live-server.ts";

const fetchHello = (): Response => new Response("hello");

test("Server runs setup before it accepts, and its clean-up once at the end", async () => {
  const calls: string[] = [];
  const service = defineService({
    setup: async (worker) => {
      await Promise.resolve();
      calls.push(`setup ${worker.index} of ${worker.workers}`);
      return () => void calls.push("clean-up");
    },
    listeners: [http({ fetch: fetchHello })],
  });
  const live = await LiveServer.start(service);
  expect(calls).toEqual(["setup 0 of 1"]);
  expect(await (await live.fetch("/")).text()).toBe("hello");
  await live.stop();
  await live.stop();
  expect(calls).toEqual(["setup 0 of 1", "clean-up"]);
});

test("Server looks after its mail during setup and clean-up, when there is no beat", async () => {
  const timers: (() => void)[] = [];
  const fake = spyOn(globalThis, "setInterval").mockImplementation(((look: () => void) => {
    timers.push(look);
    return { unref: () => timers.length };
  }) as never);
  let looks = 0;
  const hears = (): void => {
    const before = looks;
    timers.at(-1)!();
    expect(looks).toBe(before + 1);
  };
  const mail = { post: () => true, look: () => void looks++, close: () => void (looks = NaN) };
  const server = new Server({
    service: defineService({
      setup: () => {
        hears();
        return hears;
      },
      listeners: [http({ fetch: fetchHello })],
    }),
    settings: resolveSettings({ workers: 1 }, { processors: 1, fdLimit: 1000 }),
    counters: new Float64Array(COUNTERS_PER_ROW),
    log: silentLog,
    workerIndex: 0,
    workerCount: 2,
    openMail: () => mail,
  });
  try {
    await server.start();
    await server.closeAll();
    expect(looks).toBeNaN();
  } finally {
    fake.mockRestore();
  }
});

test("Server drains: what runs is answered, what is idle is closed", async () => {
  let release = (): void => {};
  let begun = (): void => {};
  const running = new Promise<void>((resolve) => (begun = resolve));
  const live = await LiveServer.start(async (from: Request) => {
    if (from.url.endsWith("/idle")) return new Response("idle");
    begun();
    await new Promise<void>((resolve) => (release = resolve));
    return new Response("done");
  });
  await (await live.fetch("/idle")).text();
  const answer = live.fetch("/slow");
  await running;
  const drained = live.server.drain({ quietMs: 0, timeoutMs: 5000 });
  release();
  const response = await answer;
  expect([response.headers.get("connection"), await response.text()]).toEqual(["close", "done"]);
  await drained;
  expect(live.counters[COUNT_OPEN]).toBe(0);
  expect(live.counters[COUNT_ACCEPTED]).toBeGreaterThan(0);
  expect(live.server.reactor.pool.heldBytes).toBeLessThanOrEqual(live.restBytes);
});

test("Server cuts off what does not end within the drain's time", async () => {
  let begun = (): void => {};
  const running = new Promise<void>((resolve) => (begun = resolve));
  const live = await LiveServer.start(() => {
    begun();
    return new Promise(() => {});
  });
  const answer = live.fetch("/").catch(() => "cut off");
  await running;
  await live.server.drain({ quietMs: 0, timeoutMs: 30 });
  expect(await answer).toBe("cut off");
  expect(live.counters[COUNT_OPEN]).toBe(0);
});

test("Server.specs fills in where listeners want to be", () => {
  const service = defineService({
    listeners: [http({ fetch: fetchHello }), http({ fetch: fetchHello, port: 1, unix: "/x" })],
  });
  expect(Server.specs(service)).toEqual([
    { kind: "http", host: "127.0.0.1", port: 8080 },
    { kind: "http", host: "127.0.0.1", port: 1, unix: "/x" },
  ]);
});
