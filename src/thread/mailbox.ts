// One worker's place in the exchange: what it posts is copied once, into its own ring, and read
// there by all other workers. Readers sleep on their doorbell without a thread of their own
// (Atomics.waitAsync); it is rung once for all that is posted until they have woken. A wake-up
// that the runtime loses would leave the owner deaf, since a bell that was rung is not rung again:
// so the owner looks by itself once a second. Bun 1.4.5 loses them on the main thread, none in
// 20,000 in a worker.
//
//   post   ring.write --> for each bell that is armed: disarm it and notify
//   wake   read all rings, a budget a turn --> nothing left: arm, look once more, sleep
//
// Invariant: a record that was posted before the owner's bell was armed is seen without a bell.

import { MAIL_RECORDS_PER_TURN } from "../core/limits.ts";
import type { BroadcastRing, RecordVisitor } from "./broadcast-ring.ts";
import { bellOf, type ExchangeHandle, openBells, openRings } from "./exchange.ts";

const AWAKE = 0;
const ARMED = 1;

/** The types of the platform's library stop short of it. */
interface AsyncWait {
  waitAsync(
    words: Int32Array,
    index: number,
    value: number,
  ): { readonly async: false } | { readonly async: true; readonly value: Promise<string> };
}

export class Mailbox {
  private readonly member: number;
  private readonly members: number;
  private readonly rings: readonly BroadcastRing[];
  private readonly bells: Int32Array;
  private readonly visitor: RecordVisitor;
  private isOpen = true;
  private waits = 0; // counts them: one that was given up must not wake anybody

  /** Takes part from now on: sees what is posted after this. */
  constructor(handle: ExchangeHandle, member: number, visitor: RecordVisitor) {
    this.member = member;
    this.members = handle.members;
    this.rings = openRings(handle);
    this.bells = openBells(handle);
    this.visitor = visitor;
    for (const [index, ring] of this.rings.entries()) {
      if (index !== member) ring.activate(member);
    }
    this.sleep();
  }

  /** To all others; false, and nothing has happened, when one of them is too far behind. */
  post(tag: number, first: Uint8Array, second: Uint8Array): boolean {
    if (!this.rings[this.member]!.write(tag, first, second)) return false;
    for (let member = 0; member < this.members; member++) {
      const bell = bellOf(member);
      if (Atomics.load(this.bells, bell) !== ARMED) continue;
      if (Atomics.exchange(this.bells, bell, AWAKE) === ARMED) Atomics.notify(this.bells, bell);
    }
    return true;
  }

  /** Leaves: the others do not wait for this one any more. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const bell = bellOf(this.member);
    Atomics.store(this.bells, bell, AWAKE);
    Atomics.notify(this.bells, bell);
    for (const ring of this.rings) ring.deactivate(this.member);
  }

  private wake(wait: number): void {
    if (!this.isOpen || wait !== this.waits) return;
    let left = MAIL_RECORDS_PER_TURN;
    // A small share for each, so that one that talks much does not keep the others waiting.
    for (let found = 1; found > 0 && left > 0;) {
      found = 0;
      for (const [index, ring] of this.rings.entries()) {
        if (index !== this.member)
          found += ring.read(this.member, Math.min(left, 64), this.visitor);
      }
      left -= found;
    }
    if (left > 0) this.sleep();
    else this.wakeLater();
  }

  private wakeLater(): void {
    const wait = ++this.waits;
    setImmediate(() => this.wake(wait));
  }

  /** Reads what a wake-up that was lost has left. About once a second. */
  look(): void {
    if (!this.isOpen) return;
    const isRung = Atomics.load(this.bells, bellOf(this.member)) === AWAKE;
    if (isRung && this.hasMail()) this.wakeLater();
  }

  private sleep(): void {
    const bell = bellOf(this.member);
    Atomics.store(this.bells, bell, ARMED);
    if (this.hasMail()) {
      Atomics.store(this.bells, bell, AWAKE);
      return this.wakeLater();
    }
    const wait = (Atomics as unknown as AsyncWait).waitAsync(this.bells, bell, ARMED);
    if (!wait.async) return this.wakeLater();
    const own = ++this.waits;
    void wait.value.then(() => this.wake(own));
  }

  private hasMail(): boolean {
    for (const [index, ring] of this.rings.entries()) {
      if (index !== this.member && ring.hasRecords(this.member)) return true;
    }
    return false;
  }
}
