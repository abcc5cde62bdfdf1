// What the sockets of one worker write during one turn, side by side in one io_buf, so that it
// leaves with one system call for all of them: a ring's submit(). Owned by the transport.
//
//   | first socket's bytes | second socket's bytes | third ... | free |
//
// Invariant: an open socket has one run of bytes at most, and `socket.batchIndex` says which.

import { MillraceError } from "../../core/errors.ts";
import type { BufferPool } from "../../buffer/buffer-pool.ts";
import { copyBytes, type IoBuf } from "../../buffer/io-buf.ts";
import { addressOf } from "./ring-calls.ts";

/** The part of a socket that is needed. */
export interface BatchMember {
  /** Its run in the batch; -1 when it has none. */
  batchIndex: number;
}

export class SendBatch<Member extends BatchMember> {
  /** Runs in the batch, those of members that left included. */
  count = 0;
  /** While the results of a batch are looked at, nothing can be added. */
  sealed = false;
  readonly bytes: Buffer;
  readonly address: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly members: (Member | null)[] = [];
  private length = 0;
  private readonly pool: BufferPool;
  private readonly block: IoBuf;

  /** Throws an Error without memory for it. */
  constructor(pool: BufferPool, bytes: number, membersMax: number) {
    const block = pool.acquire(bytes);
    if (block === null) {
      throw new MillraceError(
        "ERR_MEMORY_LIMIT",
        "the memory limit leaves no room for a send batch",
      );
    }
    this.pool = pool;
    this.block = block;
    this.bytes = block.bytes;
    this.address = addressOf(block.bytes);
    this.starts = new Int32Array(membersMax);
    this.ends = new Int32Array(membersMax);
  }

  /** Copies source[start, end) behind what the member has here; false when there is no place. */
  add(member: Member, source: Uint8Array, start: number, end: number): boolean {
    const at = this.length;
    const next = at + end - start;
    if (this.sealed || next > this.bytes.length) return false;
    let index = member.batchIndex;
    if (index < 0) {
      index = this.count;
      if (index === this.starts.length) return false;
      this.count = index + 1;
      this.members[index] = member;
      this.starts[index] = at;
      member.batchIndex = index;
    } else if (index !== this.count - 1) {
      return false; // others' bytes lie behind its own
    }
    copyBytes(source, start, end, this.bytes, at);
    this.ends[index] = next;
    this.length = next;
    return true;
  }

  /** Bytes that the member has here. */
  bytesOf(member: Member): number {
    const index = member.batchIndex;
    return index < 0 ? 0 : this.ends[index]! - this.starts[index]!;
  }

  /** Forgets the bytes of a member that is closing. */
  drop(member: Member): void {
    if (member.batchIndex < 0) return;
    this.members[member.batchIndex] = null;
    member.batchIndex = -1;
  }

  /** Everything has been sent or taken back. */
  clear(): void {
    this.members.fill(null, 0, this.count);
    this.count = 0;
    this.length = 0;
    this.sealed = false;
  }

  release(): void {
    this.pool.release(this.block);
  }
}
