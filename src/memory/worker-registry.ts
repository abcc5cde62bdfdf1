// Which worker numbers of an arena are taken. A number names one thread: it is the owner in marks,
// locks and detached spans, so two threads must never share one, and a dead one's number is only
// free again after recovery.

import { MillraceError } from "../core/errors.ts";
import { WORKER_STATE } from "./arena-layout.ts";
import type { SharedMemory } from "./shared-memory.ts";

export const WORKER_FREE = 0;
export const WORKER_LIVE = 1;
export const WORKER_DEAD = 2;

/** Takes a given number, or the first free one. */
export function claimWorker(memory: SharedMemory, worker?: number): number {
  const count = memory.shape.workers;
  if (worker === undefined) {
    for (let id = 0; id < count; id++) if (tryClaim(memory, id)) return id;
    throw new MillraceError("ERR_WORKER", `Cannot attach: all ${count} worker numbers are taken`);
  }
  if (!Number.isInteger(worker) || worker < 0 || worker >= count) {
    throw new RangeError(`Cannot attach as worker ${worker}: the number must be 0..${count - 1}`);
  }
  if (tryClaim(memory, worker)) return worker;
  throw new MillraceError("ERR_WORKER", `Cannot attach as worker ${worker}: the number is taken`);
}

export function releaseWorker(memory: SharedMemory, worker: number): void {
  Atomics.store(memory.words, memory.layout.workerBase[worker]! + WORKER_STATE, WORKER_FREE);
}

export function workerState(memory: SharedMemory, worker: number): number {
  return Atomics.load(memory.words, memory.layout.workerBase[worker]! + WORKER_STATE);
}

export function liveWorkers(memory: SharedMemory): number {
  let live = 0;
  for (let id = 0; id < memory.shape.workers; id++) {
    if (workerState(memory, id) === WORKER_LIVE) live++;
  }
  return live;
}

export function markDead(memory: SharedMemory, worker: number): boolean {
  const at = memory.layout.workerBase[worker]! + WORKER_STATE;
  return Atomics.exchange(memory.words, at, WORKER_DEAD) !== WORKER_FREE;
}

function tryClaim(memory: SharedMemory, id: number): boolean {
  const at = memory.layout.workerBase[id]! + WORKER_STATE;
  return Atomics.compareExchange(memory.words, at, WORKER_FREE, WORKER_LIVE) === WORKER_FREE;
}
