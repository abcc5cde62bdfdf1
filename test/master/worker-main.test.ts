import { expect, test } from "bun:test";
import { COUNTERS_PER_ROW } from "../../src/core/counters.ts";
import { MIB } from "../../src/core/limits.ts";
import { Arena } from "../../src/memory/arena.ts";
import type { FromWorker, ToWorker } from "../../src/master/worker-protocol.ts";
import { resolveSettings } from "../../src/server/settings.ts";
import { WorkerHandle, type WorkerExit } from "../../src/thread/worker-handle.ts";

test("worker-main runs the real server: it names its listeners, starts, and leaves", async () => {
  const messages: FromWorker[] = [];
  const exit = Promise.withResolvers<WorkerExit>();
  const worker = new WorkerHandle<ToWorker, FromWorker>({
    entry: new URL("../../src/master/worker-main.ts", import.meta.url),
    name: "test",
    onMessage: (message) => {
      messages.push(message);
      if (message.type === "loaded")
        worker.post({ type: "start", orphans: [], grants: [{ kind: "none" }] });
      if (message.type === "ready") worker.post({ type: "drain", quietMs: 0, timeoutMs: 1_000 });
    },
    onExit: exit.resolve,
  });
  worker.post({
    type: "init",
    source: { kind: "welcome" },
    settings: resolveSettings({ workers: 1 }, { processors: 1, fdLimit: 1_000 }),
    logLevel: "silent",
    workerIndex: 0,
    counters: new Float64Array(new SharedArrayBuffer(COUNTERS_PER_ROW * 8)),
  });
  expect(await exit.promise).toEqual({ code: 0, error: null });
  expect(messages).toEqual([
    {
      type: "loaded",
      listeners: [{ kind: "http", host: "127.0.0.1", port: 8080, name: "http 0" }],
    },
    { type: "ready" },
    { type: "draining" },
  ]);
});

test("worker-main says that the memory limit leaves no room when it starts", async () => {
  const arena = Arena.create({ bytesMax: 1 * MIB, workers: 2, worker: 0 });
  while (arena.acquire(8192) !== 0);
  const failure = Promise.withResolvers<FromWorker>();
  const worker = new WorkerHandle<ToWorker, FromWorker>({
    entry: new URL("../../src/master/worker-main.ts", import.meta.url),
    name: "test",
    onMessage: failure.resolve,
    onExit: () => undefined,
  });
  worker.post({
    type: "init",
    source: { kind: "welcome" },
    settings: resolveSettings({ workers: 1 }, { processors: 1, fdLimit: 1_000 }),
    logLevel: "silent",
    workerIndex: 0,
    counters: new Float64Array(new SharedArrayBuffer(COUNTERS_PER_ROW * 8)),
    memory: { handle: arena.handle, worker: 1 },
  });
  const message = "Cannot start a worker: the memory limit leaves no room for the cork";
  expect(await failure.promise).toEqual({ type: "failed", code: "ERR_MEMORY_LIMIT", message });
});
