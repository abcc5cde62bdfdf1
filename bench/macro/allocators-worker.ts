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
export const QUEUE_BYTES: number = (16 + BATCHES_MAX) * 4;
const BLOCK_BYTES = 64;
const WARM_UP_ROUNDS = 60;

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<XmallocTask>): void => {
  const worker = new XmallocWorker(data);
  worker.warmUp();
  self.postMessage("ready");
  Atomics.wait(new Int32Array(data.queue), 2, 0);
  const started = performance.timeOrigin + performance.now();
  const freed = worker.run();
  self.postMessage({ freed, started, ended: performance.timeOrigin + performance.now() });
};

class XmallocWorker {
  private readonly task: XmallocTask;
  private readonly arena: Arena;
  private readonly queue: Int32Array;
  /** The arena's bytes as int32: a granule is two of them. */
  private readonly words: Int32Array;

  constructor(task: XmallocTask) {
    this.task = task;
    this.arena = Arena.attach(task.handle, { worker: task.worker });
    this.queue = new Int32Array(task.queue);
    this.words = new Int32Array(task.handle.segments[0]!);
  }

  warmUp(): void {
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.free(this.fill());
  }

  run(): number {
    let freed = 0;
    for (let round = 0; round < this.task.batches; round++) {
      if (this.task.role !== "consume") {
        const batch = this.fill();
        while (!this.push(batch)) Atomics.pause();
      }
      if (this.task.role === "produce") continue;
      let batch = this.pop();
      while (batch === 0) {
        Atomics.pause();
        batch = this.pop();
      }
      this.free(batch);
      freed += BATCH;
    }
    return freed;
  }

  /** The batch is a block itself, with the addresses of the others in it. */
  private fill(): number {
    const { arena, words } = this;
    const batch = arena.acquire(BATCH * 4);
    for (let index = 0; index < BATCH; index++) {
      const address = arena.acquire(BLOCK_BYTES);
      words[batch * 2 + index] = address;
      for (let word = 0; word < BLOCK_BYTES / 4; word++) words[address * 2 + word] = index;
    }
    return batch;
  }

  private free(batch: number): void {
    const { arena, words } = this;
    for (let index = 0; index < BATCH; index++) arena.release(words[batch * 2 + index]!);
    arena.release(batch);
  }

  private push(batch: number): boolean {
    const { queue } = this;
    if (!lock(queue, 0, this.task.worker + 1)) return false;
    const count = queue[1]!;
    if (count < BATCHES_MAX) {
      queue[16 + count] = batch;
      queue[1] = count + 1;
    }
    unlock(queue, 0);
    return count < BATCHES_MAX;
  }

  private pop(): number {
    const { queue } = this;
    if (Atomics.load(queue, 1) === 0 || !lock(queue, 0, this.task.worker + 1)) return 0;
    const count = queue[1]!;
    if (count > 0) queue[1] = count - 1;
    const batch = count > 0 ? queue[16 + count - 1]! : 0;
    unlock(queue, 0);
    return batch;
  }
}
