// Sends on schedule. Sleeps until the next planned request is due, hands all that are due to idle
// clients, and leaves the rest to clients that become idle: a request that waits for a connection
// keeps its planned time, and that is what its latency counts from. So a server that stalls cannot
// slow the schedule down, and every request that it made wait is in the figures.
//
// Timers of the runtime are whole milliseconds; Atomics.waitAsync keeps to 0.1 ms, and costs one
// promise a sleep. What is slept too long is measured: `lateness` is the generator's own.

import type { ArrivalPlan } from "./arrival-plan.ts";
import type { Client } from "./client.ts";
import type { ClientQueue } from "./client-queue.ts";
import type { LatencyBuckets } from "./latency-buckets.ts";

const SLEEP_MS_MIN = 0.1;
const SLEEP_MS_MAX = 100; // so that a plan without further arrivals ends

export interface PacerOptions {
  readonly arrivals: ArrivalPlan;
  readonly idle: ClientQueue;
  /** How late a request was sent although a client was idle. */
  readonly lateness: LatencyBuckets;
  /** Whether one more request may be issued; it is issued if so. */
  readonly take: () => boolean;
}

export class Pacer {
  private readonly options: PacerOptions;
  private readonly word: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  private startMs = 0;
  private running = false;
  private readonly onWake: () => void = () => this.wake();

  constructor(options: PacerOptions) {
    this.options = options;
  }

  start(startMs: number): void {
    this.startMs = startMs;
    this.running = true;
    this.wake();
  }

  stop(): void {
    this.running = false;
    Atomics.notify(this.word, 0);
  }

  /** Sends what is due on a client that has just become idle, or puts it into the queue. */
  serve(client: Client, nowMs: number): void {
    while (client.isReady && this.isDue(nowMs) && this.issue(client, nowMs)) continue;
    if (client.isReady) this.options.idle.push(client);
  }

  /** Planned requests that were due by `nowMs` and found no client; uses them up. */
  countOverdue(nowMs: number): number {
    return this.options.arrivals.skipTo(nowMs - this.startMs);
  }

  private isDue(nowMs: number): boolean {
    return this.running && this.startMs + this.options.arrivals.nextMs <= nowMs;
  }

  private issue(client: Client, nowMs: number): boolean {
    if (!this.options.take()) return false;
    const { arrivals } = this.options;
    const plannedMs = this.startMs + arrivals.nextMs;
    arrivals.advance();
    client.issue(1, plannedMs, nowMs);
    return true;
  }

  private wake(): void {
    if (!this.running) return;
    const { idle, lateness, arrivals } = this.options;
    let nowMs = performance.now();
    while (this.isDue(nowMs)) {
      const client = idle.take();
      if (client === null) break;
      if (!client.isReady) continue;
      lateness.record(nowMs - this.startMs - arrivals.nextMs);
      if (!this.issue(client, nowMs)) return;
      if (client.isReady) idle.push(client);
      nowMs = performance.now();
    }
    this.sleep(this.startMs + arrivals.nextMs - nowMs);
  }

  // When all clients are busy the next answer sends what is due, not a timer.
  private sleep(untilDueMs: number): void {
    const isBlocked = this.options.idle.length === 0;
    const least = isBlocked ? 1 : SLEEP_MS_MIN;
    const timeoutMs = Math.min(Math.max(untilDueMs, least), SLEEP_MS_MAX);
    const sleep = Atomics.waitAsync(this.word, 0, 0, timeoutMs);
    if (sleep.async) void sleep.value.then(this.onWake);
    else queueMicrotask(this.onWake);
  }
}
