import { expect, test } from "bun:test";

import { LOCK_CONTENDED, inheritLock, lock, lockHolder, unlock } from "../../src/memory/lock.ts";

const words = (): Int32Array => new Int32Array(new SharedArrayBuffer(64));

test("lock names its holder, unlock frees it", () => {
  const at = words();
  expect(lockHolder(at, 0)).toBe(-1);
  expect(lock(at, 0, 8)).toBe(true);
  expect(lockHolder(at, 0)).toBe(7);
  unlock(at, 0);
  expect(lockHolder(at, 0)).toBe(-1);
});

test("lock gives up when the holder never lets go", () => {
  const at = words();
  lock(at, 0, 1);
  expect(lock(at, 0, 2)).toBe(false);
  expect(lockHolder(at, 0)).toBe(0);
  expect(at[0]! & LOCK_CONTENDED).not.toBe(0);
});

test("inheritLock passes on the lock of the dead one only", () => {
  const at = words();
  expect(inheritLock(at, 0, 3, 1)).toBe(false);
  lock(at, 0, 3);
  expect(inheritLock(at, 0, 2, 1)).toBe(false);
  expect(inheritLock(at, 0, 3, 1)).toBe(true);
  expect(lockHolder(at, 0)).toBe(0);
  unlock(at, 0);
  expect(lock(at, 0, 5)).toBe(true);
});

test("lock is taken over from a holder that lets go while another waits", async () => {
  const at = words();
  lock(at, 0, 1);
  const source = `
    const words = new Int32Array(workerData);
    Atomics.store(words, 1, 1);
    while ((Atomics.load(words, 0) & ${LOCK_CONTENDED}) === 0);
    Atomics.store(words, 0, 0);
    Atomics.notify(words, 0, 1);`;
  const { Worker: Thread } = await import("node:worker_threads");
  const worker = new Thread(`const { workerData } = require("worker_threads");${source}`, {
    eval: true,
    workerData: at.buffer,
  });
  const ended = new Promise((resolve) => worker.on("exit", resolve));
  while (Atomics.load(at, 1) === 0) await Bun.sleep(0);
  expect(lock(at, 0, 2)).toBe(true);
  expect(lockHolder(at, 0)).toBe(1);
  await ended;
});
