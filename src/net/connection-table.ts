// The open connections of one worker: a slot each, so that a timer or a log line can name one by a
// small integer. A slot is used again after its connection is gone, with the next generation: a
// stale (slot, generation) finds nothing. Slots grow by doubling up to the maximum and never move.
//
// Invariant: size = slots that hold a connection; all others below `used` are on the free list.

import { assert } from "../core/assert.ts";
import { CONNECTIONS_PER_WORKER_MAX } from "../core/limits.ts";
import type { Connection } from "./connection.ts";

const FIRST_CAPACITY = 64;

export class ConnectionTable {
  size = 0;
  private used = 0;
  private connections: (Connection | null)[] = [];
  private generations: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  private freeSlots: Int32Array = new Int32Array(FIRST_CAPACITY);
  private freeCount = 0;

  /** The slot that the next put() will fill; -1 when there is none left. */
  nextSlot(): number {
    if (this.freeCount > 0) return this.freeSlots[this.freeCount - 1]!;
    return this.used < CONNECTIONS_PER_WORKER_MAX ? this.used : -1;
  }

  /** The generation that a connection put into `slot` must carry. */
  generationOf(slot: number): number {
    return slot < this.generations.length ? this.generations[slot]! : 0;
  }

  put(connection: Connection): void {
    const slot = connection.slot;
    assert(slot === this.nextSlot(), "a connection must take the next slot");
    assert(connection.generation === this.generationOf(slot), "a connection of a stale generation");
    if (this.freeCount > 0) this.freeCount--;
    else this.used++;
    if (slot >= this.generations.length) this.grow();
    this.connections[slot] = connection;
    this.size++;
  }

  remove(connection: Connection): void {
    const slot = connection.slot;
    assert(this.connections[slot] === connection, "removal of a connection that is not there");
    this.connections[slot] = null;
    this.generations[slot]!++;
    this.freeSlots[this.freeCount++] = slot;
    this.size--;
  }

  /** The connection in a slot, of whatever generation. */
  at(slot: number): Connection | null {
    return this.connections[slot] ?? null;
  }

  /** The very connection that was given this slot and generation, or null if it is gone. */
  find(slot: number, generation: number): Connection | null {
    const connection = this.at(slot);
    return connection !== null && connection.generation === generation ? connection : null;
  }

  /** Calls `visit` for each connection that is open now; it may close any of them. */
  forEach(visit: (connection: Connection) => void): void {
    for (let slot = 0; slot < this.used; slot++) {
      const connection = this.connections[slot];
      if (connection !== null && connection !== undefined) visit(connection);
    }
  }

  checkInvariants(): void {
    let count = 0;
    this.forEach(() => count++);
    assert(count === this.size, "the size differs from the slots in use");
    assert(this.size + this.freeCount === this.used, "a slot is neither in use nor free");
  }

  private grow(): void {
    const capacity = this.generations.length * 2;
    const generations = new Uint32Array(capacity);
    generations.set(this.generations);
    this.generations = generations;
    const freeSlots = new Int32Array(capacity);
    freeSlots.set(this.freeSlots);
    this.freeSlots = freeSlots;
  }
}
