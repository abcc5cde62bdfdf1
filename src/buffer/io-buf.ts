// One pooled block of memory with a reader at the front and a writer at the back. Owned by exactly
// one holder at a time (an input or output buffer, a body, the reactor's cork), which gives it back
// to the pool it came from. The view is made once and kept: a new one costs ten times an
// acquire.
//
//   0            head             tail            capacity
//   | processed  |  unprocessed   |     free      |
//                 `--- length ---'
//
// Invariant: 0 <= head, 0 <= length, head + length <= capacity.

import { assert } from "../core/assert.ts";

export class IoBuf {
  /** The whole block. Valid only while the IoBuf is held. */
  readonly bytes: Buffer;
  readonly capacity: number;
  /** Index into IO_BUF_CLASS_BYTES. */
  readonly classIndex: number;
  /** Where the block is in the store. */
  readonly address: number;
  head = 0;
  length = 0;
  /** The next of a chain, or of a free list. */
  next: IoBuf | null = null;
  /** Whether somebody holds it: catches a double release. */
  held = true;

  constructor(bytes: Buffer, address: number, classIndex: number) {
    this.bytes = bytes;
    this.capacity = bytes.length;
    this.address = address;
    this.classIndex = classIndex;
  }

  /** Where the next byte is written. */
  get tail(): number {
    return this.head + this.length;
  }

  /** Bytes that can be appended without adjust(). */
  get room(): number {
    return this.capacity - this.head - this.length;
  }

  /** Marks the first `count` unprocessed bytes as processed. */
  pop(count: number): void {
    assert(count >= 0 && count <= this.length, "pop of more bytes than there are");
    this.head += count;
    this.length -= count;
    if (this.length === 0) this.head = 0;
  }

  /** Moves the unprocessed bytes to the front, so that all free space is at the back. */
  adjust(): void {
    if (this.head === 0) return;
    this.bytes.copyWithin(0, this.head, this.head + this.length);
    this.head = 0;
  }

  clear(): void {
    this.head = 0;
    this.length = 0;
  }

  /** Replaces the content by the unprocessed bytes of `other`, which keeps them. */
  copy(other: IoBuf): void {
    assert(other.length <= this.capacity, "copy of more bytes than fit");
    other.bytes.copy(this.bytes, 0, other.head, other.tail);
    this.head = 0;
    this.length = other.length;
  }

  /** Appends as much of source[start, end) as fits; returns how many bytes that was. */
  append(source: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.room);
    if (count > 0) copyBytes(source, start, start + count, this.bytes, this.tail);
    this.length += count;
    return count;
  }
}

/** Copies source[start, end) to target at `offset`, without a view where the runtime allows it. */
export function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Buffer,
  offset: number,
): void {
  if (start === 0 && end === source.length) target.set(source, offset);
  else if (source instanceof Buffer) source.copy(target, offset, start, end);
  else target.set(source.subarray(start, end), offset);
}
