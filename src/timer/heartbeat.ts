// When a silent connection is asked for a sign of life, and when it is given up. Pure policy over
// four times that the session keeps (Liveness): it arms its timer for nextMs(), and acts on next().
//   heard + intervalMs x misses      evict: heartbeats missed; any byte is a sign of life
//   active + idleTimeoutMs           evict: idle; heartbeats do not count
//   heard or sent + intervalMs       send a beat, if it is we who speak first
// Invariant: next() is not BEAT_WAIT exactly from nextMs() on. Who speaks first never evicts before
// its own beat has had an interval to be answered, whatever the clock did.

import { HEARTBEAT_INTERVAL_MS, HEARTBEAT_MISSES } from "../core/limits.ts";

const INTERVAL_MS_MAX = 2 ** 31 - 1;
const MISSES_MAX = 1000;

/** Nothing is due yet. */
export const BEAT_WAIT = 0;
/** Send a heartbeat, store its time in beatMs and sentMs, and arm the timer anew. */
export const BEAT_SEND = 1;
/** Close with CLOSE_IDLE. */
export const BEAT_EVICT_IDLE = 2;
/** Close with CLOSE_HEARTBEAT. */
export const BEAT_EVICT_MISSED = 3;

export interface HeartbeatOptions {
  /** Time between two heartbeats, in milliseconds; 0 for none. Default 30_000. */
  intervalMs?: number;
  /** A peer that was silent for so many intervals is closed. Default 3. */
  misses?: number;
  /** A connection without application data for so long is closed; 0 (default) for never. */
  idleTimeoutMs?: number;
  /** "peer" (default): it sends heartbeats and we answer them. "us": we send, it answers. */
  speaksFirst?: "peer" | "us";
}

/** The times of one connection, all of its opening at first. */
export class Liveness {
  /** Bytes of any kind came from the peer. */
  heardMs: number;
  /** Application data came or went. */
  activeMs: number;
  /** Bytes of any kind went to the peer. */
  sentMs: number;
  /** We sent a heartbeat of our own, not an answer to one. */
  beatMs: number;

  constructor(nowMs: number) {
    this.heardMs = nowMs;
    this.activeMs = nowMs;
    this.sentMs = nowMs;
    this.beatMs = nowMs;
  }

  /** The peer could not be heard up to now: its silence begins here. */
  renew(nowMs: number): void {
    this.heardMs = nowMs;
    this.activeMs = nowMs;
  }
}

export class HeartbeatPolicy {
  readonly intervalMs: number;
  readonly misses: number;
  readonly idleTimeoutMs: number;
  /** We send heartbeats ourselves. */
  readonly speaks: boolean;

  /** Throws a RangeError or TypeError that names the option. */
  constructor(options: HeartbeatOptions = {}) {
    const first: unknown = options.speaksFirst ?? "peer";
    if (first !== "peer" && first !== "us") {
      throw new TypeError(`Cannot use heartbeat: speaksFirst must be "peer" or "us"`);
    }
    this.intervalMs = wholeOption("intervalMs", options.intervalMs ?? HEARTBEAT_INTERVAL_MS, 0);
    this.misses = wholeOption("misses", options.misses ?? HEARTBEAT_MISSES, 1, MISSES_MAX);
    this.idleTimeoutMs = wholeOption("idleTimeoutMs", options.idleTimeoutMs ?? 0, 0);
    this.speaks = first === "us" && this.intervalMs > 0;
  }

  /** When next() will say something else than BEAT_WAIT; Infinity for never. */
  nextMs(times: Liveness): number {
    return Math.min(this.missedMs(times), this.idleMs(times), this.beatDueMs(times));
  }

  /** What is due: one of the BEAT_ constants. */
  next(times: Liveness, nowMs: number): number {
    const idleMs = this.idleMs(times);
    const missedMs = this.missedMs(times);
    if (idleMs <= nowMs && idleMs <= missedMs) return BEAT_EVICT_IDLE;
    if (missedMs <= nowMs) return BEAT_EVICT_MISSED;
    return this.beatDueMs(times) <= nowMs ? BEAT_SEND : BEAT_WAIT;
  }

  private idleMs(times: Liveness): number {
    return this.idleTimeoutMs === 0 ? Infinity : times.activeMs + this.idleTimeoutMs;
  }

  private missedMs(times: Liveness): number {
    if (this.intervalMs === 0) return Infinity;
    const silentMs = times.heardMs + this.intervalMs * this.misses;
    if (!this.speaks) return silentMs;
    // After a stall the silence may be ours: the peer has to have been asked.
    if (times.beatMs <= times.heardMs) return Infinity;
    return Math.max(silentMs, times.beatMs + this.intervalMs);
  }

  // Asks when the peer is silent, though we may be sending; and speaks when we have been silent,
  // though it may be sending, because it may be counting our beats as well.
  private beatDueMs(times: Liveness): number {
    if (!this.speaks) return Infinity;
    return Math.min(Math.max(times.heardMs, times.beatMs), times.sentMs) + this.intervalMs;
  }
}

function wholeOption(name: string, value: number, least: number, most = INTERVAL_MS_MAX): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`Cannot use heartbeat ${name} ${value}: it must be ${least}..${most}`);
}
