// One accepted socket. Owned by its worker's reactor, which calls the on... methods; its session
// calls the rest. It keeps every byte that the kernel did not take, in order, stops reading while
// the peer does not take its answers, and ends by one of two ways: close() lets what is queued
// leave, sends FIN and waits a while for the peer's; abort() resets at once.
//
//   OPEN --close()--> DRAINING --queue empty--> LINGERING --peer's FIN or deadline--> CLOSED
//     `---------------------------- abort(), error, reset ---------------------------^
//
// Invariant: after CLOSED it holds no buffer, no timer and no slot.

import { assert } from "../core/assert.ts";
import {
  CLOSE_LOCAL,
  CLOSE_MEMORY,
  CLOSE_OUTPUT_OVERFLOW,
  CLOSE_PEER,
  CLOSE_RESET,
  CLOSE_WRITE_STALL,
  type CloseReason,
  FAULTLESS,
} from "../core/close-reason.ts";
import { COUNT_BYTES_IN, COUNT_BYTES_OUT } from "../core/counters.ts";
import {
  LINGER_MS,
  OUTPUT_CAP_BYTES,
  OUTPUT_HIGH_WATER_BYTES,
  OUTPUT_LOW_WATER_BYTES,
} from "../core/limits.ts";
import { copyBytes, type IoBuf } from "../buffer/io-buf.ts";
import { OutputBuffer } from "../buffer/output-buffer.ts";
import { STATE_CLOSED, STATE_DRAINING, STATE_LINGERING, STATE_OPEN } from "./connection-state.ts";
import { FileSide } from "./file-side.ts";
import { InputSide } from "./input-side.ts";
import type { PeerAddress, Session } from "./protocol.ts";
import type { RawSocket } from "./raw-socket.ts";
import type { Reactor } from "./reactor.ts";
import { heldBytes } from "./unsent-limit.ts";
import { WritePace } from "./write-pace.ts";

const NO_REASON = -1;

export class Connection {
  readonly reactor: Reactor;
  /** Slot in the reactor's table; another connection may have it later. */
  readonly slot: number;
  readonly generation: number; // together with the slot: this connection and no other
  state: number = STATE_OPEN;
  peerEnded = false; // the peer sent FIN
  /** TLS is spoken, and its handshake is done. */
  secure = false;
  /** From whom the connection is, as a proxy in between says. */
  origin: PeerAddress | null = null;
  /** False from the high water mark of the output until it falls below the low one. */
  writable = true;
  /** Stands in the reactor's queue of connections whose input goes on later. */
  resumeQueued = false;
  private readonly socket: RawSocket<Connection>;
  private readonly input: InputSide;
  private readonly output: OutputBuffer;
  private session: Session | null = null;
  private reason: CloseReason = NO_REASON;
  private drainWanted = false;
  private peerDone = false;
  private deadlineMs = Infinity;
  private pace: WritePace | null = null; // since output had to wait
  private fileSide: FileSide | null = null; // since it sends files

  constructor(reactor: Reactor, socket: RawSocket<Connection>, slot: number, generation: number) {
    this.reactor = reactor;
    this.socket = socket;
    this.slot = slot;
    this.generation = generation;
    this.input = new InputSide(this, socket);
    this.output = new OutputBuffer(reactor.pool);
  }

  /** By the reactor, before any event; again when what comes before the protocol is done. */
  start(session: Session): void {
    this.session = session;
    if (this.state === STATE_CLOSED) session.closed(this.reason); // while it was being made
  }

  get remoteAddress(): string {
    return this.origin?.address ?? this.socket.remoteAddress ?? "";
  }

  get remotePort(): number {
    return this.origin?.port ?? this.socket.remotePort ?? 0;
  }

  /** Bytes that were written and are not with the kernel yet. */
  get pendingBytes(): number {
    const corked = this.reactor.corked === this ? this.reactor.corkLength : 0;
    return this.output.pendingBytes + corked + (this.socket.stagedBytes ?? 0);
  }

  /** Bytes that lie in its io_bufs: input that waits, output that the kernel did not take. */
  get bufferedBytes(): number {
    return this.input.length + this.output.pendingBytes;
  }

  get currentSession(): Session {
    assert(this.session !== null, "a connection without a session");
    return this.session;
  }

  // ---- output -------------------------------------------------------------------------------

  /**
   * Collects what is written until uncork() into one write. Every event of the socket is corked by
   * itself; an answer that comes later corks around itself. Returns what uncork() wants back.
   * The outermost one also brings the clock up to date.
   */
  cork(): Connection | null {
    const reactor = this.reactor;
    const previous = reactor.corked;
    if (previous === null) {
      if (!reactor.keepsClock) reactor.readClock();
    } else if (previous !== this) previous.flushCork();
    reactor.corked = this;
    return previous;
  }

  uncork(previous: Connection | null): void {
    if (previous !== this) {
      this.flushCork();
      this.reactor.corked = previous;
      this.settle();
    }
  }

  /** Makes sure that `bytes` more fit into the cork and says where they go: write them there in
   *  reactor.corkBytes and commit() the end. Only while corked, and at most corkBytes. */
  reserve(bytes: number): number {
    const reactor = this.reactor;
    assert(reactor.corked === this, "reserve on a connection that is not corked");
    if (reactor.corkLength + bytes > reactor.corkBytes.length) {
      assert(bytes <= reactor.corkBytes.length, "reserve of more than the cork holds");
      this.flushCork();
    }
    return reactor.corkLength;
  }

  commit(end: number): void {
    const reactor = this.reactor;
    assert(end >= reactor.corkLength && end <= reactor.corkBytes.length, "commit out of bounds");
    if (this.state === STATE_OPEN) reactor.corkLength = end;
  }

  /** Sends bytes[start, end) after all that was written before; keeps what the kernel refuses. */
  write(bytes: Uint8Array, start: number, end: number): void {
    if (this.state !== STATE_OPEN) return;
    const reactor = this.reactor;
    if (reactor.corked === this) {
      const count = end - start;
      const cork = reactor.corkBytes;
      if (reactor.corkLength + count <= cork.length) {
        copyBytes(bytes, start, end, cork, reactor.corkLength);
        reactor.corkLength += count;
        return;
      }
      this.flushCork();
    }
    this.send(bytes, start, end);
  }

  /** Sends a filled io_buf after all that was written before, and takes it over: what the kernel
   *  refuses waits in it, uncopied. */
  adopt(buf: IoBuf): void {
    if (this.reactor.corked === this) this.flushCork();
    if (this.state === STATE_OPEN && this.output.pendingBytes === 0) {
      buf.pop(this.writeNow(buf.bytes, buf.head, buf.tail));
    }
    if (this.state !== STATE_OPEN || buf.length === 0) return this.reactor.pool.release(buf);
    this.output.adopt(buf);
    if (this.output.pendingBytes > OUTPUT_CAP_BYTES) this.abort(CLOSE_OUTPUT_OVERFLOW);
    else this.afterQueueing();
  }

  /** For output that is a file. */
  get files(): FileSide {
    return (this.fileSide ??= new FileSide(this, this.socket));
  }

  /** Calls session.drained() once nothing waits any more. */
  wantDrained(): void {
    this.drainWanted = true;
  }

  /** Hands the corked bytes to the socket. */
  flushCork(): void {
    const reactor = this.reactor;
    const length = reactor.corkLength;
    if (length === 0) return;
    assert(reactor.corked === this, "the cork belongs to another connection");
    reactor.corkLength = 0;
    if (this.state < STATE_LINGERING) this.send(reactor.corkBytes, 0, length);
  }

  /** write(), but not by way of the cork: for output that is corked no more. */
  send(bytes: Uint8Array, start: number, end: number): void {
    let position = start;
    if (this.output.pendingBytes === 0) position += this.writeNow(bytes, start, end);
    if (position === end) return;
    if (this.output.pendingBytes + (end - position) > OUTPUT_CAP_BYTES) {
      return this.abort(CLOSE_OUTPUT_OVERFLOW);
    }
    if (!this.output.append(bytes, position, end)) return this.abort(CLOSE_MEMORY);
    this.afterQueueing();
  }

  /** Returns how many bytes the kernel took: all of them, as it were, once the socket is closed. */
  private writeNow(bytes: Uint8Array, start: number, end: number): number {
    let count = this.socket.stage?.(bytes, start, end - start) ?? 0;
    if (count === 0 && !this.isClosed()) count = this.socket.write(bytes, start, end - start);
    if (this.isClosed()) return end - start; // the write itself may find that out
    if (count < 0) {
      this.abort(CLOSE_RESET);
      return end - start;
    }
    this.taken(count);
    if (count < end - start) this.waits();
    return count;
  }

  /** The kernel has refused something. */
  private waits(): void {
    this.reactor.readClock(); // it may be long ago that an event brought the time
    const { limits, nowMs } = this.reactor;
    this.pace ??= new WritePace(limits, nowMs, () => heldBytes(this.socket.fd));
    this.pace.waits(nowMs);
  }

  /** The same of a file. */
  onFileRefused(): void {
    this.drainWanted = true;
    this.waits();
    this.arm();
  }

  private get outputWaits(): boolean {
    return this.output.pendingBytes > 0 || (this.fileSide !== null && this.fileSide.waits);
  }

  /** The kernel has taken so much. */
  taken(count: number): number {
    this.reactor.counters[COUNT_BYTES_OUT]! += count;
    this.pace?.taken(count, this.reactor.nowMs);
    return count;
  }

  private afterQueueing(): void {
    if (this.output.pendingBytes >= OUTPUT_HIGH_WATER_BYTES && this.writable) {
      this.writable = false;
      this.input.update();
    }
    this.arm();
  }

  // ---- ending -------------------------------------------------------------------------------

  /**
   * Lets what is queued leave, then FIN, then waits for the peer's. No more input is looked at.
   * A peer that has said that it will send nothing more is not waited for: `peerIsDone`.
   */
  close(reason: CloseReason, peerIsDone = false): void {
    if (this.state !== STATE_OPEN) return;
    // What is unread when a socket is closed turns into a reset that destroys the answer.
    if (peerIsDone && !this.hasInput) this.peerDone = true;
    this.reason = reason;
    this.state = STATE_DRAINING;
    if (this.fileSide !== null) this.fileSide.waits = false;
    this.input.release();
    this.input.update();
    if (this.reactor.corked !== this) this.settle();
  }

  /** Resets the connection: nothing that is queued will leave. Behind our FIN nothing is queued,
   *  and a reset would destroy what the kernel still delivers: then it is only let go. */
  abort(reason: CloseReason): void {
    if (this.state === STATE_CLOSED) return;
    this.blame(reason);
    if (this.reactor.corked === this) this.reactor.corkLength = 0;
    const lingered = this.state === STATE_LINGERING;
    this.finish(); // the close event may come later; nothing may happen in between
    if (lingered) this.socket.close();
    else this.socket.terminate();
  }

  /** The first reason stands, unless it was nobody's fault and something cut the last bytes off. */
  private blame(reason: CloseReason): void {
    const cutOff = this.state === STATE_DRAINING && FAULTLESS.has(this.reason);
    if (cutOff || this.reason === NO_REASON) this.reason = reason;
  }

  /** Goes on to FIN once a closing connection has nothing left to send. */
  private settle(): void {
    if (this.state !== STATE_DRAINING || this.output.pendingBytes > 0) return;
    if ((this.socket.stagedBytes ?? 0) > 0) {
      this.socket.tellsSent = true;
      return;
    }
    if (this.peerEnded || this.peerDone) {
      this.socket.close();
      this.finish();
      return;
    }
    this.state = STATE_LINGERING;
    this.socket.shutdown();
    if (this.isClosed()) return; // shutdown may close at once
    this.reactor.readClock(); // close() may come outside of any event
    this.deadlineMs = this.reactor.nowMs + LINGER_MS;
    this.arm();
  }

  private isClosed(): boolean {
    return this.state === STATE_CLOSED;
  }

  /** The one end of every connection. */
  private finish(): void {
    if (this.state === STATE_CLOSED) return;
    this.state = STATE_CLOSED;
    this.reactor.counters[COUNT_BYTES_OUT]! -= this.socket.stagedBytes ?? 0; // they do not leave
    if (this.reactor.corked === this) this.reactor.corkLength = 0;
    this.input.release();
    this.output.release();
    this.reactor.forget(this, this.reason);
    this.session?.closed(this.reason);
  }

  // ---- time ---------------------------------------------------------------------------------

  /** session.timeout is called once this has passed; Infinity for never. Unsent output suspends it
   *  in favour of the write stall. Cheap enough for once a request: a later one is only stored. */
  setDeadline(deadlineMs: number): void {
    if (this.state !== STATE_OPEN) return;
    this.deadlineMs = deadlineMs;
    if (!this.outputWaits && deadlineMs !== Infinity) {
      this.reactor.timers.schedule(this.slot, deadlineMs);
    }
  }

  private arm(): void {
    if (this.state === STATE_CLOSED) return;
    const at = this.outputWaits ? this.pace!.deadlineMs : this.deadlineMs;
    if (at !== Infinity) this.reactor.timers.schedule(this.slot, at);
  }

  /** The timer fired; what for, the state tells. An earlier wish may have been put off since. */
  onTimer(nowMs: number): void {
    if (this.outputWaits) {
      if (nowMs >= this.pace!.deadlineMs) this.onStall(nowMs);
      else this.arm();
    } else if (nowMs < this.deadlineMs) {
      this.arm();
    } else if (this.state === STATE_LINGERING) {
      this.abort(CLOSE_LOCAL);
    } else {
      this.deadlineMs = Infinity;
      const previous = this.cork();
      this.currentSession.timeout(nowMs);
      this.uncork(previous);
    }
  }

  /**
   * The kernel tells of room only when a third of its buffer is free, which may be megabytes: a
   * peer that reads slowly may have read for all that time. So it is tried before it is judged, and
   * the kernel is asked what the peer has acknowledged.
   */
  private onStall(nowMs: number): void {
    this.onDrain();
    if (this.isClosed() || !this.outputWaits) return;
    if (this.pace!.goesOn(nowMs)) this.arm();
    else this.abort(CLOSE_WRITE_STALL);
  }

  // ---- input --------------------------------------------------------------------------------

  /** The socket read bytes[0, end): ours to keep, but it may be large; or only `lent`. */
  onInput(bytes: Buffer, end: number, lent: boolean): void {
    this.reactor.counters[COUNT_BYTES_IN]! += end;
    if (this.state === STATE_OPEN) this.input.receive(bytes, end, lent); // else it is only drained
  }

  /**
   * The kernel did not take bytes[start, end) of what was staged: nothing was written since. False
   * without memory for them: onClose() follows.
   */
  onRefused(bytes: Buffer, start: number, end: number): boolean {
    if (this.state === STATE_CLOSED) return true;
    assert(this.output.pendingBytes === 0, "bytes were queued before others that were staged");
    this.taken(start - end);
    this.waits();
    if (!this.output.append(bytes, start, end)) {
      this.blame(CLOSE_MEMORY);
      return false;
    }
    this.afterQueueing();
    return true;
  }

  /** What was staged is with the kernel. */
  onSent(): void {
    this.settle();
  }

  /** The session can go on with input that it left: an answer is finished, output has drained. */
  resumeInput(): void {
    if (!this.hasInput || this.input.active || this.state !== STATE_OPEN) return;
    const previous = this.cork();
    this.input.pump();
    this.uncork(previous);
  }

  /** The session cannot go on before it has so many bytes: reading does not stop below them. */
  expectInput(bytes: number): void {
    this.input.expect(bytes);
  }

  /** Stops reading until it is called with false: the session does not want input for now. */
  holdInput(held: boolean): void {
    this.input.hold(held);
  }

  /** Whether input waits that the session has left. */
  get hasInput(): boolean {
    return this.input.length > 0;
  }

  /** Whether the bytes given to session.input are pooled memory that is reused after it. */
  ownsInput(bytes: Buffer): boolean {
    return this.input.owns(bytes);
  }

  // ---- other events of the socket -----------------------------------------------------------

  onDrain(): void {
    if (this.state === STATE_CLOSED || !this.outputWaits) return;
    if (this.fileSide !== null) this.fileSide.waits = false;
    const count = this.output.writeTo(this.socket);
    if (this.isClosed()) return;
    if (count < 0) return this.abort(CLOSE_RESET);
    this.taken(count);
    this.arm();
    const { pendingBytes } = this.output;
    const isWritableAgain = !this.writable && pendingBytes < OUTPUT_LOW_WATER_BYTES;
    if (isWritableAgain || (this.drainWanted && pendingBytes === 0)) {
      this.writable = true;
      this.drainWanted = false;
      this.input.update();
      const previous = this.cork();
      if (this.state === STATE_OPEN) this.currentSession.drained();
      this.input.pump();
      this.uncork(previous);
    }
    if (this.outputWaits) this.pace!.waits(this.reactor.nowMs);
    else this.pace!.rests(this.reactor.nowMs);
    this.settle();
  }

  onEnd(): void {
    this.peerEnded = true;
    if (this.state === STATE_OPEN) {
      const previous = this.cork();
      this.currentSession.ended();
      this.uncork(previous);
    } else if (this.state === STATE_LINGERING) {
      this.socket.close();
      this.finish();
    }
  }

  onClose(error: Error | undefined): void {
    if (error !== undefined) this.blame(CLOSE_RESET);
    else if (this.reason === NO_REASON) this.reason = CLOSE_PEER;
    this.finish();
  }

  /** For tests and fuzzing, between two events. */
  checkInvariants(): void {
    this.output.checkInvariants();
    const { pendingBytes } = this.output;
    assert(!this.input.active, "no session reads between two events");
    assert(pendingBytes <= OUTPUT_CAP_BYTES, "the output is above its cap");
    assert(!this.writable || pendingBytes < OUTPUT_HIGH_WATER_BYTES, "writable above high water");
    assert(this.writable || pendingBytes >= OUTPUT_LOW_WATER_BYTES, "blocked below low water");
    if (this.state >= STATE_LINGERING) assert(pendingBytes === 0, "output behind our FIN");
    if (this.state !== STATE_OPEN) assert(!this.hasInput, "input kept while closing");
    const unsent = pendingBytes + (this.socket.stagedBytes ?? 0);
    if (this.state === STATE_DRAINING) assert(unsent > 0, "a drained connection lingers");
  }
}
