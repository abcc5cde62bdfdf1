// Bytes that arrived and wait, for the rest of a request head or for their turn. One contiguous
// io_buf, because a head is parsed in place; it grows by moving to a larger class. Holds no io_buf
// while it is empty: a connection that waits for its next request costs nothing here.
//
// Invariant: length > 0 <=> an io_buf is held.

import { assert } from "../core/assert.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { IoBuf } from "./io-buf.ts";

export class InputBuffer {
  private readonly pool: BufferPool;
  private buf: IoBuf | null = null;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  get length(): number {
    return this.buf === null ? 0 : this.buf.length;
  }

  /** The block that holds the bytes: they are [start, end) of it. */
  get bytes(): Buffer {
    assert(this.buf !== null, "bytes of an empty input buffer");
    return this.buf.bytes;
  }

  get start(): number {
    return this.buf === null ? 0 : this.buf.head;
  }

  get end(): number {
    return this.buf === null ? 0 : this.buf.tail;
  }

  /** Copies source[start, end) behind what is there; false, and nothing changed, without memory. */
  append(source: Uint8Array, start: number, end: number): boolean {
    const count = end - start;
    if (count === 0) return true;
    if (!this.reserve(count)) return false;
    this.buf!.append(source, start, end);
    this.pool.usedBytes += count;
    return true;
  }

  /** Drops the first `count` bytes, and the io_buf with the last of them. */
  pop(count: number): void {
    if (count === 0) return;
    assert(this.buf !== null, "pop from an empty input buffer");
    this.buf.pop(count);
    this.pool.usedBytes -= count;
    if (this.buf.length === 0) this.release();
  }

  release(): void {
    if (this.buf === null) return;
    this.pool.usedBytes -= this.buf.length;
    this.pool.release(this.buf);
    this.buf = null;
  }

  /** Makes room for `count` more bytes: at the back, by moving to the front, by a larger io_buf. */
  private reserve(count: number): boolean {
    const old = this.buf;
    if (old === null) {
      this.buf = this.pool.acquire(count);
      return this.buf !== null;
    }
    if (old.room >= count) return true;
    if (old.capacity - old.length >= count) {
      old.adjust();
      return true;
    }
    const larger = this.pool.acquire(old.length + count);
    if (larger === null) return false;
    larger.copy(old);
    this.pool.release(old);
    this.buf = larger;
    return true;
  }
}
