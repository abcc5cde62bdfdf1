// So many lines of one kind in a window and no more: what peers can bring about as often as they
// like must not fill the log, nor slow down who writes it. What is left out is counted, and told
// when the window ends.
//
// Invariant: a line for each, or it is in `leftOut` until that number is told.

import { LINE_WINDOW_MS, LINES_PER_WINDOW_MAX } from "./limits.ts";
import type { Log } from "./log.ts";

export class LineBudget {
  private readonly log: Log;
  private readonly what: string;
  private lines = 0;
  private leftOut = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** `what` they are, in the plural: "5 more <what> were left out". */
  constructor(log: Log, what: string) {
    this.log = log;
    this.what = what;
  }

  /** Whether the next one may have a line; if not it is counted. */
  admit(): boolean {
    if (this.timer === null) {
      this.timer = setTimeout(() => this.endWindow(), LINE_WINDOW_MS);
      this.timer.unref();
    }
    if (this.lines < LINES_PER_WINDOW_MAX) {
      this.lines++;
      return true;
    }
    this.leftOut++;
    return false;
  }

  /** Also at the end of the worker. */
  endWindow(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.leftOut > 0) this.log.warn(`${this.leftOut} more ${this.what} were left out`);
    this.lines = 0;
    this.leftOut = 0;
  }
}
