// What sockets are read into: equal pieces of one io_buf, lent to the kernel through a ring of its
// own. It takes one only when bytes have arrived, so that an idle connection holds none; we give it
// back when the event is over.
//
//   with the kernel --bytes arrived--> ours, during one event --give()--> with the kernel
//
// A slot of the ring is 16 bytes: | address 8 | length 4 | number 2 | tail 2, in slot 0 only |
// Invariant: a piece is with the kernel or with the one event that it was taken for.

import { assert } from "../../core/assert.ts";
import { MillraceError } from "../../core/errors.ts";
import type { BufferPool } from "../../buffer/buffer-pool.ts";
import type { IoBuf } from "../../buffer/io-buf.ts";
import { describeErrno } from "../libc.ts";
import { REGISTER_BUFFER_RING, SYS_IO_URING_REGISTER } from "./ring-abi.ts";
import { addressOf, memoryAt, type RingCalls } from "./ring-calls.ts";
import type { RingMapping } from "./ring.ts";

const SLOT_BYTES = 16;
const SLOT_WORDS = 4;
const PAGE_BYTES = 4096;
const WORD = 2 ** 32;
const ADDRESS_LIMIT: number = 2 ** 47; // what is not below it is an error
const PROT_READ_WRITE = 0x1 | 0x2;
const MAP_PRIVATE_ANONYMOUS = 0x2 | 0x20;

/** The number by which requests name these buffers; a ring may have several such groups. */
export const RECEIVE_GROUP = 1;

export class ReceiveBuffers {
  /** Of the ring that is shared with the kernel, for whoever ends it. */
  readonly mapping: RingMapping;
  private readonly pool: BufferPool;
  private readonly block: IoBuf;
  private readonly views: Buffer[] = [];
  private readonly base: number;
  private readonly pieceBytes: number;
  private readonly slots: Int32Array;
  private readonly mask: number;
  private tail = 0;

  /** `count` is a power of two. Throws an Error that says why it cannot be. */
  constructor(
    calls: RingCalls,
    ringFd: number,
    pool: BufferPool,
    count: number,
    pieceBytes: number,
  ) {
    const block = pool.acquire(count * pieceBytes);
    if (block === null) {
      throw new MillraceError(
        "ERR_MEMORY_LIMIT",
        "the memory limit leaves no room for receive buffers",
      );
    }
    this.pool = pool;
    this.block = block;
    this.base = addressOf(block.bytes);
    this.pieceBytes = pieceBytes;
    this.mask = count - 1;
    const bytes = Math.max(count * SLOT_BYTES, PAGE_BYTES);
    const address = Number(calls.mmap(null, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0));
    if (!(address > 0 && address < ADDRESS_LIMIT)) {
      pool.release(block);
      throw new Error(`mmap of a buffer ring: ${describeErrno(calls.errno())}`);
    }
    this.mapping = { address, bytes };
    this.slots = new Int32Array(memoryAt(address, count * SLOT_BYTES));
    try {
      register(calls, ringFd, address, count);
    } catch (error) {
      calls.munmap(address, bytes);
      pool.release(block);
      throw error;
    }
    for (let number = 0; number < count; number++) {
      const at = number * pieceBytes;
      this.views.push(block.bytes.subarray(at, at + pieceBytes));
      this.give(number);
    }
  }

  /** The piece with this number. Its bytes are valid until give(). */
  view(number: number): Buffer {
    const view = this.views[number];
    assert(view !== undefined, "a receive buffer that does not exist");
    return view;
  }

  /** Lends a piece to the kernel again. */
  give(number: number): void {
    const { slots } = this;
    const at = (this.tail & this.mask) * SLOT_WORDS;
    const address = this.base + number * this.pieceBytes;
    slots[at] = address | 0;
    slots[at + 1] = address / WORD;
    slots[at + 2] = this.pieceBytes;
    slots[at + 3] = (slots[at + 3]! & ~0xffff) | number;
    this.tail = (this.tail + 1) & 0xffff;
    slots[3] = (slots[3]! & 0xffff) | (this.tail << 16);
  }

  /** After the ring has been closed: before, the kernel may write into them. */
  release(): void {
    this.pool.release(this.block);
  }
}

function register(calls: RingCalls, ringFd: number, address: number, count: number): void {
  // struct io_uring_buf_reg: address 8, entries 4, group 2, flags 2, three reserved words of 8
  const registration = new Uint32Array(10);
  registration[0] = address % WORD;
  registration[1] = address / WORD;
  registration[2] = count;
  registration[3] = RECEIVE_GROUP;
  if (calls.register(SYS_IO_URING_REGISTER, ringFd, REGISTER_BUFFER_RING, registration, 1) >= 0) {
    return;
  }
  throw new Error(`buffers of an io_uring: ${describeErrno(calls.errno())}`);
}
