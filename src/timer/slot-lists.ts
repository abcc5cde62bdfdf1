// One stack of timer ids per slot of the wheel, as chunks of one cache line from a common pool, and
// a bitmap of the slots that hold any. A push touches the slot's newest chunk and no other timer, a
// walk reads ids in a row: a doubly linked list would miss the cache once a neighbour instead. The
// ids of a chunk can be seen before they are taken, so that what they name is fetched together.
//
//   tails[slot] = position of the newest id, 0 for an empty slot
//   pool        | next chunk, id, id, .. | x 16 ints; chunk 0 is never used, so 0 ends a chain
//
// Owned by one TimingWheel. Invariant: a slot's bit is set <=> its tail is not 0.

import { assert } from "../core/assert.ts";
import { lowestBit } from "../core/bits.ts";

const CHUNK_INTS = 16;
const CHUNK_MASK: number = CHUNK_INTS - 1;
const NEXT = 0; // index in a chunk; ids stand at 1 .. 15
export const IDS_PER_CHUNK: number = CHUNK_INTS - 1;
const CHUNKS_MIN = 64;
const CHUNKS_MAX: number = 1 << 27; // positions are int32

/** What pop() returns for an empty slot; nextOccupied() when there is none. */
export const NONE = -1;

export class SlotLists {
  /** Ids in all slots. */
  count = 0;
  private pool: Int32Array;
  private readonly tails: Int32Array;
  private readonly occupied: Int32Array;
  private freeChunk = 0; // chain of chunks that were given back
  private freshChunk = 1; // from here on none was ever used

  /** `slots` is a multiple of 32; `expected` ids fit without growing. */
  constructor(slots: number, expected: number) {
    assert(slots > 0 && slots % 32 === 0, "slots must be a multiple of 32");
    // Every slot may have begun a chunk. Filled, because untouched memory costs its first user a
    // page fault: 10 us each in some virtual machines, 20 ns a push.
    const chunks = 1 + Math.ceil(expected / IDS_PER_CHUNK) + Math.min(expected, slots);
    this.pool = new Int32Array(chunks * CHUNK_INTS).fill(0);
    this.tails = new Int32Array(slots);
    this.occupied = new Int32Array(slots >> 5);
  }

  get byteLength(): number {
    return this.pool.byteLength + this.tails.byteLength + this.occupied.byteLength;
  }

  push(slot: number, id: number): void {
    let position = this.tails[slot]! + 1;
    if ((position & CHUNK_MASK) <= 1) position = this.beginChunk(slot);
    this.pool[position] = id;
    this.tails[slot] = position;
    this.count++;
  }

  /** Takes the newest id of a slot, or NONE. */
  pop(slot: number): number {
    const position = this.tails[slot]!;
    if (position === 0) return NONE;
    const id = this.pool[position]!;
    this.count--;
    if ((position & CHUNK_MASK) === 1) this.endChunk(slot, position - 1);
    else this.tails[slot] = position - 1;
    return id;
  }

  /** Copies the ids of a slot's newest chunk, if it is a full one: those that pop() will give. */
  peekFull(slot: number, out: Int32Array): boolean {
    const position = this.tails[slot]!;
    if ((position & CHUNK_MASK) !== IDS_PER_CHUNK) return false;
    for (let index = 0; index < IDS_PER_CHUNK; index++) out[index] = this.pool[position - index]!;
    return true;
  }

  isOccupied(slot: number): boolean {
    return this.tails[slot]! !== 0;
  }

  /**
   * Slots from `start` round the ring `base .. base + size - 1` to the next one that holds an id,
   * `start` included; or NONE. Base and size are multiples of 32, size a power of two.
   */
  nextOccupied(base: number, size: number, start: number): number {
    const occupied = this.occupied;
    const firstWord = base >> 5;
    const wordMask = (size >> 5) - 1;
    const startWord = start >> 5;
    let word = occupied[firstWord + startWord]! & (-1 << (start & 31));
    for (let step = 0; step <= wordMask + 1; step++) {
      const index = (startWord + step) & wordMask;
      if (step > 0) word = occupied[firstWord + index]!;
      if (word !== 0) return ((index << 5) + lowestBit(word) - start) & (size - 1);
    }
    return NONE;
  }

  clear(): void {
    this.tails.fill(0);
    this.occupied.fill(0);
    this.freeChunk = 0;
    this.freshChunk = 1;
    this.count = 0;
  }

  /** Calls back for each id of a slot, newest first. For checks. */
  forEach(slot: number, callback: (id: number) => void): void {
    let position = this.tails[slot]!;
    while (position !== 0) {
      callback(this.pool[position]!);
      const chunk = position & ~CHUNK_MASK;
      if (--position === chunk) position = lastOf(this.pool[chunk + NEXT]!);
    }
  }

  checkInvariants(): void {
    let count = 0;
    for (let slot = 0; slot < this.tails.length; slot++) {
      const bit = (this.occupied[slot >> 5]! >>> (slot & 31)) & 1;
      assert((bit === 1) === this.isOccupied(slot), "a slot's bit disagrees with its tail");
      this.forEach(slot, () => count++);
    }
    assert(count === this.count, "the count of ids is wrong");
    assert(this.freshChunk <= this.pool.length / CHUNK_INTS, "a chunk outside the pool is used");
  }

  private beginChunk(slot: number): number {
    const tail = this.tails[slot]!;
    if (tail === 0) this.occupied[slot >> 5]! |= 1 << (slot & 31);
    let chunk = this.freeChunk;
    if (chunk !== 0) {
      this.freeChunk = this.pool[chunk + NEXT]!;
    } else {
      chunk = this.freshChunk++ * CHUNK_INTS;
      if (chunk === this.pool.length) this.grow();
    }
    this.pool[chunk + NEXT] = tail & ~CHUNK_MASK;
    return chunk + 1;
  }

  private endChunk(slot: number, chunk: number): void {
    const next = this.pool[chunk + NEXT]!;
    this.pool[chunk + NEXT] = this.freeChunk;
    this.freeChunk = chunk;
    this.tails[slot] = lastOf(next);
    if (next === 0) this.occupied[slot >> 5]! &= ~(1 << (slot & 31));
  }

  private grow(): void {
    const chunks = this.pool.length / CHUNK_INTS;
    assert(chunks < CHUNKS_MAX, "too many timers");
    const pool = new Int32Array((chunks + Math.max(CHUNKS_MIN, chunks >> 2)) * CHUNK_INTS);
    pool.set(this.pool);
    this.pool = pool;
  }
}

/** The position of a full chunk's newest id. */
function lastOf(chunk: number): number {
  return chunk === 0 ? 0 : chunk + IDS_PER_CHUNK;
}
