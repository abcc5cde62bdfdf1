// The body of one request on its way from the session to the handler. What arrived lies in a chain
// of io_bufs, or, when all of it came with the head, where it came: then nothing is copied until
// the handler asks. One reader at most takes it: whole (`collect`) or piece by piece (`read`).
// Pooled with its request: a reader that outlives the request is told so, and never sees the next.
//
// Invariant: bufferedBytes = what was delivered and not taken; complete or error is set once.

import type { BufferPool } from "../buffer/buffer-pool.ts";
import type { IoBuf } from "../buffer/io-buf.ts";
import { assert } from "../core/assert.ts";
import { MillraceError } from "../core/errors.ts";
import { IO_BUF_CLASS_BYTES } from "../core/limits.ts";
import type { TrailerParser } from "../http/trailers.ts";

const STEP_BYTES: number = IO_BUF_CLASS_BYTES[1]!;

/** Why a body will never be complete: the error's code, and its text. */
export const BODY_FAULTS = {
  left: ["ERR_BODY_ABORTED", "the peer left before it was complete"],
  slow: ["ERR_BODY_ABORTED", "it came too slowly"],
  answered: ["ERR_BODY_ABORTED", "the request was answered before it was read"],
  forsaken: ["ERR_BODY_UNREAD", "its reader gave it up"],
  large: ["ERR_BODY_TOO_LARGE", "it is longer than the limit"],
  malformed: ["ERR_BODY_MALFORMED", "it is malformed"],
  memory: ["ERR_MEMORY_LIMIT", "no memory is left for it"],
} as const;

export type BodyFault = keyof typeof BODY_FAULTS;

export class RequestBody {
  bufferedBytes = 0;
  /** All of it has been delivered. */
  complete = true;
  /** A reader has taken it. */
  used = false;
  /** And has asked for some of it: one that was given it may never do so. */
  begun = false;
  /** The reader wants all of it: it may grow to its limit here. */
  collecting = false;
  /** Why it will never be complete. */
  error: MillraceError | null = null;
  /** The fields behind it, once it is complete and if there were any. */
  trailers: TrailerParser | null = null;
  /** Called when the reader wants more than there is. */
  onDemand: (() => void) | null = null;
  private readonly pool: BufferPool;
  private serial = 0; // counts the requests: a reader belongs to one of them
  private whole: Buffer | null = null; // where it came, if it came in one piece
  private wholeStart = 0;
  private first: IoBuf | null = null;
  private last: IoBuf | null = null;
  private wake: (() => void) | null = null;
  private completion: PromiseWithResolvers<TrailerParser | null> | null = null;
  private forsaken = false;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  /** A new request begins; `complete` says that it has no body, or all of it at once. */
  reset(complete: boolean): void {
    this.complete = complete;
    this.used = false;
    this.begun = false;
    this.collecting = false;
    this.error = null;
    this.trailers = null;
    this.onDemand = null;
    this.completion = null;
    this.forsaken = false;
  }

  /** The request is over: its reader, if there still is one, gets no more. */
  end(): void {
    this.serial++;
    this.trailers = null;
    this.release();
    if (this.wake !== null) this.notify();
    this.completion?.reject(bodyError("answered"));
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
    if (this.deliver(whole, wholeStart, wholeStart + bufferedBytes)) return true;
    this.complete = false;
    this.fail("memory");
    return false;
  }

  /** Moves what was not taken out of the pool: its handler may take its time, or never end. */
  unpool(): void {
    if (this.first === null) return;
    const bytes = Buffer.from(this.takeAll().buffer);
    this.setWhole(bytes, 0, bytes.length);
  }

  /** Appends a run of body bytes; false when there is no memory for them. */
  deliver(bytes: Buffer, start: number, end: number): boolean {
    let position = start;
    while (position < end) {
      if (this.last === null || this.last.room === 0) {
        // As much again as there is: few pieces, and no peer is given more than it has sent.
        const more = this.first === null ? 1 : Math.max(STEP_BYTES, this.bufferedBytes);
        const wanted = Math.max(end - position, more);
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

  finish(trailers: TrailerParser | null = null): void {
    this.trailers = trailers;
    this.complete = true;
    this.notify();
    this.completion?.resolve(trailers);
  }

  /** What has not been taken is lost, and its reader is told why. */
  fail(fault: BodyFault): void {
    if (this.complete || this.error !== null) return;
    this.error = bodyError(fault);
    this.release();
    this.notify();
    this.completion?.reject(this.error);
  }

  /** Resolves with the trailers when the body is complete; rejects if it will not be. */
  completed(): Promise<TrailerParser | null> {
    if (this.complete) return Promise.resolve(this.trailers);
    this.completion ??= Promise.withResolvers();
    if (this.error !== null) this.completion.reject(this.error);
    else if (this.forsaken) this.completion.reject(bodyError("forsaken"));
    return this.completion.promise;
  }

  /** The reader wants no more of it, so that its end may never come. */
  forsake(reader: number): void {
    if (reader !== this.serial || this.complete) return;
    this.forsaken = true;
    this.completion?.reject(bodyError("forsaken"));
  }

  /** Marks the body as taken and returns the reader's number; throws when it was taken before. */
  use(): number {
    const reader = this.reserve();
    this.begun = true;
    return reader;
  }

  /** The same for a reader that begins with its first read(), if it ever does. */
  reserve(): number {
    if (this.used) {
      throw new MillraceError("ERR_BODY_USED", "Cannot read the request body: it was read already");
    }
    this.used = true;
    return this.serial;
  }

  /** Waits for the end and gives all of it, in memory of the caller's own. */
  collect(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
    const reader = this.use();
    return this.complete ? this.takeAll() : this.collectLater(reader);
  }

  /** All of a body that is complete. */
  takeComplete(): Uint8Array<ArrayBuffer> {
    assert(this.complete, "the whole of a body that is not complete");
    this.use();
    return this.takeAll();
  }

  private async collectLater(reader: number): Promise<Uint8Array<ArrayBuffer>> {
    this.collecting = true;
    while (!this.complete) await this.more(reader);
    return this.takeAll();
  }

  /** The next piece, in memory of the caller's own; null at the end. `reader` is use()'s number. */
  async read(reader: number): Promise<Uint8Array<ArrayBuffer> | null> {
    if (reader !== this.serial) throw bodyError("answered");
    this.begun = true;
    while (this.bufferedBytes === 0) {
      if (this.complete) return null;
      await this.more(reader);
    }
    return this.takeAll();
  }

  /** The body piece by piece. It is taken by the call, not by the first step. */
  chunks(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    return this.readOn(this.use());
  }

  private async *readOn(reader: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    for (;;) {
      const chunk = await this.read(reader);
      if (chunk === null) return;
      yield chunk;
    }
  }

  /** Gives back all memory. What was not read is lost. */
  private release(): void {
    this.whole = null;
    this.pool.releaseChain(this.first);
    this.first = null;
    this.last = null;
    this.bufferedBytes = 0;
  }

  /** Waits until there is more, of this request. */
  private async more(reader: number): Promise<void> {
    if (this.error !== null) throw this.error;
    const woken = new Promise<void>((resolve) => (this.wake = resolve));
    this.onDemand?.();
    await woken;
    if (reader !== this.serial) throw bodyError("answered");
    if (this.error !== null) throw this.error as MillraceError;
  }

  private notify(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }

  private takeAll(): Uint8Array<ArrayBuffer> {
    const all = this.takeOne() ?? this.takeChain();
    this.release();
    return all;
  }

  /** What lies in one piece, as most bodies do: copied without clearing the copy before. */
  private takeOne(): Uint8Array<ArrayBuffer> | null {
    const { whole, wholeStart, first } = this;
    if (whole !== null) {
      return new Uint8Array(whole.subarray(wholeStart, wholeStart + this.bufferedBytes));
    }
    if (first === null || first.next !== null) return null;
    return new Uint8Array(first.bytes.subarray(first.head, first.tail));
  }

  private takeChain(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.bufferedBytes);
    let position = 0;
    for (let buf = this.first; buf !== null; buf = buf.next) {
      all.set(buf.bytes.subarray(buf.head, buf.tail), position);
      position += buf.length;
    }
    return all;
  }
}

function bodyError(fault: BodyFault): MillraceError {
  const [code, why] = BODY_FAULTS[fault];
  return new MillraceError(code, `Cannot read the request body: ${why}`);
}
