// One worker of the xmalloc-test: makes batches of 4,096 blocks of 64 bytes, writes them, puts the
// batch on a shared stack of at most 100, takes a batch from the stack and frees it. Roles: "both"
// does both in turn; "produce" and "consume" do one side.

import { Arena } from "../../src/memory/arena.ts";
import { lock, unlock } from "../../src/memory/lock.ts";
import type { ArenaHandle } from "../../src/memory/shared-memory.ts";

export interface XmallocTask {
  handle: ArenaHandle;
  worker: number;
  role: "both" | "produce" | "consume";
  batches: number;
  /** Word 0: lock. Word 1: batches on the stack. Word 2: start. Then the batches. */
  queue: SharedArrayBuffer;
}

export const BATCH = 4_096;
export const BATCHES_MAX = 100;
export const QUEUE_BYTES: number = (16 + BATCH * BATCHES_MAX) * 4;
const BLOCK_BYTES = 64;

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<XmallocTask>): void => {
  const arena = Arena.attach(data.handle, { worker: data.worker });
  const queue = new Int32Array(data.queue);
  const batch = new Int32Array(BATCH);
  warmUp(arena, batch, new Int32Array(data.handle.segments[0]!));
  self.postMessage("ready");
  Atomics.wait(queue, 2, 0);
  const started = performance.timeOrigin + performance.now();
  const freed = run(data, arena, queue, batch);
  self.postMessage({ freed, started, ended: performance.timeOrigin + performance.now() });
};

function run(task: XmallocTask, arena: Arena, queue: Int32Array, batch: Int32Array): number {
  const words = new Int32Array(task.handle.segments[0]!);
  const holder = task.worker + 1;
  let freed = 0;
  for (let round = 0; round < task.batches; round++) {
    if (task.role !== "consume") {
      fill(arena, batch, words);
      while (!push(queue, holder, batch)) Atomics.pause();
    }
    if (task.role === "produce") continue;
    while (!pop(queue, holder, batch)) Atomics.pause();
    for (let index = 0; index < BATCH; index++) arena.release(batch[index]!);
    freed += BATCH;
  }
  return freed;
}

function warmUp(arena: Arena, batch: Int32Array, words: Int32Array): void {
  for (let round = 0; round < 60; round++) {
    fill(arena, batch, words);
    for (let index = 0; index < BATCH; index++) arena.release(batch[index]!);
  }
}

function fill(arena: Arena, batch: Int32Array, words: Int32Array): void {
  for (let index = 0; index < BATCH; index++) {
    const address = arena.acquire(BLOCK_BYTES);
    batch[index] = address;
    for (let word = 0; word < BLOCK_BYTES / 4; word++) words[address * 2 + word] = index;
  }
}

function push(queue: Int32Array, holder: number, batch: Int32Array): boolean {
  if (!lock(queue, 0, holder)) return false;
  const count = queue[1]!;
  if (count < BATCHES_MAX) {
    queue.set(batch, 16 + count * BATCH);
    queue[1] = count + 1;
  }
  unlock(queue, 0);
  return count < BATCHES_MAX;
}

function pop(queue: Int32Array, holder: number, batch: Int32Array): boolean {
  if (!lock(queue, 0, holder)) return false;
  const count = queue[1]!;
  if (count > 0) {
    batch.set(queue.subarray(16 + (count - 1) * BATCH, 16 + count * BATCH));
    queue[1] = count - 1;
  }
  unlock(queue, 0);
  return count > 0;
}
