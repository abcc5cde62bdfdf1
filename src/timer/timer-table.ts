// Timers for applications: started with a payload, named by a handle, any number on one timer of
// the operating system. Owned by one worker; it has a wheel and a driver of its own, because ids of
// the reactor's wheel are connection slots.
//
//   handle = generation x 2^20 + index; the generation of an index grows when its timer ends
//
// Invariant: a handle is live <=> its generation is that of its index and the index is not free,
// so the handle of a timer that has fired or was stopped can never name another one.

import { type Clock, systemClock } from "../core/clock.ts";
import { MillraceError } from "../core/errors.ts";
import { TimerDriver } from "./timer-driver.ts";
import type { TimerHost } from "./timer-host.ts";
import { TimingWheel } from "./timing-wheel.ts";

const INDEX_LIMIT: number = 2 ** 20;
const GENERATION_LIMIT: number = 2 ** 32; // handles stay below 2^52
const TICK_MS = 10;
const CAPACITY_FIRST = 16;
const DELAY_MS_MAX: number = 2 ** 40;

/** Names one timer for ever: it is never used again. */
export type TimerHandle = number;

export interface TimerTableOptions<Payload> {
  /** Called once for each timer that is not stopped before; its handle is stale by then. */
  onExpire: (payload: Payload, handle: TimerHandle, nowMs: number) => void;
  /** How late a timer may be, in whole milliseconds. Default 10. */
  tickMs?: number;
  clock?: Clock;
  /** Default systemTimerHost: timers keep the process alive. */
  host?: TimerHost;
}

/**
 * @example
 * const timers = new TimerTable<Room>({ onExpire: (room) => room.close() });
 * const handle = timers.start(30_000, room);
 * timers.restart(handle, 30_000); // false once it has fired
 */
export class TimerTable<Payload> {
  private readonly clock: Clock;
  private readonly driver: TimerDriver;
  private readonly payloads: (Payload | undefined)[] = [];
  private readonly generations: number[] = [];
  private readonly freeIndexes: number[] = [];
  private isClosed = false;

  constructor(options: TimerTableOptions<Payload>) {
    if (typeof options.onExpire !== "function") {
      throw new TypeError("Cannot use timers: onExpire must be a function");
    }
    const clock = options.clock ?? systemClock;
    const nowMs = clock.nowMs();
    const tickMs = options.tickMs ?? TICK_MS;
    if (!Number.isInteger(tickMs) || tickMs < 1) {
      throw new RangeError(`Cannot use timers with tickMs ${tickMs}: it must be 1 or more, whole`);
    }
    this.clock = clock;
    this.driver = new TimerDriver({
      wheel: new TimingWheel({ capacity: CAPACITY_FIRST, tickMs, nowMs }),
      clock,
      onExpire: (index, firedMs) => {
        const handle = this.handleOf(index);
        options.onExpire(this.release(index), handle, firedMs);
      },
      ...(options.host === undefined ? {} : { host: options.host }),
    });
  }

  /** Timers that run. */
  get size(): number {
    return this.driver.wheel.armedCount;
  }

  /** Fires once `delayMs` have passed, 0 .. 2^40; a RangeError for more, ERR_CLOSED at the end. */
  start(delayMs: number, payload: Payload): TimerHandle {
    if (this.isClosed)
      throw new MillraceError("ERR_CLOSED", "Cannot start a timer: they are closed");
    const deadlineMs = this.deadlineOf(delayMs);
    const index = this.freeIndexes.pop() ?? this.newIndex();
    this.payloads[index] = payload;
    this.driver.schedule(index, deadlineMs);
    return this.handleOf(index);
  }

  /** Gives a timer that runs another delay from now; false if it has fired or was stopped. */
  restart(handle: TimerHandle, delayMs: number): boolean {
    const deadlineMs = this.deadlineOf(delayMs);
    if (!this.has(handle)) return false;
    this.driver.schedule(handle % INDEX_LIMIT, deadlineMs);
    return true;
  }

  /** False if it has fired or was stopped before. */
  stop(handle: TimerHandle): boolean {
    if (!this.has(handle)) return false;
    const index = handle % INDEX_LIMIT;
    this.driver.cancel(index);
    this.release(index);
    return true;
  }

  has(handle: TimerHandle): boolean {
    if (!Number.isSafeInteger(handle) || handle < 0) return false;
    const index = handle % INDEX_LIMIT;
    return this.driver.wheel.isArmed(index) && this.handleOf(index) === handle;
  }

  /** Stops all timers, for good. */
  close(): void {
    this.isClosed = true;
    this.driver.stop();
    for (let index = 0; index < this.generations.length; index++) {
      if (this.driver.wheel.isArmed(index)) this.stop(this.handleOf(index));
    }
  }

  private deadlineOf(delayMs: number): number {
    if (typeof delayMs === "number" && delayMs >= 0 && delayMs <= DELAY_MS_MAX)
      return this.clock.nowMs() + delayMs;
    throw new RangeError(`Cannot start a timer of ${delayMs} ms: it must be 0..${DELAY_MS_MAX}`);
  }

  private newIndex(): number {
    const index = this.generations.length;
    if (index >= INDEX_LIMIT) {
      throw new RangeError(`Cannot start a timer: ${INDEX_LIMIT} of them run already`);
    }
    this.generations.push(0);
    return index;
  }

  private handleOf(index: number): TimerHandle {
    return this.generations[index]! * INDEX_LIMIT + index;
  }

  private release(index: number): Payload {
    const payload = this.payloads[index] as Payload; // it was started with one
    this.payloads[index] = undefined;
    this.generations[index] = (this.generations[index]! + 1) % GENERATION_LIMIT;
    this.freeIndexes.push(index);
    return payload;
  }
}
