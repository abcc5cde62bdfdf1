// The body of one request on its way from the session to the handler. What arrived lies in a chain
// of io_bufs, or, when all of it came with the head, where it came: then nothing is copied until
// the handler asks. One reader at most takes it: whole (`collect`) or piece by piece (`read`).
//
// Invariant: bufferedBytes = what was delivered and not taken; complete or error is set once.

import type { BufferPool } from "../buffer/buffer-pool.ts";
import type { IoBuf } from "../buffer/io-buf.ts";
import { assert } from "../core/assert.ts";
import { MillraceError } from "../core/errors.ts";
import { IO_BUF_CLASS_BYTES } from "../core/limits.ts";

const EMPTY = new Uint8Array(0);
const STEP_BYTES: number = IO_BUF_CLASS_BYTES[1]!;

export class RequestBody {
  bufferedBytes = 0;
  /** All of it has been delivered. */
  complete = true;
  /** A reader has begun. */
  used = false;
  /** The reader wants all of it: it may grow to its limit here. */
  collecting = false;
  /** Why it will never be complete. */
  error: MillraceError | null = null;
  /** Called when the reader wants more than there is. */
  onDemand: (() => void) | null = null;
  private readonly pool: BufferPool;
  private whole: Buffer | null = null; // where it came, if it came in one piece
  private wholeStart = 0;
  private first: IoBuf | null = null;
  private last: IoBuf | null = null;
  private wake: (() => void) | null = null;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  /** A new request begins; `complete` says that it has no body. */
  reset(complete: boolean): void {
    this.release();
    this.complete = complete;
    this.used = false;
    this.collecting = false;
    this.error = null;
    this.onDemand = null;
    this.wake = null;
  }

  /** The whole body is bytes[start, end): valid until detach() or the end of the request. */
  setWhole(bytes: Buffer, start: number, end: number): void {
    this.whole = bytes;
    this.wholeStart = start;
    this.bufferedBytes = end - start;
  }

  /** Copies what setWhole() was given, because its bytes are about to be reused. */
  detach(): boolean {
    if (this.whole === null) return true;
    const { whole, wholeStart, bufferedBytes } = this;
    this.whole = null;
    this.bufferedBytes = 0;
    return this.deliver(whole, wholeStart, wholeStart + bufferedBytes);
  }

  /** Appends a run of body bytes; false when there is no memory for them. */
  deliver(bytes: Buffer, start: number, end: number): boolean {
    let position = start;
    while (position < end) {
      if (this.last === null || this.last.room === 0) {
        const wanted = Math.max(end - position, this.first === null ? 1 : STEP_BYTES);
        const buf = this.pool.acquire(Math.min(wanted, IO_BUF_CLASS_BYTES[3]!));
        if (buf === null) return false;
        if (this.last === null) this.first = buf;
        else this.last.next = buf;
        this.last = buf;
      }
      position += this.last.append(bytes, position, end);
    }
    this.bufferedBytes += end - start;
    if (!this.collecting) this.notify();
    return true;
  }

  finish(): void {
    this.complete = true;
    this.notify();
  }

  fail(error: MillraceError): void {
    if (this.complete || this.error !== null) return;
    this.error = error;
    this.release();
    this.notify();
  }

  /** Marks the body as taken; throws when it was taken before. */
  use(): void {
    if (this.used) {
      throw new MillraceError("ERR_BODY_USED", "Cannot read the request body: it was read already");
    }
    this.used = true;
  }

  /** Waits for the end and gives all of it, in memory of the caller's own. */
  collect(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
    this.use();
    return this.complete ? this.takeAll() : this.collectLater();
  }

  /** All of a body that is complete. */
  takeComplete(): Uint8Array<ArrayBuffer> {
    assert(this.complete, "the whole of a body that is not complete");
    this.use();
    return this.takeAll();
  }

  private async collectLater(): Promise<Uint8Array<ArrayBuffer>> {
    this.collecting = true;
    while (!this.complete) await this.more();
    return this.takeAll();
  }

  /** The next piece, in memory of the caller's own; null at the end. After use(). */
  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    while (this.bufferedBytes === 0) {
      if (this.complete) return null;
      await this.more();
    }
    return this.takeAll();
  }

  /** Gives back all memory. What was not read is lost. */
  release(): void {
    this.whole = null;
    this.pool.releaseChain(this.first);
    this.first = null;
    this.last = null;
    this.bufferedBytes = 0;
  }

  private more(): Promise<void> {
    if (this.error !== null) throw this.error;
    return new Promise((resolve, reject) => {
      this.wake = () => (this.error === null ? resolve() : reject(this.error));
      this.onDemand?.();
    });
  }

  private notify(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }

  private takeAll(): Uint8Array<ArrayBuffer> {
    const size = this.bufferedBytes;
    if (size === 0) return EMPTY;
    const all = new Uint8Array(size);
    let position = 0;
    if (this.whole !== null) {
      all.set(this.whole.subarray(this.wholeStart, this.wholeStart + size));
    }
    for (let buf = this.first; buf !== null; buf = buf.next) {
      all.set(buf.bytes.subarray(buf.head, buf.tail), position);
      position += buf.length;
    }
    this.release();
    return all;
  }
}
