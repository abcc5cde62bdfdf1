// How many bytes a worker's cache may hold. All workers share one sum; a worker takes from what is
// left of it in steps of 64 KiB, and when nothing is left, from another worker. The victim is not
// touched: only its number falls, and it notices on its next slow path or tick.
//
// Invariant: the budgets of all workers add up to no more than the sum. What is left is not stored
// but computed, so that a death between two stores cannot lose any of it.

import { KIB, MIB } from "../core/limits.ts";
import { PAGE_BYTES } from "./address.ts";
import {
  HEADER_STEAL_FROM,
  WORKER_BUDGET,
  WORKER_CLAIMED,
  type ArenaShape,
} from "./arena-layout.ts";
import type { SharedMemory } from "./shared-memory.ts";

const STEP_BYTES: number = 64 * KIB;
const KEEP_BYTES: number = 128 * KIB; // nobody is robbed below this
const VICTIMS_MAX = 10;
const SHARE_OF_LIMIT = 16; // all caches together: this part of the limit
const OVERALL_BYTES_MAX: number = 64 * MIB;

export function overallBudgetBytes(shape: ArenaShape): number {
  return Math.min(Math.floor((shape.pagesMax * PAGE_BYTES) / SHARE_OF_LIMIT), OVERALL_BYTES_MAX);
}

export class CacheBudget {
  private readonly words: Int32Array;
  private readonly bases: Int32Array;
  private readonly worker: number;
  private readonly base: number;
  private readonly overallBytes: number;

  constructor(memory: SharedMemory, worker: number) {
    this.words = memory.words;
    this.bases = memory.layout.workerBase;
    this.worker = worker;
    this.base = this.bases[worker]!;
    this.overallBytes = overallBudgetBytes(memory.shape);
  }

  /** Reserves room for so many cached bytes; false when neither the rest nor a victim has them. */
  claim(bytes: number): boolean {
    const claimed = this.words[this.base + WORKER_CLAIMED]! + bytes;
    while (claimed > Atomics.load(this.words, this.base + WORKER_BUDGET)) {
      const wanted = Math.max(STEP_BYTES, bytes);
      if (!this.takeFree(wanted) && !this.steal(wanted)) return false;
    }
    this.words[this.base + WORKER_CLAIMED] = claimed;
    return true;
  }

  unclaim(bytes: number): void {
    this.words[this.base + WORKER_CLAIMED]! -= bytes;
  }

  /** Whether somebody took what this worker had claimed. */
  get isOverdrawn(): boolean {
    return (
      this.words[this.base + WORKER_CLAIMED]! > Atomics.load(this.words, this.base + WORKER_BUDGET)
    );
  }

  /** Gives the whole budget back: the worker leaves, or died. */
  surrender(): void {
    this.words[this.base + WORKER_CLAIMED] = 0;
    Atomics.store(this.words, this.base + WORKER_BUDGET, 0);
  }

  /** Adds first and looks afterwards, so that of several takers none gets what is not there. */
  private takeFree(bytes: number): boolean {
    Atomics.add(this.words, this.base + WORKER_BUDGET, bytes);
    let total = 0;
    for (const base of this.bases) total += Atomics.load(this.words, base + WORKER_BUDGET);
    if (total <= this.overallBytes) return true;
    Atomics.sub(this.words, this.base + WORKER_BUDGET, bytes);
    return false;
  }

  private steal(bytes: number): boolean {
    const count = this.bases.length;
    const tries = Math.min(VICTIMS_MAX, count);
    for (let index = 0; index < tries; index++) {
      const victim = (Atomics.add(this.words, HEADER_STEAL_FROM, 1) >>> 0) % count;
      if (victim === this.worker) continue;
      if (!this.takeFrom(this.bases[victim]! + WORKER_BUDGET, bytes, KEEP_BYTES)) continue;
      Atomics.add(this.words, this.base + WORKER_BUDGET, bytes);
      return true;
    }
    return false;
  }

  private takeFrom(at: number, bytes: number, keep: number): boolean {
    for (;;) {
      const has = Atomics.load(this.words, at);
      if (has - bytes < keep) return false;
      if (Atomics.compareExchange(this.words, at, has, has - bytes) === has) return true;
    }
  }
}
