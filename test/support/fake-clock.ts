// A clock that stands still until a test moves it, and the event loop that goes with it: timers,
// and turns in which sockets would be read. `advance` lives through the time, `set` only changes
// it, like a loop that was blocked or a machine that slept; what came due meanwhile runs with the
// next advance.

import type { Clock } from "../../src/core/clock.ts";
import type { TimerHost } from "../../src/timer/timer-host.ts";

interface FakeTimer {
  dueMs: number;
  callback: () => void;
}

const TURNS_MAX = 1_000_000; // a loop that turns so often without time passing is a livelock

export class FakeClock implements Clock {
  /** Called after each advance: what sockets still owe. */
  readonly afterAdvance: (() => void)[] = [];
  /** Give this to whatever wants timers. */
  readonly timers: TimerHost;
  /** Timers that fired, and turns that were asked for. */
  firedCount = 0;
  turnCount = 0;
  /** The sockets of this world: called before the callbacks of each turn. */
  onPoll: () => void = () => {};
  private now: number;
  private waiting: FakeTimer[] = [];
  private turns: (() => void)[] = [];

  constructor(nowMs = 1000) {
    this.now = nowMs;
    this.timers = {
      setTimer: (callback, delayMs) => this.setTimer(callback, delayMs),
      clearTimer: (handle) => void (this.waiting = this.waiting.filter((it) => it !== handle)),
      nextTurn: (callback) => void this.turns.push(callback),
    };
  }

  nowMs(): number {
    return this.now;
  }

  /** Timers that are set. */
  get timerCount(): number {
    return this.waiting.length;
  }

  /** When the earliest timer fires; Infinity without one. */
  get nextTimerMs(): number {
    return Math.min(Infinity, ...this.waiting.map((timer) => timer.dueMs));
  }

  /** Lets time pass: timers fire at their times, and the loop turns until it has nothing to do. */
  advance(ms: number): void {
    const endMs = this.now + ms;
    this.runTurns();
    while (this.nextTimerMs <= endMs) {
      this.now = Math.max(this.now, this.nextTimerMs);
      this.fireDue();
      this.runTurns();
    }
    this.now = Math.max(this.now, endMs);
    for (const settle of this.afterAdvance) settle();
  }

  /** Changes the time and nothing else. */
  set(nowMs: number): void {
    this.now = nowMs;
  }

  /** One turn of the loop: reads the sockets, then runs what was asked for before it. */
  turn(): void {
    const callbacks = this.turns;
    this.turns = [];
    this.turnCount++;
    this.onPoll();
    for (const callback of callbacks) callback();
  }

  private setTimer(callback: () => void, delayMs: number): FakeTimer {
    if (!Number.isInteger(delayMs) || delayMs < 0 || delayMs > 2 ** 31 - 1) {
      throw new RangeError(`Cannot set a timer of ${delayMs} ms: it would fire at once`);
    }
    const timer = { dueMs: this.now + delayMs, callback };
    this.waiting.push(timer);
    return timer;
  }

  private fireDue(): void {
    const due = this.waiting.filter((timer) => timer.dueMs <= this.now);
    this.waiting = this.waiting.filter((timer) => timer.dueMs > this.now);
    due.sort((left, right) => left.dueMs - right.dueMs);
    for (const timer of due) {
      this.firedCount++;
      timer.callback();
    }
  }

  private runTurns(): void {
    for (let count = 0; this.turns.length > 0; count++) {
      if (count > TURNS_MAX) throw new Error("the loop turns for ever");
      this.turn();
    }
  }
}
