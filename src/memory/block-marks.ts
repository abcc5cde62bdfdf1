// One mark per block: the truth about it, and what finds double, foreign and interior frees on the
// fast path with a single compare. Blocks of 64 bytes and more start in distinct cells of 64 bytes
// and have a 16-bit mark there; smaller ones have an 8-bit mark per granule.
//
//   marks       | 15 .. 8 owner | 7 .. 4 zero | 3 in use | 2 .. 0 address & 7 |   or a state below
//   tiny marks  | 4 + owner |                                                      or a state below
//
// A mark has one writer at a time: whoever holds the block. So plain stores are enough.

import { MARK_CELL_SHIFT, type SharedMemory } from "./shared-memory.ts";

export const MARK_NONE = 0; // no block starts here
export const MARK_FREE = 1; // in its span
export const MARK_CACHED = 2; // in a worker's cache or in transfer
export const MARK_QUARANTINED = 3; // | owner << 8: freed in a checked arena, not yet available
export const MARK_LEAVING = 4; // | owner << 8: a large block on its way to the page cache
export const MARK_IN_USE = 8;
/** Of a mark, what must match the address: in use, and the low bits. */
export const MARK_MATCH_MASK = 0xf;
export const MARK_LOW_MASK = 0x7;
export const OWNER_SHIFT = 8;
export const TINY_IN_USE = 4;
/** The owner of a block that no worker's death frees. */
export const OWNER_NONE = 251;
/** Workers of one arena: ids below OWNER_NONE. */
export const ARENA_WORKERS_MAX = 250;

/** The slow and readable access, for all but the fast path. */
export class BlockMarks {
  private readonly marks: Uint16Array;
  private readonly tiny: Uint8Array;

  constructor(memory: SharedMemory) {
    this.marks = memory.marks;
    this.tiny = memory.tinyMarks;
  }

  read(address: number, tiny: boolean): number {
    return tiny ? this.tiny[address]! : this.marks[address >> MARK_CELL_SHIFT]!;
  }

  write(address: number, tiny: boolean, state: number): void {
    if (tiny) this.tiny[address] = state;
    else this.marks[address >> MARK_CELL_SHIFT] = state;
  }

  writeInUse(address: number, tiny: boolean, owner: number): void {
    if (tiny) this.tiny[address] = TINY_IN_USE + owner;
    else this.marks[address >> MARK_CELL_SHIFT] = inUseMark(address, owner);
  }

  /** Replaces a mark only if it still is `seen`: for checks that must survive races. */
  replace(address: number, tiny: boolean, seen: number, state: number): boolean {
    if (tiny) return Atomics.compareExchange(this.tiny, address, seen, state) === seen;
    return Atomics.compareExchange(this.marks, address >> MARK_CELL_SHIFT, seen, state) === seen;
  }

  /** Whether a block that is in use starts exactly here. */
  isInUse(address: number, tiny: boolean): boolean {
    const mark = this.read(address, tiny);
    if (tiny) return mark >= TINY_IN_USE;
    return (mark & MARK_MATCH_MASK) === (MARK_IN_USE | (address & MARK_LOW_MASK));
  }

  /** The owner of a block in use. */
  owner(address: number, tiny: boolean): number {
    const mark = this.read(address, tiny);
    return tiny ? mark - TINY_IN_USE : mark >> OWNER_SHIFT;
  }

  /** Forgets all blocks in a range of whole pages. */
  clear(address: number, granules: number, tiny: boolean): void {
    const cell = address >> MARK_CELL_SHIFT;
    if (tiny) this.tiny.fill(MARK_NONE, address, address + granules);
    else this.marks.fill(MARK_NONE, cell, cell + (granules >> MARK_CELL_SHIFT));
  }
}

function inUseMark(address: number, owner: number): number {
  return (owner << OWNER_SHIFT) | MARK_IN_USE | (address & MARK_LOW_MASK);
}
