// The arena that the io_bufs of all workers come from. The master reserves it and gives each life
// of a worker a number in it. When the life has ended, however it ended, the master takes back what
// it had (its blocks, its cache, a lock it held), and the number can be given again.
//
// Invariant: a number is out to one life at a time, and 0 is the master's own.

import { assert } from "../core/assert.ts";
import { MillraceError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import { Arena } from "../memory/arena.ts";
import type { ArenaStats } from "../memory/arena-stats.ts";
import { ARENA_WORKERS_MAX } from "../memory/block-marks.ts";
import type { ArenaHandle } from "../memory/shared-memory.ts";

/** Lives of one slot at the same time: one that serves and two that drain. */
const LIVES_PER_SLOT = 3;

export interface ArenaGrant {
  readonly handle: ArenaHandle;
  readonly worker: number;
}

interface Death {
  readonly grant: ArenaGrant;
  readonly clean: boolean;
}

export class SharedArena {
  private readonly arena: Arena;
  private readonly log: Log;
  private readonly free: number[];
  /** Lives that have ended and are not recovered yet. */
  private dead: Death[] = [];
  private out = 0;
  private closing = false;
  private unmapped = false;

  /** Throws MillraceError. */
  constructor(bytesMax: number, slotCount: number, log: Log) {
    const workers = Math.min(slotCount * LIVES_PER_SLOT + 1, ARENA_WORKERS_MAX);
    this.arena = reserve(bytesMax, workers);
    this.log = log;
    this.free = Array.from({ length: workers - 1 }, (_, index) => workers - 1 - index);
  }

  /** Null when too many lives are still ending: this one does without, from memory of its own. */
  grant(): ArenaGrant | null {
    const worker = this.closing ? undefined : this.free.pop();
    if (worker === undefined) return null;
    this.out++;
    return { handle: this.arena.handle, worker };
  }

  /** The thread that had the grant has ended: never before, or it would go on writing. */
  ended(grant: ArenaGrant, clean: boolean): void {
    assert(!this.free.includes(grant.worker), "a number of the arena was given back twice");
    this.dead.push({ grant, clean });
    this.recoverDead();
    this.out--;
    if (this.closing && this.out === 0) this.unmap();
  }

  /** One that needs a lock which another dead one holds comes after it, or with the next tick. */
  private recoverDead(): void {
    for (let left = 0; left !== this.dead.length;) {
      left = this.dead.length;
      this.dead = this.dead.filter((death) => !this.recover(death));
    }
  }

  private recover({ grant, clean }: Death): boolean {
    try {
      const { ownedBlocks, ownedBytes, locks } = this.arena.recover(grant.worker);
      const text = `${ownedBlocks} buffers of ${ownedBytes} bytes and ${locks} locks`;
      if (!clean) this.log.debug(`recovered ${text} of a worker that died`);
      this.free.push(grant.worker);
      return true;
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.log.debug(error.message);
      return false;
    }
  }

  /** Ends the arena as soon as no thread is left that could touch it. */
  close(): void {
    this.closing = true;
    if (this.out === 0) this.unmap();
  }

  private unmap(): void {
    if (this.unmapped) return;
    this.unmapped = true;
    this.arena.unmap();
  }

  /** Upkeep, about once a second: free memory goes back to the operating system. */
  tick(): void {
    if (this.unmapped) return;
    if (this.dead.length > 0) this.recoverDead();
    this.arena.tick();
  }

  /** Where every byte of it is; null once it has ended. */
  stats(): ArenaStats | null {
    return this.unmapped ? null : this.arena.stats();
  }

  /** Bytes that the workers have out. */
  get bytesInUse(): number {
    return this.unmapped ? 0 : this.arena.bytesInUse;
  }
}

function reserve(bytesMax: number, workers: number): Arena {
  try {
    return Arena.create({ bytesMax, workers, worker: 0, mapped: true });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const text = `Cannot reserve ${bytesMax} bytes for buffers: the system refuses them`;
    throw new MillraceError("ERR_MEMORY_LIMIT", text, error);
  }
}
