// Drives a timing wheel with the one operating-system timer of a worker: asleep until the next
// occupied slot, and not set at all while nothing is armed. Owned by the worker's reactor.
//   asleep --timer--> reading: turns of the loop --> expiring --nothing due--> asleep
//                                                     | ^ turnMs spent: one turn of the loop
//                                                     +-+
// The turns before the first expiry, one or after a stall several, read the sockets: data which
// waited in the kernel renews its connection before that one could be evicted.
// Invariant: while asleep, no armed deadline has a tick before the wake-up.

import type { Clock } from "../core/clock.ts";
import { systemTimerHost, type TimerHost } from "./timer-host.ts";
import type { TimingWheel } from "./timing-wheel.ts";

const DELAY_MS_MAX = 2 ** 31 - 1; // setTimeout fires at once when it is given more
const STALL_MS = 10;
const EVENTS_PER_POLL = 1024; // cautious: one turn of Bun was seen to read 3000 ready sockets
const TURN_MS = 2;
const EXPIRIES_PER_CLOCK_READ = 16;
const VISITS_PER_EXPIRY = 256; // entries to file anew: 4096 between two clock reads, some 0.2 ms

export interface TimerDriverOptions {
  wheel: TimingWheel;
  clock: Clock;
  /** The timer is disarmed by now; any timer may be armed or cancelled in here. */
  onExpire: (id: number, nowMs: number) => void;
  /** Default systemTimerHost; see also unrefTimerHost. */
  host?: TimerHost;
  /** Expiries block the event loop for about so long before it gets a turn. Default 2. */
  turnMs?: number;
  /** A wake-up this late is a stall: all sockets are read before anything expires. Default 10. */
  stallMs?: number;
}

export class TimerDriver {
  readonly wheel: TimingWheel;
  /** Times the operating system's timer fired. */
  wakeCount = 0;
  /** Times it fired late, by stallMs or more. */
  stallCount = 0;
  private readonly clock: Clock;
  private readonly onExpire: (id: number, nowMs: number) => void;
  private readonly host: TimerHost;
  private readonly turnMs: number;
  private readonly stallMs: number;
  // One id at a time, so that what one callback cancels cannot have been taken out already.
  private readonly expired: Int32Array = new Int32Array(1);
  private readonly onTimer: () => void = () => this.wake();
  private readonly onTurn: () => void = () => this.turn();
  private stopped = false;
  private awake = false; // between the timer and the end of the expiries it brought
  private timer: unknown = null;
  private wakeMs = Infinity; // what the timer is set for; Infinity when it is not set
  private calmAfterMs = Infinity; // a deadline after this one needs no earlier wake-up
  private turnsLeft = 0;

  constructor(options: TimerDriverOptions) {
    this.wheel = options.wheel;
    this.clock = options.clock;
    this.onExpire = options.onExpire;
    this.host = options.host ?? systemTimerHost;
    this.turnMs = options.turnMs ?? TURN_MS;
    this.stallMs = options.stallMs ?? STALL_MS;
  }

  /** Arms or re-arms a timer; `deadlineMs` is a time of the clock. */
  schedule(id: number, deadlineMs: number): void {
    if (deadlineMs <= this.calmAfterMs) return this.scheduleSooner(id, deadlineMs);
    this.wheel.schedule(id, deadlineMs);
  }

  cancel(id: number): void {
    this.wheel.cancel(id);
    if (this.wheel.armedCount === 0 && !this.awake) this.sleep();
  }

  /** No timer fires any more. */
  stop(): void {
    this.stopped = true;
    this.setTimer(Infinity);
    this.calmAfterMs = -Infinity;
  }

  private scheduleSooner(id: number, deadlineMs: number): void {
    this.wheel.advance(this.clock.nowMs());
    this.wheel.schedule(id, deadlineMs);
    this.sleep();
  }

  private sleep(): void {
    if (this.stopped) return;
    this.awake = false;
    this.setTimer(this.wheel.nextWakeMs());
    this.calmAfterMs = this.wakeMs - this.wheel.tickMs;
  }

  private setTimer(wakeMs: number): void {
    if (wakeMs === this.wakeMs) return;
    if (this.timer !== null) this.host.clearTimer(this.timer);
    this.timer = null;
    this.wakeMs = wakeMs;
    if (wakeMs === Infinity) return;
    const delayMs = Math.max(0, Math.ceil(wakeMs - this.clock.nowMs()));
    this.timer = this.host.setTimer(this.onTimer, Math.min(delayMs, DELAY_MS_MAX));
  }

  private wake(): void {
    const lateMs = this.clock.nowMs() - this.wakeMs;
    this.timer = null;
    this.wakeMs = Infinity;
    this.wakeCount++;
    if (lateMs < 0) return this.sleep(); // rounded down by the runtime, or beyond DELAY_MS_MAX
    this.awake = true;
    this.calmAfterMs = -Infinity;
    this.turnsLeft = 1;
    if (lateMs >= this.stallMs) {
      this.stallCount++;
      this.turnsLeft += Math.ceil(this.wheel.armedCount / EVENTS_PER_POLL);
    }
    this.host.nextTurn(this.onTurn);
  }

  private turn(): void {
    if (this.stopped) return;
    if (--this.turnsLeft > 0) return this.host.nextTurn(this.onTurn);
    let more = true;
    try {
      more = this.expireForOneTurn();
    } finally {
      // An error of the callback is its caller's affair; the other timers still have to fire.
      if (more) this.takeTurn();
      else this.sleep();
    }
  }

  private takeTurn(): void {
    this.turnsLeft = 1;
    this.host.nextTurn(this.onTurn);
  }

  /** Whether the turn was over before the timers were. */
  private expireForOneTurn(): boolean {
    const { wheel, expired, clock } = this;
    const startMs = clock.nowMs();
    let nowMs = startMs;
    do {
      for (let count = 0; count < EXPIRIES_PER_CLOCK_READ; count++) {
        if (wheel.expire(nowMs, expired, 1, VISITS_PER_EXPIRY) === 0) {
          if (!wheel.isBehind) return false;
          break;
        }
        this.onExpire(expired[0]!, nowMs);
        if (this.stopped) return false;
      }
      nowMs = clock.nowMs();
    } while (nowMs - startMs < this.turnMs);
    return true;
  }
}
