// The memory over which the workers of a server write to each other: a ring for each member, which
// it alone writes and all others read, and a doorbell for each. A member is one life of a worker;
// its number is used again after it has ended. Owned by the master, which hands the memory out
// once, in the start message, and takes a member out when its thread is gone.
//
//   | bell 0 | bell 1 | .. | ring of member 0 | ring of member 1 | ..      one SharedArrayBuffer
//
// Reserved for all members from the start, committed by use: a page that is never written costs
// nothing.

import { assert } from "../core/assert.ts";
import { MAIL_RING_BYTES } from "../core/limits.ts";
import { BroadcastRing, ringBytes } from "./broadcast-ring.ts";

const BELL_BYTES = 64; // a cache line each

/** What a member needs; survives structured clone, and the memory is not copied. */
export interface ExchangeHandle {
  readonly buffer: SharedArrayBuffer;
  readonly members: number;
  readonly ringBytes: number;
}

export class Exchange {
  readonly handle: ExchangeHandle;
  private readonly rings: readonly BroadcastRing[];
  private readonly free: number[];

  constructor(members: number, capacityBytes: number = MAIL_RING_BYTES) {
    const bytes = members * (BELL_BYTES + ringBytes(capacityBytes, members));
    const buffer = new SharedArrayBuffer(bytes);
    this.handle = { buffer, members, ringBytes: capacityBytes };
    this.rings = openRings(this.handle);
    this.free = Array.from({ length: members }, (_, index) => members - 1 - index);
  }

  /** A number for a new member; -1 when there are too many at this time. */
  admit(): number {
    return this.free.pop() ?? -1;
  }

  /** After the member's thread has ended: nobody waits for it any more. Once. */
  dismiss(member: number): void {
    assert(!this.free.includes(member), "a member is dismissed once");
    for (const ring of this.rings) ring.deactivate(member);
    this.free.push(member);
  }
}

/** All rings, by the number of the member that writes them. */
export function openRings(handle: ExchangeHandle): readonly BroadcastRing[] {
  const { buffer, members, ringBytes: capacity } = handle;
  const stride = ringBytes(capacity, members);
  const first = members * BELL_BYTES;
  return Array.from(
    { length: members },
    (_, member) => new BroadcastRing(buffer, first + member * stride, capacity, members),
  );
}

/** The doorbells: the word of member m is at bellOf(m). */
export function openBells({ buffer, members }: ExchangeHandle): Int32Array {
  return new Int32Array(buffer, 0, (members * BELL_BYTES) >> 2);
}

export function bellOf(member: number): number {
  return (member * BELL_BYTES) >> 2;
}
