// A ring of records in shared memory with one writer and many readers, each in a thread of its own.
// A record is copied once, by the writer, and read in place by all. No lock; positions count
// granules of 8 bytes and wrap around at 2^32.
//
//   words   | head | 15 spare | tail, active, 14 spare | .. one such line a reader .. | data ..
//   data    | read by all | not read by all ... | free |
//           `---- slowest tail           head ----'
//   record  | bytes | tag | split | 0 | first part | second part |   split = bytes of the first
//
// Invariants: head - tail <= capacity for every active reader; the bytes of a record are there
// before head says so, and stay until the reader's tail has passed them. So a writer that dies in
// the middle of a record has written nothing, and a reader that dies holds up the writer until
// somebody says that it is gone (deactivate).

import { assert } from "../core/assert.ts";
import { isPowerOfTwo } from "../core/bits.ts";

const GRANULE_SHIFT = 3;
const WORDS_PER_LINE = 16; // a cache line each, or readers would slow each other down
const HEAD = 0;
const TAIL = 0; // of a reader's line
const ACTIVE = 1;
const RECORD_HEAD_BYTES = 16;
const PADDING = -1; // in place of a length: the next record is at the front

/** What visits records; `split` is where the second part of a record begins. */
export interface RecordVisitor {
  /** Whether records of this tag are to be seen: it saves a view of each that is not. */
  wants(tag: number): boolean;
  /** The bytes are valid during the call only. */
  receive(tag: number, record: Buffer, split: number): void;
}

/** Bytes of shared memory for a ring. */
export function ringBytes(capacityBytes: number, readers: number): number {
  return (1 + readers) * WORDS_PER_LINE * 4 + capacityBytes;
}

/** A ring as one thread sees it: the writer writes, each reader reads by its number. */
export class BroadcastRing {
  private readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly data: Int32Array;
  private readonly dataAt: number;
  private readonly readers: number;
  private readonly capacity: number; // in granules
  private room = 0; // granules that are known to be free

  /** `offset` is where in the buffer the ring's bytes begin, a multiple of 64. */
  constructor(buffer: SharedArrayBuffer, offset: number, capacityBytes: number, readers: number) {
    assert(isPowerOfTwo(capacityBytes), "the capacity of a ring is a power of two");
    this.buffer = buffer;
    this.readers = readers;
    this.capacity = capacityBytes >> GRANULE_SHIFT;
    this.words = new Int32Array(buffer, offset, (1 + readers) * WORDS_PER_LINE);
    this.dataAt = offset + this.words.byteLength;
    this.bytes = new Uint8Array(buffer, this.dataAt, capacityBytes);
    this.data = new Int32Array(buffer, this.dataAt, capacityBytes >> 2);
  }

  // ---- the writer ---------------------------------------------------------------------------

  /** Appends a record; false, and nothing has happened, when a reader is too far behind. */
  write(tag: number, first: Uint8Array, second: Uint8Array): boolean {
    const bytes = first.length + second.length;
    const needed = granules(RECORD_HEAD_BYTES + bytes);
    assert(needed <= this.capacity >> 1, "a record is at most half a ring");
    let head = this.words[HEAD]!;
    const toEnd = this.capacity - this.indexOf(head);
    const skipped = needed > toEnd ? toEnd : 0;
    if (this.room < needed + skipped && this.findRoom(head) < needed + skipped) return false;
    this.room -= needed + skipped;
    if (skipped > 0) {
      this.data[this.indexOf(head) << 1] = PADDING;
      head = (head + skipped) | 0;
    }
    this.fill(this.indexOf(head), tag, first, second);
    Atomics.store(this.words, HEAD, (head + needed) | 0);
    return true;
  }

  private fill(at: number, tag: number, first: Uint8Array, second: Uint8Array): void {
    const word = at << 1;
    this.data[word] = first.length + second.length;
    this.data[word + 1] = tag;
    this.data[word + 2] = first.length;
    const start = (at << GRANULE_SHIFT) + RECORD_HEAD_BYTES;
    this.bytes.set(first, start);
    this.bytes.set(second, start + first.length);
  }

  private findRoom(head: number): number {
    let used = 0;
    for (let reader = 0; reader < this.readers; reader++) {
      const line = (1 + reader) * WORDS_PER_LINE;
      if (Atomics.load(this.words, line + ACTIVE) === 0) continue;
      used = Math.max(used, (head - Atomics.load(this.words, line + TAIL)) | 0);
    }
    return (this.room = this.capacity - used);
  }

  // ---- a reader -----------------------------------------------------------------------------

  /** From now on the writer keeps records for this reader, beginning with the next one. */
  activate(reader: number): void {
    const line = (1 + reader) * WORDS_PER_LINE;
    Atomics.store(this.words, line + TAIL, Atomics.load(this.words, HEAD));
    Atomics.store(this.words, line + ACTIVE, 1);
    // The writer may have gone round before it could see us.
    Atomics.store(this.words, line + TAIL, Atomics.load(this.words, HEAD));
  }

  /** By the reader when it leaves, by anybody when it is dead. */
  deactivate(reader: number): void {
    Atomics.store(this.words, (1 + reader) * WORDS_PER_LINE + ACTIVE, 0);
  }

  hasRecords(reader: number): boolean {
    return this.words[(1 + reader) * WORDS_PER_LINE + TAIL] !== Atomics.load(this.words, HEAD);
  }

  /** Shows up to `most` records to the visitor; returns how many there were. */
  read(reader: number, most: number, visitor: RecordVisitor): number {
    const { data, words } = this;
    const line = (1 + reader) * WORDS_PER_LINE;
    const head = Atomics.load(words, HEAD);
    let tail = words[line + TAIL]!;
    let count = 0;
    while (tail !== head && count < most) {
      const index = this.indexOf(tail);
      const bytes = data[index << 1]!;
      if (bytes === PADDING) {
        tail = (tail + this.capacity - index) | 0;
      } else {
        const tag = data[(index << 1) + 1]!;
        if (visitor.wants(tag)) {
          const start = this.dataAt + (index << GRANULE_SHIFT) + RECORD_HEAD_BYTES;
          const view = Buffer.from(this.buffer as unknown as ArrayBuffer, start, bytes);
          visitor.receive(tag, view, data[(index << 1) + 2]!);
        }
        tail = (tail + granules(RECORD_HEAD_BYTES + bytes)) | 0;
        count++;
      }
      Atomics.store(words, line + TAIL, tail);
    }
    return count;
  }

  private indexOf(position: number): number {
    return position & (this.capacity - 1);
  }
}

function granules(bytes: number): number {
  return (bytes + 7) >> GRANULE_SHIFT;
}
