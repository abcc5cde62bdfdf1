// The arena that the io_bufs of all workers come from. The master reserves it and gives each life
// of a worker a number in it. When the life has ended, however it ended, the master takes back what
// it had (its blocks, its cache, a lock it held), and the number can be given again.
//
// Invariant: a number is out to one life at a time, and 0 is the master's own.

import { assert } from "../core/assert.ts";
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

export class SharedArena {
  private readonly arena: Arena;
  private readonly log: Log;
  private readonly free: number[];
  private out = 0;
  private closing = false;
  private unmapped = false;

  constructor(bytesMax: number, slotCount: number, log: Log) {
    const workers = Math.min(slotCount * LIVES_PER_SLOT + 1, ARENA_WORKERS_MAX);
    this.arena = Arena.create({ bytesMax, workers, worker: 0, mapped: true });
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
    const { ownedBlocks, ownedBytes, locks } = this.arena.recover(grant.worker);
    if (!clean) {
      const text = `${ownedBlocks} buffers of ${ownedBytes} bytes and ${locks} locks`;
      this.log.debug(`recovered ${text} of a worker that died`);
    }
    this.free.push(grant.worker);
    this.out--;
    if (this.closing && this.out === 0) this.unmap();
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
    if (!this.unmapped) this.arena.tick();
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
