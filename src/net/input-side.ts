// The input half of one connection, which owns it: hands what arrives to the session, keeps what
// that leaves, and stops reading while too much waits or the peer does not take its answers.
//
//   socket --receive()--> session, in place where the bytes lie
//                `-- what it leaves --> waiting --pump()--> session, once it can go on
//
// Invariants: the session is never called within itself; reading is stopped exactly while the
// connection is open and must not have more.

import { CLOSE_MEMORY } from "../core/close-reason.ts";
import { COUNT_READ_PAUSES } from "../core/counters.ts";
import { INPUT_HIGH_WATER_BYTES } from "../core/limits.ts";
import { InputBuffer } from "../buffer/input-buffer.ts";
import type { Connection } from "./connection.ts";
import { STATE_OPEN } from "./connection-state.ts";
import type { RawSocket } from "./raw-socket.ts";

export class InputSide {
  /** The session is being called. */
  active = false;
  private readonly connection: Connection;
  private readonly socket: RawSocket<Connection>;
  private readonly waiting: InputBuffer;
  private held = false;
  private expectedBytes = 0;
  private paused = false;

  constructor(connection: Connection, socket: RawSocket<Connection>) {
    this.connection = connection;
    this.socket = socket;
    this.waiting = new InputBuffer(connection.reactor.pool);
  }

  /** Bytes that wait. */
  get length(): number {
    return this.waiting.length;
  }

  /** bytes[0, end) have arrived: ours to keep, but they may be large; or only `lent`. */
  receive(bytes: Buffer, end: number, lent: boolean): void {
    if (this.paused) return this.keep(bytes, 0, end); // they were on their way
    const { connection } = this;
    const previous = connection.cork();
    if (this.waiting.length === 0 && !this.active) {
      const { reactor } = connection;
      this.active = true;
      reactor.lentInput = lent ? bytes : null;
      const used = connection.currentSession.input(bytes, 0, end);
      reactor.lentInput = null;
      this.active = false;
      if (used < end) this.keep(bytes, used, end);
    } else {
      this.keep(bytes, 0, end);
      this.pump();
    }
    connection.uncork(previous);
  }

  /** The session is given what waits, unless it is being called anyway. */
  pump(): void {
    const { connection, waiting } = this;
    if (this.active || connection.state !== STATE_OPEN || waiting.length === 0) return;
    this.active = true;
    const used = connection.currentSession.input(waiting.bytes, waiting.start, waiting.end);
    this.active = false;
    if (connection.state !== STATE_OPEN) return waiting.release();
    waiting.pop(used);
    this.update();
  }

  /** The session cannot go on before it has so many bytes: reading does not stop below them. */
  expect(bytes: number): void {
    this.expectedBytes = bytes;
  }

  /** Stops reading until it is called with false. */
  hold(held: boolean): void {
    this.held = held;
    this.update();
  }

  /** Whether these bytes, which the session was given, are pooled memory that is reused. */
  owns(bytes: Buffer): boolean {
    if (this.connection.reactor.lentInput === bytes) return true;
    return this.waiting.length > 0 && this.waiting.bytes === bytes;
  }

  /** Nothing of it is wanted any more. What the session looks at goes after it has returned. */
  release(): void {
    if (!this.active) this.waiting.release();
  }

  /** To be called when the state of the connection changes, or whether it is writable. Once it
   *  is closing, reading goes on: what comes is thrown away, so that no reset kills the answer. */
  update(): void {
    const { state, writable } = this.connection;
    const enough = Math.max(INPUT_HIGH_WATER_BYTES, this.expectedBytes);
    const isTooMuch = !writable || this.held || this.waiting.length >= enough;
    const pause = state === STATE_OPEN && isTooMuch;
    if (pause === this.paused) return;
    this.paused = pause;
    if (!pause) return this.socket.resume();
    this.connection.reactor.counters[COUNT_READ_PAUSES]!++;
    this.socket.pause();
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    const { connection } = this;
    if (connection.state !== STATE_OPEN) return;
    if (this.waiting.append(bytes, start, end)) this.update();
    else connection.abort(CLOSE_MEMORY);
  }
}
