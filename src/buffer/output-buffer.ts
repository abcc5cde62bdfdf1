// Bytes that the kernel did not take yet, in the order in which they must leave: a chain of
// io_bufs. Nothing is ever moved or copied again once it is in; a short write only moves the head
// of the first io_buf. Holds no io_buf while it is empty.
//
//   first -> io_buf -> io_buf -> last        pendingBytes = the sum of their lengths
//
// Invariant: pendingBytes > 0 <=> first is not null; only the last io_buf may have room.

import { assert } from "../core/assert.ts";
import { IO_BUF_CLASS_BYTES } from "../core/limits.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { IoBuf } from "./io-buf.ts";

/** Where bytes go: the part of a socket that is needed. Returns the count taken, -1 once closed. */
export interface ByteSink {
  write(bytes: Uint8Array, offset: number, length: number): number;
}

/** A long backlog is kept in io_bufs of this size rather than in many small ones. */
const CHAIN_STEP_BYTES: number = IO_BUF_CLASS_BYTES[2]!;

export class OutputBuffer {
  pendingBytes = 0;
  private readonly pool: BufferPool;
  private first: IoBuf | null = null;
  private last: IoBuf | null = null;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  /** Copies source[start, end) to the back. False without memory: then some of it may be missing,
   *  so the stream is broken and the connection must be closed. */
  append(source: Uint8Array, start: number, end: number): boolean {
    let position = start;
    if (this.last !== null) position += this.last.append(source, position, end);
    while (position < end) {
      const buf = this.pool.acquire(this.nextSize(end - position)) ?? this.pool.acquire(1);
      if (buf === null) {
        this.count(position - start);
        return false;
      }
      position += buf.append(source, position, end);
      this.link(buf);
    }
    this.count(end - start);
    return true;
  }

  /** Takes over a filled io_buf, or a chain of them, without copying. */
  adopt(chain: IoBuf): void {
    for (let buf: IoBuf | null = chain; buf !== null;) {
      const next: IoBuf | null = buf.next;
      buf.next = null;
      if (buf.length === 0) {
        this.pool.release(buf);
      } else {
        this.count(buf.length);
        this.link(buf);
      }
      buf = next;
    }
  }

  /** Writes until all is gone or the sink takes no more. Returns bytes written, -1 if it closed. */
  writeTo(sink: ByteSink): number {
    let total = 0;
    while (this.first !== null) {
      const buf: IoBuf = this.first;
      const count = sink.write(buf.bytes, buf.head, buf.length);
      if (count < 0 || this.first !== buf) return -1; // it closed, and may have released us
      assert(count <= buf.length, "the sink took more than it was given");
      const whole = count === buf.length;
      total += count;
      this.count(-count);
      buf.pop(count);
      if (!whole) break;
      this.unlinkFirst(buf);
    }
    return total;
  }

  release(): void {
    this.pool.releaseChain(this.first);
    this.first = null;
    this.last = null;
    this.count(-this.pendingBytes);
  }

  checkInvariants(): void {
    let bytes = 0;
    for (let buf = this.first; buf !== null; buf = buf.next) {
      assert(buf.held && buf.length > 0, "a queued io_buf is free or empty");
      assert(buf.next !== null || buf === this.last, "the last io_buf is not the end of the chain");
      bytes += buf.length;
    }
    assert(bytes === this.pendingBytes, "pendingBytes differs from what is queued");
  }

  /** A short backlog takes what it needs; a long one, the largest class that it fills. */
  private nextSize(left: number): number {
    if (left <= CHAIN_STEP_BYTES) return this.first === null ? left : CHAIN_STEP_BYTES;
    let size = CHAIN_STEP_BYTES;
    for (const bytes of IO_BUF_CLASS_BYTES) if (bytes <= left) size = bytes;
    return size;
  }

  private count(bytes: number): void {
    this.pendingBytes += bytes;
    this.pool.usedBytes += bytes;
  }

  private link(buf: IoBuf): void {
    if (this.last === null) this.first = buf;
    else this.last.next = buf;
    this.last = buf;
  }

  private unlinkFirst(buf: IoBuf): void {
    this.first = buf.next;
    if (this.first === null) this.last = null;
    buf.next = null;
    this.pool.release(buf);
  }
}
