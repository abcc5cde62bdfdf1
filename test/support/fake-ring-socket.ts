// A fake socket with the manners of net/uring/ring-socket.ts: input is lent, and overwritten as
// soon as the handler has returned; small writes are staged and leave in the next turn; what the
// kernel then refuses comes back. Everything else is FakeSocket's.
//
// The worlds of the tests use it when MILLRACE_TEST_SOCKET=ring: each test of a session holds for
// both kinds of sockets.

import type { SocketHandler } from "bun";
import type { SocketHandlers } from "../../src/net/raw-socket.ts";
import { FakeSocket, type FakeSocketOptions } from "./fake-socket.ts";
import { Random } from "./random.ts";

const STAGED_BYTES_MAX = 16 * 1024;
const OVERWRITTEN = 0xdd;

export class FakeRingSocket<Data = unknown> extends FakeSocket<Data> {
  tellsSent = false;
  private readonly ring: SocketHandlers<Data>;
  private staged: Buffer = Buffer.alloc(0);
  private blocked = false;
  private sentOwed = false;

  constructor(handlers: SocketHandler<Data>, options: FakeSocketOptions<Data> = {}) {
    super(handlers, options);
    this.ring = handlers as unknown as SocketHandlers<Data>;
  }

  override get stagedBytes(): number {
    return this.staged.length;
  }

  getTLSVersion(): null {
    return null;
  }

  stage(bytes: Uint8Array, offset: number, length: number): number {
    if (this.closed || this.shutDown) return -1;
    if (this.blocked || length > STAGED_BYTES_MAX) return 0;
    this.staged = Buffer.concat([this.staged, bytes.subarray(offset, offset + length)]);
    queueMicrotask(() => this.settle()); // a turn of its own, if this is not in one
    return length;
  }

  flush(): void {
    const { staged } = this;
    if (staged.length === 0) return;
    this.staged = Buffer.alloc(0);
    const count = super.write(staged, 0, staged.length);
    if (count === staged.length) {
      this.sentOwed = this.tellsSent;
      this.tellsSent = false;
      return;
    }
    this.blocked = true;
    const lent = Buffer.from(staged);
    const kept = this.ring.refused!(this as never, lent, Math.max(count, 0), lent.length);
    lent.fill(OVERWRITTEN);
    if (!kept) super.terminate();
  }

  override write(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): number {
    if (this.staged.length > 0) {
      this.flush();
      if (this.blocked) return 0; // what was given back goes first
    }
    const count = super.write(bytes, offset, length);
    if (count >= 0 && count < length) this.blocked = true;
    return count;
  }

  override shutdown(): void {
    this.flush();
    super.shutdown();
  }

  override terminate(): void {
    this.staged = Buffer.alloc(0);
    super.terminate();
  }

  override drain(bytesMore: number = Infinity): void {
    this.blocked = false;
    super.drain(bytesMore);
  }

  protected override receiveData(chunk: Buffer): void {
    const lent = Buffer.alloc(chunk.length + 16, OVERWRITTEN); // an end that is not the buffer's
    chunk.copy(lent);
    this.ring.input!(this as never, lent, chunk.length);
    lent.fill(OVERWRITTEN);
  }

  protected override settleOne(): boolean {
    if (this.closed) return super.settleOne();
    if (this.sentOwed) {
      this.sentOwed = false;
      this.ring.sent!(this as never);
      return true;
    }
    const busy = super.settleOne();
    if (this.staged.length > 0 && !this.closed)
      this.flush(); // the turn is over
    else if (!busy) return false;
    return true;
  }
}

const kind: typeof FakeSocket =
  process.env["MILLRACE_TEST_SOCKET"] === "ring" ? FakeRingSocket : FakeSocket;

/** A socket of the kind that this run is about. */
export function fakeSocket<Data>(
  handlers: SocketHandler<Data>,
  options: FakeSocketOptions<Data> = {},
  seed: number | null = null,
): FakeSocket<Data> {
  const socket = new kind(handlers, options);
  if (seed !== null) socket.follow(new Random(seed), options);
  return socket;
}
