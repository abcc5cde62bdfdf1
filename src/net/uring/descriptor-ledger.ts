// The descriptors that one life of a worker has open, in shared memory, so that the master can
// close them when it is dead: sockets accepted by an io_uring belong to the process, and nothing
// else would end them. Written by the worker, read by whoever ends it.
//
//   | ring, far end, layout of completions, mappings, taken: 32 words | a bit for each descriptor |
//
// Invariant: a bit is set from the accept until right before the kernel is told to close. What was
// accepted and not looked at has no bit: its completion still lies in the ring, where closeAll()
// finds it.

import { assert } from "../../core/assert.ts";
import { loadRingCalls, memoryAt, type RingCalls } from "./ring-calls.ts";
import type { CompletionLayout, RingMapping } from "./ring.ts";
import { KIND_ACCEPT, kindOf } from "./request-tag.ts";

/** Descriptors have numbers below this one; others are not used for connections. */
export const LEDGER_FDS_MAX: number = 1 << 20;

const RING_FD = 0; // plus one, so that fresh memory says: none
const FAR_FD = 1;
const FDS_END = 2; // above the highest bit that was ever set
const LAYOUT = 3; // head, tail, entries, count
const MAPPINGS = 7; // address low, address high, bytes; three times
const MAPPINGS_MAX = 3;
const TAKEN = 16; // 1 once it has taken over what an earlier life left behind
const BITS = 32;
const WORD = 2 ** 32;
const COMPLETION_WORDS = 4;

export interface LedgerRing {
  readonly fd: number;
  readonly farFd: number;
  readonly mappings: readonly RingMapping[];
  readonly layout: CompletionLayout;
}

/** A connection that its worker has accepted and never seen: nothing of it has been read. */
export interface Orphan {
  /** The label of the listener that accepted it. */
  readonly listener: number;
  readonly fd: number;
}

/** Resets connections that nobody will serve. */
export function closeOrphans(orphans: readonly Orphan[]): void {
  for (const { fd } of orphans) loadRingCalls()?.close(fd);
}

export class DescriptorLedger {
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;

  constructor(memory: SharedArrayBuffer = DescriptorLedger.reserve()) {
    this.memory = memory;
    this.words = new Int32Array(memory);
  }

  /** Memory for one life; pages that are never written cost nothing. */
  static reserve(): SharedArrayBuffer {
    return new SharedArrayBuffer(BITS * 4 + LEDGER_FDS_MAX / 8);
  }

  /** A ring is open. It and what belongs to it end with closeAll(). */
  open(ring: LedgerRing): void {
    const { words } = this;
    assert(words[RING_FD] === 0, "a ledger has one ring");
    assert(ring.mappings.length <= MAPPINGS_MAX, "a ledger has room for three mappings");
    ring.mappings.forEach(({ address, bytes }, index) => {
      const at = MAPPINGS + 3 * index;
      words[at] = address | 0;
      words[at + 1] = address / WORD;
      words[at + 2] = bytes;
    });
    const { headAt, tailAt, entriesAt, count } = ring.layout;
    words.set([headAt, tailAt, entriesAt, count], LAYOUT);
    words[FAR_FD] = ring.farFd + 1;
    words[RING_FD] = ring.fd + 1;
  }

  add(fd: number): void {
    const { words } = this;
    if (fd >= LEDGER_FDS_MAX) return;
    words[BITS + (fd >>> 5)]! |= 1 << (fd & 31);
    if (fd >= words[FDS_END]!) words[FDS_END] = fd + 1;
  }

  remove(fd: number): void {
    this.words[BITS + (fd >>> 5)]! &= ~(1 << (fd & 31));
  }

  /** By the worker: what it was given to serve is its own from now on, and ends with it. */
  inherit(orphans: readonly Orphan[]): void {
    for (const { fd } of orphans) this.add(fd);
    this.words[TAKEN] = 1;
  }

  has(fd: number): boolean {
    return (this.words[BITS + (fd >>> 5)]! & (1 << (fd & 31))) !== 0;
  }

  /**
   * Closes every descriptor and gives the memory of the ring back. Only once the worker's thread
   * has ended, or by itself at its end: a view of the ring that is used after this crashes the
   * process. Returns what was accepted and never looked at, and what of `given` it never took over:
   * open, and the caller's from now on.
   */
  closeAll(given: readonly Orphan[] = []): Orphan[] {
    const { words } = this;
    const taken = words[TAKEN]!;
    const orphans = taken === 0 ? [...given] : [];
    for (const { fd } of orphans) this.remove(fd); // it was about to take them over
    const hasRing = words[RING_FD] !== 0;
    const calls = hasRing || taken !== 0 ? loadRingCalls() : null;
    if (calls === null) return orphans;
    if (hasRing) {
      orphans.push(...this.unseen());
      this.closeRing(calls);
    }
    const end = words[FDS_END]!;
    for (let fd = 0; fd < end; fd++) {
      if (this.has(fd)) calls.close(fd);
    }
    words.fill(0, 0, BITS + (end >>> 5) + 1);
    words[TAKEN] = taken;
    return orphans;
  }

  private closeRing(calls: RingCalls): void {
    const { words } = this;
    calls.close(words[RING_FD]! - 1);
    calls.close(words[FAR_FD]! - 1);
    for (let index = 0; index < MAPPINGS_MAX; index++) {
      const at = MAPPINGS + 3 * index;
      if (words[at + 2]! > 0) calls.munmap(this.addressAt(at), words[at + 2]!);
    }
  }

  /** Connections that were accepted when the worker died, and that it had not looked at. */
  private unseen(): Orphan[] {
    const { words } = this;
    const ring = new Int32Array(memoryAt(this.addressAt(MAPPINGS), words[MAPPINGS + 2]!));
    const [headAt, tailAt, entriesAt, size] = words.subarray(LAYOUT, LAYOUT + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    const orphans: Orphan[] = [];
    for (let head = ring[headAt]!; head !== ring[tailAt]!; head = (head + 1) | 0) {
      const at = entriesAt + (head & (size - 1)) * COMPLETION_WORDS;
      const [user, label, result] = ring.subarray(at, at + COMPLETION_WORDS);
      if (kindOf(user!) !== KIND_ACCEPT || result! < 0) continue;
      orphans.push({ listener: label!, fd: result! });
    }
    return orphans;
  }

  private addressAt(at: number): number {
    return (this.words[at]! >>> 0) + this.words[at + 1]! * WORD;
  }
}
