// What handlers throw, in the log: text and place, never for the peer. A peer may know how to make
// a handler throw, and do so as often as it likes.

import { framesOf, messageOf } from "../core/errors.ts";
import { LineBudget } from "../core/line-budget.ts";
import type { Log } from "../core/log.ts";

export class FailureLog {
  private readonly log: Log;
  private readonly budget: LineBudget;

  constructor(log: Log) {
    this.log = log;
    this.budget = new LineBudget(log, "failures of handlers");
  }

  /** `about` stands behind the message, for example which request it was. */
  tell(error: unknown, about: string = ""): void {
    if (!this.budget.admit()) return;
    this.log.error(`a handler failed: ${messageOf(error)}${about}`);
    for (const frame of framesOf(error)) this.log.error(`  ${frame}`);
  }

  /** No more are told. */
  close(): void {
    this.budget.endWindow();
  }
}
