// The io_buf pool of one worker: seven classes over a block store that all workers share. A few
// free io_bufs of each class stay here with their views; the rest goes back to the store. Nothing
// is taken before it is needed, and a null is an answer that every caller must expect: the memory
// limit is met here, and it never throws.
//
// Invariant: heldBytes = the sum of the capacities of all io_bufs that are out, and
// stash[c] counts the free list of class c, never more than STASH_COUNT_MAX[c].

import { assert } from "../core/assert.ts";
import { IO_BUF_CLASS_BYTES } from "../core/limits.ts";
import type { BlockStore } from "../memory/block-store.ts";
import { IoBuf } from "./io-buf.ts";

/** Free io_bufs kept per class: at most 2 MiB a worker, most of it in the classes that churn. */
const STASH_COUNT_MAX: readonly number[] = [64, 32, 8, 2, 0, 0, 0];

const CLASS_COUNT: number = IO_BUF_CLASS_BYTES.length;

assert(STASH_COUNT_MAX.length === CLASS_COUNT, "one stash bound per io_buf class");

export class BufferPool {
  /** Bytes of all io_bufs that are out, by capacity. */
  heldBytes = 0;
  /** Bytes that wait in input and output buffers, which keep this count. */
  usedBytes = 0;
  /** Requests that the memory limit refused. */
  refusedCount = 0;
  private readonly store: BlockStore;
  private readonly free: (IoBuf | null)[] = new Array<IoBuf | null>(CLASS_COUNT).fill(null);
  private readonly stash: Int32Array = new Int32Array(CLASS_COUNT);
  private readonly lowWater: Int32Array = new Int32Array(CLASS_COUNT);

  constructor(store: BlockStore) {
    this.store = store;
  }

  /** The smallest io_buf with room for `bytes`; null above 8 MiB or at the memory limit. */
  acquire(bytes: number): IoBuf | null {
    const index = classOf(bytes);
    if (index < 0) return null;
    const buf: IoBuf | null = this.free[index]!;
    if (buf === null) return this.acquireFromStore(index);
    this.free[index] = buf.next;
    buf.next = null;
    const left = --this.stash[index]!;
    if (left < this.lowWater[index]!) this.lowWater[index] = left;
    buf.held = true;
    this.heldBytes += buf.capacity;
    return buf;
  }

  /** Takes an io_buf back and forgets its bytes. */
  release(buf: IoBuf): void {
    assert(buf.held, "io_buf released twice");
    buf.held = false;
    buf.clear();
    this.heldBytes -= buf.capacity;
    const index = buf.classIndex;
    if (this.stash[index]! >= STASH_COUNT_MAX[index]!) {
      buf.next = null;
      this.store.release(buf.address);
      return;
    }
    buf.next = this.free[index]!;
    this.free[index] = buf;
    this.stash[index]!++;
  }

  /** Takes back a whole chain. */
  releaseChain(first: IoBuf | null): void {
    for (let buf = first; buf !== null;) {
      const next = buf.next;
      this.release(buf);
      buf = next;
    }
  }

  /** Hands back to the store half of what has lain idle since the last trim. */
  trim(): void {
    for (let index = 0; index < CLASS_COUNT; index++) {
      this.shrink(index, (this.lowWater[index]! + 1) >> 1);
      this.lowWater[index] = this.stash[index]!;
    }
    this.store.tick?.();
  }

  /** Hands back every free io_buf. */
  flush(): void {
    for (let index = 0; index < CLASS_COUNT; index++) {
      this.shrink(index, this.stash[index]!);
      this.lowWater[index] = 0;
    }
  }

  checkInvariants(): void {
    for (let index = 0; index < CLASS_COUNT; index++) {
      let count = 0;
      for (let buf = this.free[index] ?? null; buf !== null; buf = buf.next) {
        assert(!buf.held && buf.length === 0, "a free io_buf is held or holds bytes");
        assert(buf.classIndex === index, "a free io_buf is on the list of another class");
        count++;
      }
      assert(count === this.stash[index]!, "the stash count differs from its list");
      assert(count <= STASH_COUNT_MAX[index]!, "the stash is longer than its bound");
    }
  }

  private acquireFromStore(index: number): IoBuf | null {
    const capacity = IO_BUF_CLASS_BYTES[index]!;
    let address = this.store.acquire(capacity);
    if (address === 0) {
      this.flush();
      address = this.store.acquire(capacity);
    }
    if (address === 0) {
      this.refusedCount++;
      return null;
    }
    this.heldBytes += capacity;
    return new IoBuf(this.store.view(address, capacity), address, index);
  }

  private shrink(index: number, count: number): void {
    for (let n = 0; n < count; n++) {
      const buf = this.free[index] ?? null;
      assert(buf !== null, "the stash count differs from its list");
      this.free[index] = buf.next;
      buf.next = null;
      this.stash[index]!--;
      this.store.release(buf.address);
    }
  }
}

/** The index of the smallest class that is not smaller than `bytes`; -1 if there is none. */
function classOf(bytes: number): number {
  for (let index = 0; index < CLASS_COUNT; index++) {
    if (bytes <= IO_BUF_CLASS_BYTES[index]!) return index;
  }
  return -1;
}
