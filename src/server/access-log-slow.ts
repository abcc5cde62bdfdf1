// Warnings about slow requests, so many in a window and no more: when all of them are slow, the log
// must not become what slows them. What is left out is counted, and told when the window ends.
//
// Invariant: a line for each slow request, or it is in `leftOut` until that number is told.

import type { Log } from "../core/log.ts";
import { SLOW_REQUEST_LINES_MAX, SLOW_REQUEST_WINDOW_MS } from "../core/limits.ts";

export class SlowRequests {
  readonly thresholdMs: number;
  private readonly log: Log;
  private lines = 0;
  private leftOut = 0;
  private windowTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(thresholdMs: number, log: Log) {
    this.thresholdMs = thresholdMs;
    this.log = log;
  }

  /** Whether the next one may have a line; if not it is counted. */
  admit(): boolean {
    if (this.windowTimer === null) {
      this.windowTimer = setTimeout(() => this.endWindow(), SLOW_REQUEST_WINDOW_MS);
      this.windowTimer.unref();
    }
    if (this.lines < SLOW_REQUEST_LINES_MAX) {
      this.lines++;
      return true;
    }
    this.leftOut++;
    return false;
  }

  tell(what: string, waitedMs: number, outcome: string, id: string): void {
    const seconds = (waitedMs / 1000).toFixed(3);
    this.log.warn(`slow request: ${what} ${outcome} after ${seconds} s (request ${id})`);
  }

  /** Also at the end of the worker. */
  endWindow(): void {
    if (this.windowTimer !== null) clearTimeout(this.windowTimer);
    this.windowTimer = null;
    if (this.leftOut > 0) this.log.warn(`${this.leftOut} more slow requests were left out`);
    this.lines = 0;
    this.leftOut = 0;
  }
}
