// Reports workers whose event loop has stopped turning: a handler that computes for long, or for
// ever. A message could not tell (it would wait in the same loop), a counter on shared memory can.
// It only reports: what such a worker is doing may be right, and its connections are in its hands.

import type { Clock } from "../core/clock.ts";
import { COUNT_LOOP_BEATS } from "../core/counters.ts";
import type { Log } from "../core/log.ts";
import type { Counts } from "../thread/stats-board.ts";

/** Beats come about once a second. */
export const LOOP_SILENCE_MS = 10_000;

export interface WatchedWorker {
  readonly workerIndex: number;
  readonly row: Counts;
}

interface Watch {
  beats: number;
  sinceMs: number;
  reported: boolean;
}

export class LoopWatchdog {
  private readonly clock: Clock;
  private readonly log: Log;
  private watches = new Map<WatchedWorker, Watch>();

  constructor(clock: Clock, log: Log) {
    this.clock = clock;
    this.log = log;
  }

  /** To be called about once a second with the workers that are ready; it forgets all others. */
  check(workers: readonly WatchedWorker[]): void {
    const nowMs = this.clock.nowMs();
    const watches = new Map<WatchedWorker, Watch>();
    for (const worker of workers) {
      const beats = worker.row[COUNT_LOOP_BEATS]!;
      const watch = this.watches.get(worker) ?? { beats, sinceMs: nowMs, reported: false };
      watches.set(worker, watch);
      if (beats !== watch.beats) this.beat(worker, watch, beats, nowMs);
      else if (!watch.reported) this.silence(worker, watch, nowMs);
    }
    this.watches = watches;
  }

  private beat(worker: WatchedWorker, watch: Watch, beats: number, nowMs: number): void {
    if (watch.reported) {
      const seconds = Math.round((nowMs - watch.sinceMs) / 1000);
      this.log.info(`worker ${worker.workerIndex}: its event loop turns again after ${seconds} s`);
    }
    watch.beats = beats;
    watch.sinceMs = nowMs;
    watch.reported = false;
  }

  private silence(worker: WatchedWorker, watch: Watch, nowMs: number): void {
    // Before the first beat there is nothing to miss: the worker has only just begun.
    if (watch.beats === 0 || nowMs - watch.sinceMs < LOOP_SILENCE_MS) return;
    watch.reported = true;
    const seconds = Math.round((nowMs - watch.sinceMs) / 1000);
    this.log.warn(`worker ${worker.workerIndex}: its event loop has not turned for ${seconds} s`);
  }
}
