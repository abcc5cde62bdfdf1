// When a silent connection is asked for a sign of life, and when it is given up. Pure policy: it
// holds no time of its own, and says what is due from when the peer was last heard and when it was
// last spoken to. The session arms its timer for nextMs() and acts on next().
//
//   heard             + idleTimeoutMs .......................... evict as idle
//   heard             + intervalMs x misses .................... evict for its heartbeats
//   heard or sent     + intervalMs ............................. send a beat, if we speak
//
// Invariant: what next() names is due exactly when nextMs() has come; data renews a full life.

export const HEARTBEAT_INTERVAL_MS = 30_000;
export const HEARTBEAT_MISSES = 3;

/** Nothing is due yet. */
export const BEAT_WAIT = 0;
/** Send a heartbeat, and call next() again after that. */
export const BEAT_SEND = 1;
/** Close with CLOSE_IDLE. */
export const BEAT_EVICT_IDLE = 2;
/** Close with CLOSE_HEARTBEAT. */
export const BEAT_EVICT_MISSED = 3;

export type BeatAction =
  | typeof BEAT_WAIT
  | typeof BEAT_SEND
  | typeof BEAT_EVICT_IDLE
  | typeof BEAT_EVICT_MISSED;
