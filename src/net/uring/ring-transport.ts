// The sockets of one worker on one io_uring. It accepts, reads into lent buffers, sends what all
// sockets have written in one turn with one system call, and calls the same handlers as Bun.listen
// would. One turn:
//
//   Bun's loop --bridge--> take completions --> handlers --> batch of sends and requests --> submit
//                               ^----------------- as long as there are new ones --------------'
//
// What is written or asked for outside of a turn (an answer that came later, a timer) leaves in a
// turn of its own, right after the callbacks that wait now.
//
// Invariants: sockets[fd] is the one that is open under this number; generations[fd] counts those
// before it. A descriptor stays in the ledger until right before the kernel is told to close it.

import { drainMicrotasks } from "bun:jsc";
import { assert } from "../../core/assert.ts";
import type { BufferPool } from "../../buffer/buffer-pool.ts";
import type { SocketHandlers } from "../raw-socket.ts";
import { closeOrphans, DescriptorLedger, LEDGER_FDS_MAX } from "./descriptor-ledger.ts";
import { GatherMessage } from "./gather-message.ts";
import { LoopBridge } from "./loop-bridge.ts";
import { ReceiveBuffers } from "./receive-buffers.ts";
import { RingListener } from "./ring-listener.ts";
import {
  DONE_BUFFER,
  DONE_BUFFER_SHIFT,
  ENTRY_SKIP_SUCCESS,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_WAITALL,
  OP_SEND,
} from "./ring-abi.ts";
import { loadRingCalls, type RingCalls } from "./ring-calls.ts";
import { Ring } from "./ring.ts";
import { RingSocket } from "./ring-socket.ts";
import { SendBatch } from "./send-batch.ts";
import {
  KIND_ACCEPT,
  KIND_FAILURE,
  KIND_RECEIVE,
  KIND_SEND,
  KIND_WRITABLE,
  kindOf,
  requestTag,
  valueOf,
} from "./request-tag.ts";

const ENTRIES = 1024;
const COMPLETIONS = 4096;
const RECEIVE_COUNT_MIN = 16;
const RECEIVE_COUNT_MAX = 128; // sockets that are read before the first of them gives back
const RECEIVE_BYTES_MIN: number = 4 * 1024;
// A flooding peer may fill 32 of them before it is stopped: with larger ones that is too much.
const RECEIVE_BYTES_MAX: number = 8 * 1024;
const BATCH_BYTES_MAX: number = 256 * 1024;
const BATCH_MEMBERS = 1024;
/** Completions that one turn handles before timers and other sockets get theirs. */
const COMPLETIONS_PER_TURN = 4096;
const COMPLETIONS_PER_CLOCK_READ = 16; // while they take no time
/** Handlers that run for longer do not keep the answers of those before them waiting. */
const ANSWER_WAITS_MS = 1;
/** A gap between two turns below this makes it worth while to wait in the ring for the next. */
const BUSY_GAP_MS = 0.1;
const WAIT_US = 100;
const WAITS_PER_TURN = 16;

// With WAITALL a short send counts as failed, so that only those have a completion.
const HEAD_SEND: number = OP_SEND | (ENTRY_SKIP_SUCCESS << 8);
const SEND_FLAGS: number = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL;

/** The reactor's clock: brought up to date for many events at once, not for each by itself. */
export interface TurnClock {
  readonly nowMs: number;
  keepClock(): void;
  releaseClock(): void;
}

export interface RingTransportOptions {
  readonly pool: BufferPool;
  /** Memory for its own buffers, at most. */
  readonly bytesMax: number;
  /** Where open descriptors are noted; by default in memory of its own. */
  readonly ledger?: DescriptorLedger;
  /** How many more connections may be accepted now. */
  readonly room: () => number;
  /** Called when a turn begins, every few completions of it, and when it ends. */
  readonly clock?: TurnClock;
  /** Calls back after the callbacks that wait now; by default setImmediate. */
  readonly nextTurn?: (callback: () => void) => void;
}

export class RingTransport<Owner> {
  readonly calls: RingCalls;
  readonly batch: SendBatch<RingSocket<Owner>>;
  readonly gather: GatherMessage = new GatherMessage();
  readonly room: () => number;
  private readonly ring: Ring;
  private readonly buffers: ReceiveBuffers;
  private readonly ledger: DescriptorLedger;
  private readonly nextTurn: (callback: () => void) => void;
  private readonly clock: TurnClock | null;
  private bridge: LoopBridge | null = null;
  private readonly sockets: (RingSocket<Owner> | null)[] = [];
  private readonly listeners: (RingListener<Owner> | null)[] = [];
  private generations: Uint32Array = new Uint32Array(1024);
  private readonly results: Int32Array = new Int32Array(BATCH_MEMBERS);
  private closing: number[] = []; // descriptors whose close is queued
  private toTell: RingSocket<Owner>[] = [];
  private failed: RingSocket<Owner>[] = []; // whose connections are to be told
  private inTurn = false;
  private busy = false; // turns follow each other closely
  private endedMs = -Infinity; // the last turn that Bun's loop began
  private flushedMs = 0;
  private turnWanted = false;
  private closed = false;
  /** What a handler that ends the worker has not yet seen off. */
  private readonly onExit = (): void => this.flush();
  private readonly onTurn = (): void => {
    this.turnWanted = false;
    if (!this.closed) this.turn();
  };
  private readonly onScan: Parameters<Ring["scan"]>[0] = (userLow, _userHigh, result, isAside) => {
    const kind = kindOf(userLow);
    // Whoever ends this thread would not find it in the ring.
    if (isAside && kind === KIND_ACCEPT && result >= 0) this.ledger.add(result);
    if (kind !== KIND_SEND) return false;
    this.results[valueOf(userLow)] = result;
    return true;
  };

  private constructor(calls: RingCalls, ring: Ring, options: RingTransportOptions) {
    this.calls = calls;
    this.ring = ring;
    ring.onSubmit = () => this.noteClosed();
    this.room = options.room;
    this.ledger = options.ledger ?? new DescriptorLedger();
    this.clock = options.clock ?? null;
    this.nextTurn = options.nextTurn ?? ((callback) => void setImmediate(callback));
    const { pool } = options;
    const receiveBytes = (options.bytesMax * 3) / 4;
    const piece = powerOfTwo(receiveBytes / RECEIVE_COUNT_MAX, RECEIVE_BYTES_MAX);
    const pieceBytes = Math.max(piece, RECEIVE_BYTES_MIN);
    const count = powerOfTwo(receiveBytes / pieceBytes, RECEIVE_COUNT_MAX);
    if (count < RECEIVE_COUNT_MIN) throw new Error("the memory limit leaves no room for it");
    const batchBytes = powerOfTwo(options.bytesMax / 4, BATCH_BYTES_MAX);
    this.batch = new SendBatch(pool, batchBytes, BATCH_MEMBERS);
    try {
      this.buffers = new ReceiveBuffers(calls, ring.fd, pool, count, pieceBytes);
    } catch (error) {
      this.batch.release();
      throw error;
    }
  }

  /** Rejects with an Error that says why this system, or this Bun, cannot. */
  static async open<Owner>(options: RingTransportOptions): Promise<RingTransport<Owner>> {
    const calls = loadRingCalls();
    if (calls === null) throw new Error("it is Linux's, and needs bun:ffi");
    const ring = Ring.open(calls, ENTRIES, COMPLETIONS);
    let transport: RingTransport<Owner>;
    try {
      transport = new RingTransport<Owner>(calls, ring, options);
    } catch (error) {
      ring.close();
      throw error;
    }
    await transport.connect();
    return transport;
  }

  /** Begins to accept from a listening socket, which it takes over. Orphans bear the `label`. */
  listen(fd: number, handlers: SocketHandlers<Owner>, label: number): { stop(): void } {
    const free = this.listeners.indexOf(null);
    const index = free < 0 ? this.listeners.length : free;
    const listener = new RingListener<Owner>(this, index, fd, handlers, label);
    this.listeners[index] = listener;
    this.ledger.add(fd);
    listener.start();
    return listener;
  }

  /** Resolves when listeners that were stopped accept nothing any more, not even by accident. */
  async settled(): Promise<void> {
    while (!this.closed && this.listeners.some((listener) => listener?.isStopped === true)) {
      await new Promise<void>((resolve) => this.nextTurn(resolve));
    }
  }

  /** See RingListener.nudge. About once a second. */
  nudge(): void {
    for (const listener of this.listeners) listener?.nudge();
  }

  /** Ends every socket and the ring. */
  close(): void {
    if (this.closed) return;
    for (const listener of this.listeners) listener?.stop();
    for (const socket of this.sockets) socket?.terminate();
    this.ring.submit();
    this.closed = true;
    process.off("exit", this.onExit);
    this.bridge?.close();
    closeOrphans(this.ledger.closeAll());
    this.buffers.release();
    this.batch.release();
  }

  // ---- for its sockets and listeners --------------------------------------------------------

  push(
    head: number,
    fd: number,
    address: number,
    length: number,
    opFlags: number,
    userLow: number,
    userHigh: number,
    group: number,
  ): void {
    this.ring.push(head, fd, address, length, opFlags, userLow, userHigh, group);
    this.wantTurn();
  }

  /** Ends requests by their user data. */
  cancel(userLow: number, userHigh: number, opFlags: number): void {
    this.ring.cancel(userLow, userHigh, opFlags);
    this.wantTurn();
  }

  /** What has been queued leaves at the end of this turn, or in one that comes soon. */
  wantTurn(): void {
    if (this.inTurn || this.turnWanted) return;
    this.turnWanted = true;
    this.nextTurn(this.onTurn);
  }

  /** A connection was accepted. */
  accepted(fd: number, handlers: SocketHandlers<Owner>): void {
    if (fd >= LEDGER_FDS_MAX) {
      this.calls.close(fd);
      return;
    }
    this.ledger.add(fd);
    if (fd >= this.generations.length) this.grow(fd);
    const socket = new RingSocket<Owner>(this, fd, this.generations[fd]!, handlers);
    this.sockets[fd] = socket;
    handlers.open(socket);
    socket.arm();
  }

  /** Takes over a connection that was accepted by another ring. */
  adopt(fd: number, handlers: SocketHandlers<Owner>): void {
    this.accepted(fd, handlers);
    this.wantTurn();
  }

  /** Its close is queued: what is still on its way is not for it any more. */
  forget(socket: RingSocket<Owner>): void {
    this.sockets[socket.fd] = null;
    this.generations[socket.fd]!++;
    this.closing.push(socket.fd);
  }

  /** The listener's descriptor, which is its own, is closed. */
  forgetListener(index: number, fd: number): void {
    this.listeners[index] = null;
    this.ledger.remove(fd);
    this.calls.close(fd);
  }

  /**
   * Sends the batch and submits all requests; gives back what the kernel did not take. With `wait`
   * it stays with the kernel a little, if nothing has completed: under load the next completion
   * is so near that going to sleep in Bun's loop, and being woken there, would cost more.
   */
  flush(wait = false): void {
    const { batch, results } = this;
    if (batch.sealed || this.closed) return;
    const { count } = batch;
    let waits = wait && !this.ring.hasCompletions;
    for (let index = 0; index < count; index++) {
      const member = batch.members[index]!;
      if (member === null) continue;
      if (member.tellsSent) waits = false; // there is more to do when it has left
      const start = batch.starts[index]!;
      const length = batch.ends[index]! - start;
      results[index] = length;
      const { fd } = member;
      const user = requestTag(KIND_SEND, index);
      this.ring.push(HEAD_SEND, fd, batch.address + start, length, SEND_FLAGS, user, 0, 0);
    }
    if (waits) this.ring.submit(WAIT_US);
    else if (this.ring.pendingCount > 0) this.ring.submit();
    if (waits && !this.ring.hasCompletions) this.busy = false;
    if (count > 0) this.settleBatch(count);
  }

  // ---- the turn -----------------------------------------------------------------------------

  private async connect(): Promise<void> {
    const { calls, ring } = this;
    try {
      this.bridge = await LoopBridge.open(calls, ring, () => this.wake());
    } catch (error) {
      this.closed = true;
      ring.close();
      calls.munmap(this.buffers.mapping.address, this.buffers.mapping.bytes);
      this.buffers.release();
      this.batch.release();
      throw error;
    }
    const mappings = [...ring.mappings, this.buffers.mapping];
    process.on("exit", this.onExit);
    this.ledger.open({ fd: ring.fd, farFd: this.bridge.farFd, mappings, layout: ring.layout });
  }

  private wake(): void {
    if (this.closed) return;
    this.bridge!.rearm();
    const { clock } = this;
    if (clock === null) return this.turn();
    clock.keepClock();
    if (clock.nowMs - this.endedMs < BUSY_GAP_MS) this.busy = true;
    this.turn();
    clock.keepClock();
    this.endedMs = clock.nowMs;
    clock.releaseClock();
  }

  private turn(): void {
    assert(!this.inTurn, "a turn inside of a turn");
    this.inTurn = true;
    try {
      let left = COMPLETIONS_PER_TURN;
      let waitsLeft = WAITS_PER_TURN;
      do {
        left -= this.complete(left);
        drainMicrotasks(); // what handlers go on with at once leaves with the rest
        this.flush(this.busy && left > 0 && waitsLeft-- > 0);
        this.tellNews();
      } while (left > 0 && this.hasWork);
    } finally {
      // If a handler threw, what the others have written still leaves before the worker ends.
      this.inTurn = false;
      this.clock?.releaseClock();
      if (!this.closed) this.flush();
      if (this.hasNews) this.wantTurn();
    }
  }

  private get hasWork(): boolean {
    const { ring } = this;
    if (this.closed) return false; // and its memory is gone
    return ring.hasCompletions || ring.pendingCount > 0 || this.batch.count > 0 || this.hasNews;
  }

  private complete(most: number): number {
    const { ring } = this;
    let count = 0;
    let step = 1;
    let nextLook = 0;
    while (count < most) {
      if (count === nextLook) {
        step = this.look(count === 0) ? 1 : Math.min(2 * step, COMPLETIONS_PER_CLOCK_READ);
        nextLook = count + step;
      }
      if (this.closed || !ring.next()) break; // a handler may close it: the memory is gone then
      count++;
      const { userLow } = ring;
      const kind = kindOf(userLow);
      if (kind === KIND_RECEIVE) this.received(valueOf(userLow));
      else if (kind === KIND_ACCEPT) this.listeners[valueOf(userLow)]?.onAccept(ring.result);
      else if (kind === KIND_WRITABLE) {
        this.socketOf(valueOf(userLow))?.onWritable(ring.result, ring.flags);
      } else if (kind === KIND_FAILURE && ring.result > 0) {
        this.socketOf(valueOf(userLow))?.onWatched(ring.result, ring.flags);
      }
    }
    return count;
  }

  /** Looks at the clock; whether the handlers since the last flush have taken long. */
  private look(isFirst: boolean): boolean {
    const { clock } = this;
    if (clock === null) return false;
    clock.keepClock();
    const isLate = !isFirst && clock.nowMs - this.flushedMs >= ANSWER_WAITS_MS;
    if (isLate) this.flush();
    if (isFirst || isLate) this.flushedMs = clock.nowMs;
    return isFirst || isLate;
  }

  private received(fd: number): void {
    const { ring, buffers } = this;
    const { result, flags } = ring;
    const socket = this.socketOf(fd);
    if ((flags & DONE_BUFFER) === 0) return socket?.onReceive(result, flags, null);
    const number = flags >>> DONE_BUFFER_SHIFT;
    socket?.onReceive(result, flags, buffers.view(number));
    if (!this.closed) buffers.give(number); // or the handler has ended all of it
  }

  /** Whom a completion is for; null when its socket is closed. */
  private socketOf(fd: number): RingSocket<Owner> | null {
    const socket = this.sockets[fd] ?? null;
    return socket !== null && socket.generation === this.ring.userHigh >>> 0 ? socket : null;
  }

  /**
   * What is told to be closed now may be someone else's number next: whoever ends this thread must
   * not close it again. One that is lost instead, when it ends right here, is only lost.
   */
  private noteClosed(): void {
    const { closing } = this;
    if (closing.length === 0) return;
    for (const fd of closing) this.ledger.remove(fd);
    closing.length = 0;
  }

  /** Everyone has back what was refused; what else is to be said, waits for tellNews(). */
  private settleBatch(count: number): void {
    const { batch, results } = this;
    this.ring.scan(this.onScan);
    batch.sealed = true;
    for (let index = 0; index < count; index++) {
      const socket = batch.members[index]!;
      if (socket === null) continue;
      const end = batch.ends[index]!;
      const start = batch.starts[index]!;
      const taken = results[index]!;
      if (taken === end - start) {
        socket.batchIndex = -1;
        if (socket.tellsSent) this.toTell.push(socket);
      } else if (!socket.onRefused(taken, batch.bytes, start, end)) {
        this.failed.push(socket);
      }
    }
    batch.clear();
    if (this.hasNews) this.wantTurn();
  }

  private get hasNews(): boolean {
    return this.failed.length > 0 || this.toTell.length > 0;
  }

  /** Whoever is told may write: so only when nobody is in the middle of it. */
  private tellNews(): void {
    if (!this.hasNews) return;
    const { failed, toTell } = this;
    this.failed = [];
    this.toTell = [];
    for (const socket of failed) socket.tellFailure();
    for (const socket of toTell) socket.onAllSent();
  }

  private grow(fd: number): void {
    const generations = new Uint32Array(Math.max(fd + 1, this.generations.length * 2));
    generations.set(this.generations);
    this.generations = generations;
  }
}

/** The largest power of two that is neither above `value` nor above `most`. */
function powerOfTwo(value: number, most: number): number {
  let power = most;
  while (power > value) power /= 2;
  return power;
}
