// Clients that have room for a request, first come first served, so that an open loop uses all of
// its connections in turn. Each client stands in it once at most; who lost its room since is
// skipped when it is met.

import type { Client } from "./client.ts";

export class ClientQueue {
  private readonly slots: (Client | null)[];
  private head = 0;
  private count = 0;

  constructor(capacity: number) {
    this.slots = new Array<Client | null>(Math.max(1, capacity)).fill(null);
  }

  get length(): number {
    return this.count;
  }

  push(client: Client): void {
    if (client.isQueued) return;
    client.isQueued = true;
    if (this.count === this.slots.length) this.slots.push(...this.unroll());
    this.slots[(this.head + this.count++) % this.slots.length] = client;
  }

  /** The client that waits longest, or null. */
  take(): Client | null {
    if (this.count === 0) return null;
    const client = this.slots[this.head]!;
    this.slots[this.head] = null;
    this.head = (this.head + 1) % this.slots.length;
    this.count--;
    client.isQueued = false;
    return client;
  }

  // Full: brings the ring into a line, and gives as many empty places to put behind it.
  private unroll(): null[] {
    const { slots, head } = this;
    slots.push(...slots.splice(0, head));
    this.head = 0;
    return new Array<null>(slots.length).fill(null);
  }
}
