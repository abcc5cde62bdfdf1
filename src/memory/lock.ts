// A mutual exclusion lock in one shared word. The word names its owner, so that the lock of a dead
// worker can be recognised, and waiting is bounded, because it may happen on an event loop.
//
//   0 free | owner + 1 held | owner + 1 | LOCK_CONTENDED held, and somebody sleeps on it
//
// Waiting: a short spin, then sleeps of a millisecond. After LOCK_WAITS_MAX of them the attempt is
// given up; the caller then does without (a request is refused, a block stays in its cache).

export const LOCK_CONTENDED = 0x4000_0000;
const LOCK_SPINS_MAX = 64;
const LOCK_WAIT_MS = 1;
const LOCK_WAITS_MAX = 100;

/** Takes the lock as `holder` (worker + 1). False when it could not be had in about 100 ms. */
export function lock(words: Int32Array, at: number, holder: number): boolean {
  if (Atomics.compareExchange(words, at, 0, holder) === 0) return true;
  return lockContended(words, at, holder);
}

export function unlock(words: Int32Array, at: number): void {
  const held = Atomics.exchange(words, at, 0);
  if ((held & LOCK_CONTENDED) !== 0) Atomics.notify(words, at, 1);
}

/** The worker that holds the lock, -1 for nobody. */
export function lockHolder(words: Int32Array, at: number): number {
  return (Atomics.load(words, at) & ~LOCK_CONTENDED) - 1;
}

/** Passes the lock of a dead worker to `holder`. False when the dead one did not hold it. */
export function inheritLock(words: Int32Array, at: number, dead: number, holder: number): boolean {
  for (;;) {
    const held = Atomics.load(words, at);
    if ((held & ~LOCK_CONTENDED) !== dead) return false;
    if (Atomics.compareExchange(words, at, held, holder | LOCK_CONTENDED) === held) return true;
  }
}

function lockContended(words: Int32Array, at: number, holder: number): boolean {
  for (let spin = 0; spin < LOCK_SPINS_MAX; spin++) {
    Atomics.pause();
    if (Atomics.load(words, at) !== 0) continue;
    if (Atomics.compareExchange(words, at, 0, holder) === 0) return true;
  }
  for (let wait = 0; wait < LOCK_WAITS_MAX; wait++) {
    const held = Atomics.load(words, at);
    if (held === 0) {
      // Others may still sleep: whoever comes out of a sleep keeps the flag up for them.
      if (Atomics.compareExchange(words, at, 0, holder | LOCK_CONTENDED) === 0) return true;
      continue;
    }
    const flagged = held | LOCK_CONTENDED;
    if (held !== flagged && Atomics.compareExchange(words, at, held, flagged) !== held) continue;
    Atomics.wait(words, at, flagged, LOCK_WAIT_MS);
  }
  return false;
}
