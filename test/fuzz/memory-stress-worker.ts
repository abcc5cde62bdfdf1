// One worker of memory-stress.ts: runs a workload over a shared arena, checks every byte it gets
// back, and reports. Blocks carry their length and a pattern made from their address, so that any
// worker can verify a block that any other one filled.

import { Arena } from "../../src/memory/arena.ts";
import type { ArenaHandle } from "../../src/memory/shared-memory.ts";
import { Random } from "../support/random.ts";

export type Workload = "mstress" | "xmalloc" | "larson" | "rptest";

export interface StressTask {
  handle: ArenaHandle;
  worker: number;
  workload: Workload;
  seed: number;
  /** Operations; 0 runs until `stop` is set. */
  operations: number;
  /** Addresses on their way between workers; 0 is empty. */
  slots: SharedArrayBuffer;
  /** Word 0: stop. Word 1 + worker: operations done. From `hand` on: see swap(). */
  control: SharedArrayBuffer;
  hand: number;
}

export interface StressResult {
  operations: number;
  refused: number;
  error?: string;
}

const WORD_BYTES = 8; // of the block, as the workloads count
const RING_ROOM_MIN = 64;

class StressWorker {
  private readonly arena: Arena;
  private readonly task: StressTask;
  private readonly random: Random;
  private readonly slots: Int32Array;
  private readonly control: Int32Array;
  private readonly bytes: Int32Array;
  private readonly held: number[] = [];
  private refused = 0;

  constructor(task: StressTask) {
    this.task = task;
    this.arena = Arena.attach(task.handle, { worker: task.worker });
    this.random = new Random(task.seed);
    this.slots = new Int32Array(task.slots);
    this.control = new Int32Array(task.control);
    this.bytes = new Int32Array(task.handle.segments[0]!);
  }

  run(): StressResult {
    const { operations, workload } = this.task;
    let done = 0;
    while (operations === 0 ? Atomics.load(this.control, 0) === 0 : done < operations) {
      this[workload]();
      done++;
      if (done % 4096 === 0) this.arena.tick();
      this.control[1 + this.task.worker] = done;
    }
    while (this.held.length > 0) this.release(this.held.pop()!);
    this.arena.detach();
    return { operations: done, refused: this.refused };
  }

  /** Mixed sizes, random frees, one in four swapped with another worker. */
  private mstress(): void {
    const dice = this.random.below(100);
    if (dice < 50 || this.held.length === 0) this.acquire(this.mstressWords() * WORD_BYTES);
    else if (dice < 90 || this.held.length > 500) this.releaseAny();
    if (this.random.oneIn(4)) this.exchange();
  }

  private mstressWords(): number {
    const words = 2 ** this.random.below(this.random.oneIn(2) ? 5 : 7);
    if (!this.random.oneIn(100)) return words;
    if (this.random.oneIn(100)) return words * 1000;
    return words * (this.random.oneIn(10) ? 1000 : 100);
  }

  /** Even workers produce, odd ones consume: every block is released elsewhere. */
  private xmalloc(): void {
    const at = this.random.below(this.slots.length);
    const produces = this.task.worker % 2 === 0;
    const old = produces ? this.fill(64 + this.random.below(448)) : 0;
    const got = this.swap(at, old);
    if (got !== 0) this.release(got);
  }

  /** A fixed array of blocks of 8..1000 bytes; each step replaces one, some change hands. */
  private larson(): void {
    if (this.held.length < RING_ROOM_MIN * 8) this.acquire(8 + this.random.below(993));
    const victim = this.random.below(this.held.length);
    const address = this.held[victim];
    if (address === undefined) return;
    this.release(address);
    const next = this.fill(8 + this.random.below(993));
    if (next === 0) {
      this.held.splice(victim, 1);
      return;
    }
    this.held[victim] = next;
    if (this.random.oneIn(50)) this.exchange();
  }

  /** Bursts of 30..99 of linearly falling sizes 8..16000, whole batches to others. */
  private rptest(): void {
    const count = this.random.between(30, 99);
    for (let index = 0; index < count; index++) this.acquire(this.rptestBytes());
    for (let index = 0; index < count && this.held.length > 0; index++) this.releaseAny();
    if (this.random.oneIn(2)) for (let index = 0; index < 30; index++) this.exchange();
  }

  private rptestBytes(): number {
    const share = Math.min(this.random.below(1000), this.random.below(1000)) / 1000;
    return 8 + Math.floor(share * 15_992);
  }

  private acquire(bytes: number): void {
    const address = this.fill(bytes);
    if (address !== 0) this.held.push(address);
  }

  /** Length in the first word, then a pattern; at least 8 bytes. */
  private fill(bytes: number): number {
    const length = Math.max(bytes >> 3, 1) * 2;
    const address = this.arena.acquire(length * 4);
    if (address === 0) {
      this.refused++;
      return 0;
    }
    const start = address * 2;
    for (let at = length - 1; at > 0; at--) this.bytes[start + at] = at ^ address;
    this.bytes[start] = length;
    return address;
  }

  private release(address: number): void {
    const start = address * 2;
    const length = this.bytes[start]!;
    for (let at = 1; at < length; at++) {
      if (this.bytes[start + at] !== (at ^ address)) throw new Error(`block ${address} is corrupt`);
    }
    this.bytes[start] = -1;
    this.arena.release(address);
  }

  private releaseAny(): void {
    const at = this.random.below(this.held.length);
    const address = this.held[at]!;
    this.held[at] = this.held[this.held.length - 1]!;
    this.held.pop();
    this.release(address);
  }

  private exchange(): void {
    const at = this.random.below(this.held.length + 1);
    const mine = this.held[at] ?? 0;
    const got = this.swap(this.random.below(this.slots.length), mine);
    if (mine !== 0) this.held.splice(at, 1);
    if (got !== 0) this.held.push(got);
  }

  /**
   * What goes into a slot belongs to nobody, what comes out to this worker. In between a block is
   * in its hand only, so both are written down first: a death here is not the arena's to repair.
   */
  private swap(slot: number, address: number): number {
    const { hand } = this.task;
    this.control[hand] = address;
    if (address !== 0) this.arena.disown(address);
    for (;;) {
      const got = Atomics.load(this.slots, slot);
      this.control[hand + 1] = got;
      if (Atomics.compareExchange(this.slots, slot, got, address) !== got) continue;
      if (got !== 0) this.arena.adopt(got);
      return got;
    }
  }
}

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<StressTask>): void => {
  try {
    const worker = new StressWorker(data);
    self.postMessage("ready");
    self.postMessage(worker.run());
  } catch (error) {
    self.postMessage({ operations: 0, refused: 0, error: String((error as Error).stack) });
  }
};
