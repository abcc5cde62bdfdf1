// What a checked arena adds to each block, at the price of speed: a canary behind the requested
// bytes, fill patterns, a generation that tells handles of earlier lives apart, and a quarantine
// that keeps released blocks untouched for a while and then looks whether somebody wrote to them.
//
//   | requested bytes (0xAB when new, 0xCD when released) | canary 0xDE ... | size | ~size |
//
// Blocks are at least 64 bytes here, so that every one has a wide mark and a generation.

import { MIB } from "../core/limits.ts";
import { MARK_CELL_BYTES, PAGE_SHIFT } from "./address.ts";
import { BlockError, faultOf, type BlockFault } from "./block-error.ts";
import { BlockMarks, MARK_IN_USE, MARK_QUARANTINED, OWNER_SHIFT } from "./block-marks.ts";
import { MARK_CELL_SHIFT, type SharedMemory } from "./shared-memory.ts";
import type { SpanTable } from "./span-table.ts";

const FILL_NEW = 0xab;
const FILL_RELEASED = 0xcd;
const FILL_CANARY = 0xde;
const TRAILER_BYTES = 8;
const CANARY_BYTES_MIN = 8;
const FILL_BYTES_MAX = 65_536; // of a larger block only the first bytes are filled and looked at
const QUARANTINE_BLOCKS_MAX = 1024;
const QUARANTINE_BYTES_MAX: number = 10 * MIB;
const HANDLE_GENERATION_UNIT = 2 ** 31;

/** What `bytes` become when the block must have room for its canary. */
export function checkedBytes(bytes: number): number {
  return Math.max(bytes + CANARY_BYTES_MIN + TRAILER_BYTES, MARK_CELL_BYTES);
}

/** The allocator below: how a block really leaves, and how large it is. */
export interface BlockSource {
  sizeOf(address: number): number;
  discard(address: number): void;
}

export class CheckedBlocks {
  private readonly memory: SharedMemory;
  private readonly spans: SpanTable;
  private readonly marks: BlockMarks;
  private readonly source: BlockSource;
  private readonly worker: number;
  private readonly quarantine: number[] = [];
  private quarantinedBytes = 0;

  constructor(memory: SharedMemory, spans: SpanTable, source: BlockSource, worker: number) {
    this.memory = memory;
    this.spans = spans;
    this.marks = new BlockMarks(memory);
    this.source = source;
    this.worker = worker;
  }

  /** Dresses a new block of which `bytes` were asked for. */
  prepare(address: number, bytes: number): void {
    const size = this.source.sizeOf(address);
    const end = size - TRAILER_BYTES;
    this.memory.fill(address, Math.min(bytes, FILL_BYTES_MAX), FILL_NEW);
    const bytesOf = this.bytesOf(address, size);
    bytesOf.fill(FILL_CANARY, bytes, Math.min(end, bytes + FILL_BYTES_MAX));
    const trailer = new DataView(bytesOf.buffer, bytesOf.byteOffset + end, TRAILER_BYTES);
    // Sizes above 4 GiB do not exist: a block lies in one segment.
    trailer.setUint32(0, bytes);
    trailer.setUint32(4, ~bytes);
  }

  /** Checks a release and puts the block into quarantine. */
  release(address: number, bytes?: number): void {
    this.assertInUse("release", address);
    const size = this.source.sizeOf(address);
    const requested = this.verifyCanary(address, size);
    if (bytes !== undefined && bytes !== requested) this.fail("size-mismatch", "release", address);
    this.moveToQuarantine(address);
    this.memory.fill(address, Math.min(requested, FILL_BYTES_MAX), FILL_RELEASED);
    this.memory.generations[address >> MARK_CELL_SHIFT]!++;
    this.quarantine.push(address);
    this.quarantinedBytes += size;
    while (this.isQuarantineFull()) this.evict();
  }

  /** Lets all blocks out of quarantine: at the limit, and when the worker leaves. */
  drain(): void {
    while (this.quarantine.length > 0) this.evict();
  }

  /** An address with the generation of the block that is there now: 2^31 * generation + address. */
  handle(address: number): number {
    this.assertInUse("name", address);
    return this.generation(address) * HANDLE_GENERATION_UNIT + address;
  }

  /** The address of a handle; throws when its block was released since. */
  resolve(handle: number): number {
    const address = handle % HANDLE_GENERATION_UNIT;
    const generation = Math.floor(handle / HANDLE_GENERATION_UNIT);
    if (generation !== this.generation(address)) this.fail("use-after-free", "use", address);
    this.assertInUse("use", address);
    return address;
  }

  /** Throws unless the block is in use and was acquired with at least so many bytes. */
  requireRoom(address: number, bytes: number): void {
    this.assertInUse("view", address);
    const requested = this.trailer(address, this.source.sizeOf(address));
    if (bytes < 0 || (requested >= 0 && bytes > requested)) this.fail("overflow", "view", address);
  }

  private isQuarantineFull(): boolean {
    const tooMany = this.quarantine.length > QUARANTINE_BLOCKS_MAX;
    return tooMany || this.quarantinedBytes > QUARANTINE_BYTES_MAX;
  }

  private evict(): void {
    const address = this.quarantine.shift()!;
    const size = this.source.sizeOf(address);
    this.quarantinedBytes -= size;
    const requested = this.trailer(address, size);
    const dirty = requested >= 0 && !this.isFilled(address, 0, requested, FILL_RELEASED);
    this.marks.writeInUse(address, false, this.worker);
    this.source.discard(address);
    if (requested < 0 || dirty) this.fail("write-after-free", "reuse", address);
  }

  /** Of two threads that release a block at once exactly one gets through. */
  private moveToQuarantine(address: number): void {
    const state = MARK_QUARANTINED | (this.worker << OWNER_SHIFT);
    const seen = this.marks.read(address, false);
    const owned = (seen & MARK_IN_USE) !== 0 && this.marks.replace(address, false, seen, state);
    if (!owned) this.fail("double-free", "release", address);
  }

  private verifyCanary(address: number, size: number): number {
    const bytes = this.trailer(address, size);
    const intact = bytes >= 0 && this.isFilled(address, bytes, size - TRAILER_BYTES, FILL_CANARY);
    if (!intact) this.fail("overflow", "release", address);
    return bytes;
  }

  /** The size behind the canary, -1 when it was overwritten. */
  private trailer(address: number, size: number): number {
    const end = size - TRAILER_BYTES;
    const bytesOf = this.bytesOf(address, size);
    const trailer = new DataView(bytesOf.buffer, bytesOf.byteOffset + end, TRAILER_BYTES);
    const bytes = trailer.getUint32(0);
    const valid = bytes === ~trailer.getUint32(4) >>> 0 && bytes <= end - CANARY_BYTES_MIN;
    return valid ? bytes : -1;
  }

  private isFilled(address: number, from: number, to: number, value: number): boolean {
    const bytes = this.bytesOf(address, Math.max(to, 0));
    const end = Math.min(to, from + FILL_BYTES_MAX);
    for (let index = from; index < end; index++) if (bytes[index] !== value) return false;
    return true;
  }

  private bytesOf(address: number, bytes: number): Uint8Array {
    const segment = this.memory.segments[this.memory.segmentOf(address)]!;
    const offset = this.memory.offsetOf(address);
    return segment.subarray(offset, offset + bytes);
  }

  private generation(address: number): number {
    return this.memory.generations[address >> MARK_CELL_SHIFT] ?? -1;
  }

  private assertInUse(verb: string, address: number): void {
    const fault = this.memory.pageClass[address >>> PAGE_SHIFT] === undefined;
    if (fault || !this.isBlockStart(address)) {
      this.fail(faultOf(this.memory, this.spans, address), verb, address);
    }
  }

  private isBlockStart(address: number): boolean {
    return Number.isInteger(address) && address > 0 && this.marks.isInUse(address, false);
  }

  private fail(fault: BlockFault, verb: string, address: number): never {
    throw new BlockError(fault, verb, address);
  }
}
