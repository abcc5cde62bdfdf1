// Whether and when a worker that ended is replaced. Pure policy: no timer, no thread; the clock is
// a parameter. One for all slots, since what ends the server is that NO worker can start:
//
//   it was ready, and lived long  -> again at once, the back-off forgotten
//   it was ready, and died young  -> again after the back-off, which doubles
//   it never became ready         -> the same, never at once; START_ATTEMPTS_MAX times in a row ->
//                                    give up, unless the server was complete and others serve

import { assert } from "../core/assert.ts";
import type { Clock } from "../core/clock.ts";
import {
  RESPAWN_BACKOFF_MAX_MS,
  RESPAWN_BACKOFF_MIN_MS,
  RESPAWN_STABLE_MS,
  START_ATTEMPTS_MAX,
} from "../core/limits.ts";

/**
 * Connections wait in the kernel's queue of a dead worker's socket, so one that can start but dies
 * again and again is kept from them for a second at most: spawning costs some 30 ms a time.
 */
export const DEATH_BACKOFF_MAX_MS = 1_000;

export type Verdict =
  | { readonly kind: "respawn"; readonly delayMs: number }
  | { readonly kind: "give-up"; readonly attempts: number };

interface SlotRecord {
  /** NaN while no worker of the slot is ready. */
  readyAtMs: number;
  backoffMs: number;
  failuresInARow: number;
}

export class Supervisor {
  private readonly clock: Clock;
  private readonly slots: SlotRecord[];
  private everComplete = false;

  constructor(clock: Clock, slotCount: number) {
    this.clock = clock;
    this.slots = Array.from({ length: slotCount }, () => ({
      readyAtMs: Number.NaN,
      backoffMs: 0,
      failuresInARow: 0,
    }));
  }

  /** Slots that have a ready worker. */
  get readyCount(): number {
    return this.slots.filter((slot) => isReady(slot)).length;
  }

  /** A worker of the slot is ready: the first, a replacement, or a reloaded one. */
  becameReady(index: number): void {
    const slot = this.slot(index);
    slot.readyAtMs = this.clock.nowMs();
    slot.failuresInARow = 0;
    this.everComplete ||= this.readyCount === this.slots.length;
  }

  /** The serving worker of the slot ended although nobody asked it to. */
  died(index: number): Verdict {
    const slot = this.slot(index);
    assert(isReady(slot), "only a worker that was ready can die; others fail to start");
    const livedMs = this.clock.nowMs() - slot.readyAtMs;
    slot.readyAtMs = Number.NaN;
    if (livedMs >= RESPAWN_STABLE_MS) slot.backoffMs = 0;
    return this.respawn(slot, DEATH_BACKOFF_MAX_MS);
  }

  /** A worker of a slot that nobody serves ended, or was given up, before it was ready. */
  failedToStart(index: number): Verdict {
    const slot = this.slot(index);
    assert(!isReady(slot), "a failed reload leaves the old worker in place");
    slot.failuresInARow += 1;
    const alone = !this.everComplete || this.readyCount === 0;
    if (alone && slot.failuresInARow >= START_ATTEMPTS_MAX) {
      return { kind: "give-up", attempts: slot.failuresInARow };
    }
    slot.backoffMs = Math.max(slot.backoffMs, RESPAWN_BACKOFF_MIN_MS);
    return this.respawn(slot, RESPAWN_BACKOFF_MAX_MS);
  }

  private respawn(slot: SlotRecord, mostMs: number): Verdict {
    const delayMs = Math.min(slot.backoffMs, mostMs);
    const doubled = Math.max(RESPAWN_BACKOFF_MIN_MS, delayMs * 2);
    slot.backoffMs = Math.min(doubled, mostMs);
    return { kind: "respawn", delayMs };
  }

  private slot(index: number): SlotRecord {
    const slot = this.slots[index];
    assert(slot !== undefined, "the slot exists");
    return slot;
  }
}

function isReady(slot: SlotRecord): boolean {
  return !Number.isNaN(slot.readyAtMs);
}
