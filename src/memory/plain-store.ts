// The plain backing store: every block is an allocation of its own, counted against one limit
// that all workers of the process share. It has no cache (the io_buf pool above it has one), so
// memory that is handed back is free for anything else at once.
//
// Invariant: charged[0] * 1 KiB = the sum of the block sizes of all PlainStores on that counter.

import { assert } from "../core/assert.ts";
import { KIB } from "../core/limits.ts";
import type { BlockStore } from "./block-store.ts";

/** The counter that the stores of one process share: KiB charged. */
export function createCharge(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

export class PlainStore implements BlockStore {
  readonly bytesMax: number;
  private readonly charged: Int32Array;
  private readonly limitKib: number;
  private readonly blocks: (Buffer | null)[] = [null]; // address -> block; 0 is never one
  private readonly free: number[] = [];

  constructor(bytesMax: number, charged: Int32Array = createCharge()) {
    this.bytesMax = bytesMax;
    this.limitKib = Math.floor(bytesMax / KIB);
    this.charged = charged;
  }

  get bytesInUse(): number {
    return Atomics.load(this.charged, 0) * KIB;
  }

  acquire(bytes: number): number {
    const sizeKib = Math.ceil(bytes / KIB);
    if (Atomics.add(this.charged, 0, sizeKib) + sizeKib > this.limitKib) {
      Atomics.sub(this.charged, 0, sizeKib);
      return 0;
    }
    const address = this.free.pop() ?? this.blocks.length;
    this.blocks[address] = Buffer.allocUnsafeSlow(sizeKib * KIB);
    return address;
  }

  release(address: number): void {
    const block = this.blocks[address];
    assert(block !== null && block !== undefined, "release of an address that is not in use");
    this.blocks[address] = null;
    this.free.push(address);
    Atomics.sub(this.charged, 0, block.length / KIB);
  }

  view(address: number, bytes: number): Buffer {
    const block = this.blocks[address];
    assert(block !== null && block !== undefined, "view of an address that is not in use");
    return block.length === bytes ? block : block.subarray(0, bytes);
  }
}
