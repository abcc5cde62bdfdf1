// One accepted socket on an io_uring, with the face that a connection knows from Bun's sockets.
// Owned by its connection; the transport calls the on... methods with what the ring completed.
//
//   reading: armed (one request, many completions) --pause()--> cancelling --> not armed
//   writing: free --the kernel took less--> blocked --writable again--> free
//
// Invariants: after close() nothing is called any more, and its requests are cancelled; while it is
// blocked nothing of it is in the batch; failed, it takes no byte, since there is a gap before it.

import { assert } from "../../core/assert.ts";
import { describeErrno } from "../libc.ts";
import type { RawSocket, SocketHandlers } from "../raw-socket.ts";
import { decodeAddress } from "../socket-address.ts";
import type { RingTransport } from "./ring-transport.ts";
import {
  DONE_MORE,
  EAGAIN,
  ECANCELED,
  ENOBUFS,
  ENTRY_BUFFER_SELECT,
  ENTRY_SKIP_SUCCESS,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  OP_CLOSE,
  OP_NOP,
  OP_POLL_ADD,
  OP_RECV,
  POLL_MULTISHOT,
  POLLERR,
  POLLHUP,
  POLLOUT,
  RECV_MULTISHOT,
  SHUT_WR,
} from "./ring-abi.ts";
import { addressOf } from "./ring-calls.ts";
import { RECEIVE_GROUP } from "./receive-buffers.ts";
import { KIND_FAILURE, KIND_RECEIVE, KIND_WRITABLE, requestTag } from "./request-tag.ts";

const SOL_SOCKET = 1;
const SO_LINGER = 13;
const LINGER_RESET: Int32Array = new Int32Array([1, 0]); // on, no time: close() resets
const SOCKADDR_BYTES_MAX = 128;

const polled: Int32Array = new Int32Array(2); // struct pollfd; scratch of one call

/** More than this is written by a call of its own: copying it would cost more. */
const BATCHED_BYTES_MAX: number = 16 * 1024;

const HEAD_RECEIVE_ONCE: number = OP_RECV | (ENTRY_BUFFER_SELECT << 8);
const HEAD_RECEIVE: number = OP_RECV | (ENTRY_BUFFER_SELECT << 8) | (RECV_MULTISHOT << 16);
const HEAD_CLOSE: number = OP_CLOSE | (ENTRY_SKIP_SUCCESS << 8);

export class RingSocket<Owner> implements RawSocket<Owner> {
  data: Owner;
  readonly fd: number;
  readonly generation: number;
  /** Its run of bytes in the batch; -1 when it has none. */
  batchIndex = -1;
  /** Call handlers.sent once, when the kernel has taken all that is in the batch. */
  tellsSent = false;
  private readonly transport: RingTransport<Owner>;
  private readonly handlers: SocketHandlers<Owner>;
  private closed = false;
  private ended = false; // the peer sent FIN
  private endHeld = false; // and that is told when reading goes on
  private paused = false;
  private isFirst = true; // many connections send once: then there is nothing to cancel
  private armed = false; // a receive request is with the ring
  private cancelling = false; // and has been told to end
  private blocked = false; // the kernel takes no byte; we are told when it does
  private polled = false; // for that, from the first time on
  private watched = false; // for a reset, while paused and behind the peer's end
  private failure = -1; // errno of a send that failed, or 0: the connection is told soon
  private lostBytes = 0; // that did not leave because of it
  private peer: { address: string; port: number } | null = null;

  constructor(
    transport: RingTransport<Owner>,
    fd: number,
    generation: number,
    handlers: SocketHandlers<Owner>,
  ) {
    this.transport = transport;
    this.fd = fd;
    this.generation = generation;
    this.handlers = handlers;
    this.data = undefined as Owner;
  }

  private get isOver(): boolean {
    return this.closed || this.failure >= 0;
  }

  get remoteAddress(): string | undefined {
    return this.peerName().address;
  }

  get remotePort(): number | undefined {
    return this.peerName().port;
  }

  getTLSVersion(): null {
    return null;
  }

  // ---- by the connection --------------------------------------------------------------------

  get stagedBytes(): number {
    return this.transport.batch.bytesOf(this) + this.lostBytes;
  }

  /** Puts bytes into the batch of this turn; 0 when they must be written by write(). */
  stage(bytes: Uint8Array, offset: number, length: number): number {
    if (this.isOver) return -1;
    if (this.blocked || length > BATCHED_BYTES_MAX) return 0;
    const { transport } = this;
    if (!transport.batch.add(this, bytes, offset, offset + length)) {
      transport.flush();
      if (this.isOver) return -1;
      if (this.blocked || !transport.batch.add(this, bytes, offset, offset + length)) return 0;
    }
    transport.wantTurn();
    return length;
  }

  /** Hands what is in the batch to the kernel; what it refuses is given back meanwhile. */
  flush(): void {
    if (this.batchIndex >= 0) this.transport.flush();
  }

  awaitRoom(isFull: boolean): boolean {
    if (!isFull && this.hasRoom()) return false;
    this.block();
    return true;
  }

  /** Asked so, the kernel tells later if not now. */
  private hasRoom(): boolean {
    polled[0] = this.fd;
    polled[1] = POLLOUT;
    return this.transport.calls.poll(polled, 1, 0) !== 0;
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (this.isOver) return -1;
    const address = addressOf(bytes) + offset; // asked for anew: the bytes of a view may move
    if (this.batchIndex >= 0) {
      const count = this.writeBehind(address, length);
      if (count >= 0) return count;
      this.transport.flush();
      if (this.isOver) return -1;
      if (this.blocked) return 0; // what was given back goes first
    }
    const { calls } = this.transport;
    const count = calls.send(this.fd, address, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && calls.errno() !== EAGAIN) return -1;
    if (count < length) this.block();
    return Math.max(count, 0);
  }

  /**
   * What is in the batch and these bytes, by one call: a head and its body are one piece for the
   * network too. How many of the bytes were taken; -1 if the batch has to be settled first.
   */
  private writeBehind(address: number, length: number): number {
    const { batch, gather, calls } = this.transport;
    if (batch.sealed || this.tellsSent) return -1;
    const start = batch.starts[this.batchIndex]!;
    const staged = batch.ends[this.batchIndex]! - start;
    gather.set(batch.address + start, staged, address, length);
    const count = calls.sendmsg(this.fd, gather.address, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < staged) {
      if (count > 0) batch.starts[this.batchIndex] = start + count;
      return -1;
    }
    batch.drop(this);
    if (count < staged + length) this.block();
    return count - staged;
  }

  shutdown(): void {
    if (this.closed) return;
    this.flush();
    // Not by the ring: it leaves a shutdown to a thread of the kernel, which may be late for it and
    // meet the next socket of this number.
    this.transport.calls.shutdown(this.fd, SHUT_WR);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.transport.batch.drop(this);
    if (this.armed) this.cancel(KIND_RECEIVE);
    if (this.polled) this.cancel(KIND_WRITABLE);
    if (this.watched) this.cancel(KIND_FAILURE);
    this.transport.push(HEAD_CLOSE, this.fd, 0, 0, 0, 0, 0, 0);
    this.transport.forget(this);
  }

  terminate(): void {
    if (this.closed) return;
    this.transport.calls.setsockopt(this.fd, SOL_SOCKET, SO_LINGER, LINGER_RESET, 8);
    this.close();
  }

  pause(): void {
    if (this.closed) return;
    this.paused = true;
    if (this.armed && !this.cancelling) {
      this.cancelling = true;
      this.cancel(KIND_RECEIVE);
    }
    this.watch();
  }

  resume(): void {
    this.paused = false;
    if (this.endHeld && !this.closed) {
      this.endHeld = false;
      this.request(OP_NOP, KIND_RECEIVE, 0, 0); // which completes as an end does
    }
    this.arm();
  }

  // ---- by the transport ---------------------------------------------------------------------

  /** Reads from now on, unless that is not wanted. */
  arm(): void {
    if (this.armed || this.paused || this.ended || this.closed) return;
    this.armed = true;
    this.cancelling = false;
    this.request(this.isFirst ? HEAD_RECEIVE_ONCE : HEAD_RECEIVE, KIND_RECEIVE, 0, RECEIVE_GROUP);
    this.isFirst = false;
  }

  /** Bytes for the handler, or the end, an error, the end of a request. */
  onReceive(result: number, flags: number, bytes: Buffer | null): void {
    if ((flags & DONE_MORE) === 0) this.armed = false;
    if (bytes !== null && result > 0) this.handlers.input!(this, bytes, result);
    else if (result === 0) this.onEnd();
    else if (result !== -ENOBUFS && result !== -ECANCELED) return this.fail(-result);
    this.arm();
  }

  /** It takes bytes again, or there is an error: `events` of poll(2). */
  onWritable(events: number, flags: number): void {
    if ((flags & DONE_MORE) === 0) this.polled = false;
    if (!this.blocked) return;
    if (events > 0 && (events & (POLLOUT | POLLERR | POLLHUP)) === 0) return this.poll();
    this.blocked = false;
    this.handlers.drain(this);
  }

  /** While it was not read, something happened: `events` of poll(2). */
  onWatched(events: number, flags: number): void {
    if ((flags & DONE_MORE) === 0) this.watched = false;
    if ((this.paused || this.ended) && (events & POLLERR) !== 0) this.fail(0);
  }

  /**
   * The kernel took `taken` bytes of what the batch held from `start` to `end`, or there was an
   * error. False if the connection cannot go on: then tellFailure() follows, when no one writes.
   */
  onRefused(taken: number, bytes: Buffer, start: number, end: number): boolean {
    this.batchIndex = -1;
    if (taken < 0 && taken !== -EAGAIN) {
      this.failure = -taken;
      this.lostBytes = end - start;
      return false;
    }
    this.block();
    if (this.handlers.refused!(this, bytes, start + Math.max(taken, 0), end)) return true;
    this.failure = 0;
    return false;
  }

  tellFailure(): void {
    this.fail(this.failure);
  }

  /** All of it is with the kernel, and the connection waits for that. */
  onAllSent(): void {
    this.tellsSent = false;
    if (!this.closed && this.batchIndex < 0) this.handlers.sent!(this);
  }

  private onEnd(): void {
    this.ended = true;
    if (this.paused) this.endHeld = true;
    else this.handlers.end(this);
    this.watch();
  }

  /** It is over: the connection is told once, and the peer sees a reset. */
  fail(errno: number): void {
    if (this.closed) return;
    const error = new Error(errno === 0 ? "the connection was reset" : describeErrno(errno));
    this.handlers.close(this, error);
    this.terminate();
  }

  /** Nothing is read: errors are told to whoever waits for anything. */
  private watch(): void {
    if (this.watched || this.closed) return;
    this.watched = true;
    // Again and again, since the peer's end, which is told without being asked for, is no error.
    this.request(OP_POLL_ADD, KIND_FAILURE, 0, 0, POLL_MULTISHOT);
  }

  private block(): void {
    assert(this.batchIndex < 0, "a blocked socket has nothing in the batch");
    if (this.blocked || this.closed) return;
    this.blocked = true;
    this.poll();
  }

  /** One request for all times: the peer's end is told to each anew, as if there were room. */
  private poll(): void {
    if (this.polled) return;
    this.polled = true;
    this.request(OP_POLL_ADD, KIND_WRITABLE, POLLOUT, 0, POLL_MULTISHOT);
  }

  private request(head: number, kind: number, opFlags: number, group: number, length = 0): void {
    const user = requestTag(kind, this.fd);
    this.transport.push(head, this.fd, 0, length, opFlags, user, this.generation, group);
  }

  private cancel(kind: number): void {
    this.transport.cancel(requestTag(kind, this.fd), this.generation, 0);
  }

  /** Asked for when it is needed: most connections never are. */
  private peerName(): { address: string | undefined; port: number | undefined } {
    if (this.peer !== null) return this.peer;
    const bytes = new Uint8Array(SOCKADDR_BYTES_MAX);
    const length = new Int32Array([bytes.length]);
    if (this.closed || this.transport.calls.getpeername(this.fd, bytes, length) < 0) {
      return { address: undefined, port: undefined };
    }
    this.peer = decodeAddress(bytes);
    return this.peer;
  }
}
