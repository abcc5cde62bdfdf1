// Warnings about slow requests. When all of them are slow, the log must not become what slows them.

import { LineBudget } from "../core/line-budget.ts";
import type { Log } from "../core/log.ts";

export class SlowRequests {
  readonly thresholdMs: number;
  readonly budget: LineBudget;
  private readonly log: Log;

  constructor(thresholdMs: number, log: Log) {
    this.thresholdMs = thresholdMs;
    this.budget = new LineBudget(log, "slow requests");
    this.log = log;
  }

  tell(what: string, waitedMs: number, outcome: string, id: string): void {
    const seconds = (waitedMs / 1000).toFixed(3);
    this.log.warn(`slow request: ${what} ${outcome} after ${seconds} s (request ${id})`);
  }
}
