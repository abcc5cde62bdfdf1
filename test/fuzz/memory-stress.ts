// Real workers on one arena: content-checked workloads in which every block can move to another
// worker, and workers that are terminated at random moments and recovered. Afterwards the arena
// must be whole and empty.
//
//   bun test/fuzz/memory-stress.ts [operations per worker] [kills] [seed]

import { MIB } from "../../src/core/limits.ts";
import { auditArena } from "../../src/memory/arena-audit.ts";
import { Arena } from "../../src/memory/arena.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { Random } from "../support/random.ts";
import type { StressResult, StressTask, Workload } from "./memory-stress-worker.ts";

export interface StressReport {
  workload: Workload;
  operations: number;
  refused: number;
  /** Blocks that stood in the exchange slots at the end. */
  inSlots: number;
}

export interface KillReport {
  kills: number;
  locksBroken: number;
  cachedBlocks: number;
  ownedBlocks: number;
  detachedSpans: number;
  /**
   * Blocks that a worker had disowned and not put into a slot yet, or taken from a slot and not yet
   * adopted: nobody's by contract. Each was written down by its worker, and no other is left.
   */
  inHand: number;
  survivorOperations: number;
}

const SLOTS = 1000;
const HANDS_AT = 8; // in the control words, two a worker
const WORKERS = 2;
const DEATH_TIMEOUT_MS = 10_000;

export async function stress(
  workload: Workload,
  operations: number,
  seed: number,
): Promise<StressReport> {
  const world = new World(64 * MIB);
  const runs = Array.from({ length: WORKERS }, (_, index) =>
    world.start(workload, index + 1, operations, seed + index),
  );
  const results = await Promise.all(runs.map(({ result }) => result));
  const inSlots = world.emptySlots();
  world.verifyEmpty();
  const sum = (of: (result: StressResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  return {
    workload,
    operations: sum((result) => result.operations),
    refused: sum((result) => result.refused),
    inSlots,
  };
}

/** Terminates one of two workers again and again, recovers it, and counts what is left. */
export async function killAtRandom(kills: number, seed: number): Promise<KillReport> {
  const world = new World(32 * MIB);
  const random = new Random(seed);
  const survivor = world.start("mstress", 2, 0, seed);
  await survivor.ready;
  const total: KillReport = {
    kills: 0,
    locksBroken: 0,
    cachedBlocks: 0,
    ownedBlocks: 0,
    detachedSpans: 0,
    inHand: 0,
    survivorOperations: 0,
  };
  const hands = new Set<number>();
  for (let kill = 0; kill < kills; kill++) {
    const workload = random.pick<Workload>(["mstress", "rptest", "larson"]);
    const victim = world.start(workload, 1, 0, seed + kill);
    await victim.ready;
    await world.untilProgress(1, random.below(2_000));
    await victim.kill();
    for (const address of world.hands(1)) hands.add(address);
    const { locks, cachedBlocks, ownedBlocks, detachedSpans } = world.arena.recover(1);
    total.kills++;
    total.locksBroken += locks;
    total.cachedBlocks += cachedBlocks;
    total.ownedBlocks += ownedBlocks;
    total.detachedSpans += detachedSpans;
  }
  world.stop();
  total.survivorOperations = (await survivor.result).operations;
  world.emptySlots();
  total.inHand = world.releaseAll(hands);
  world.verifyEmpty();
  return total;
}

interface Run {
  ready: Promise<void>;
  result: Promise<StressResult>;
  kill: () => Promise<void>;
}

class World {
  readonly arena: Arena;
  private readonly slots = new SharedArrayBuffer(SLOTS * 4);
  private readonly control = new SharedArrayBuffer(64);

  constructor(bytesMax: number) {
    this.arena = Arena.create({ bytesMax, workers: WORKERS + 1 });
  }

  start(workload: Workload, worker: number, operations: number, seed: number): Run {
    const { slots, control } = this;
    const { handle } = this.arena;
    const thread = new Worker(new URL("./memory-stress-worker.ts", import.meta.url).href);
    const ready = Promise.withResolvers<void>();
    const result = Promise.withResolvers<StressResult>();
    result.promise.catch(() => {}); // a killed worker has no result
    thread.onmessage = ({ data }: MessageEvent<"ready" | StressResult>): void => {
      if (data === "ready") ready.resolve();
      else if (data.error !== undefined) fail(new Error(data.error));
      else {
        result.resolve(data);
        thread.terminate(); // it has detached; an open message port would keep it alive
      }
    };
    const fail = (error: Error): void => {
      ready.reject(error);
      result.reject(error);
    };
    thread.onerror = ({ message }): void => fail(new Error(message));
    const hand = HANDS_AT + worker * 2;
    const task: StressTask = { handle, worker, workload, seed, operations, slots, control, hand };
    thread.postMessage(task);
    return { ready: ready.promise, result: result.promise, kill: () => terminated(thread) };
  }

  /** Waits until a worker has done so many operations since its start. */
  async untilProgress(worker: number, operations: number): Promise<void> {
    const counts = new Int32Array(this.control);
    const before = counts[1 + worker]!;
    while (counts[1 + worker]! === before) await Bun.sleep(0);
    for (let turn = 0; turn < operations; turn += 500) await Bun.sleep(0);
  }

  stop(): void {
    Atomics.store(new Int32Array(this.control), 0, 1);
  }

  emptySlots(): number {
    const slots = new Int32Array(this.slots);
    let found = 0;
    for (let index = 0; index < SLOTS; index++) {
      const address = Atomics.exchange(slots, index, 0);
      if (address === 0) continue;
      this.arena.release(address);
      found++;
    }
    return found;
  }

  /** The blocks of a worker's last exchange. */
  hands(worker: number): Int32Array {
    return new Int32Array(this.control).slice(HANDS_AT + worker * 2, HANDS_AT + worker * 2 + 2);
  }

  releaseAll(addresses: Iterable<number>): number {
    let count = 0;
    for (const address of addresses) {
      if (!this.arena.isLive(address)) continue;
      this.arena.release(address);
      count++;
    }
    return count;
  }

  verifyEmpty(): void {
    this.arena.trim();
    auditArena(new SharedMemory(this.arena.handle));
    const { liveBytes, committedBytes } = this.arena.stats();
    if (liveBytes !== 0) throw new Error(`${liveBytes} bytes were lost`);
    if (committedBytes !== 0) throw new Error(`${committedBytes} bytes were not given back`);
  }
}

async function terminated(thread: Worker): Promise<void> {
  const closed = Promise.withResolvers<void>();
  thread.addEventListener("close", () => closed.resolve());
  const timer = setTimeout(() => closed.reject(new Error("no close event")), DEATH_TIMEOUT_MS);
  thread.terminate();
  await closed.promise;
  clearTimeout(timer);
}

if (import.meta.main) {
  const operations = Number(process.argv[2] ?? 300_000);
  const kills = Number(process.argv[3] ?? 200);
  const seed = Number(process.argv[4] ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}`);
  for (const workload of ["mstress", "xmalloc", "larson", "rptest"] as const) {
    const scaled = workload === "rptest" ? Math.ceil(operations / 100) : operations;
    console.log(JSON.stringify(await stress(workload, scaled, seed)));
  }
  if (kills > 0) console.log(JSON.stringify(await killAtRandom(kills, seed)));
}
