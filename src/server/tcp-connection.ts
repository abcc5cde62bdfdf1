// A connection as the handlers of a TCP service see it. It frames what is sent, keeps what the
// kernel does not take yet, and outlives the socket harmlessly: after the end, send() says false.

import { CLOSE_LOCAL, CLOSE_PEER } from "../core/close-reason.ts";
import { COUNT_FRAMES_OUT } from "../core/counters.ts";
import { type Framing, FRAMING_OK, FRAMING_TEXTS } from "../net/framing/framing.ts";
import type { Connection } from "../net/connection.ts";
import { STATE_OPEN } from "../net/connection-state.ts";
import type { Liveness } from "../timer/heartbeat.ts";

const encoder: TextEncoder = new TextEncoder();

export class TcpConnection<Data = unknown> {
  /** Whatever the application keeps with the connection. */
  data: Data | undefined = undefined;
  /** Unique in the worker for as long as it runs. */
  readonly id: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  private readonly connection: Connection;
  private readonly framing: Framing;
  private readonly times: Liveness;
  private paused = false;

  /** Internal. */
  constructor(connection: Connection, framing: Framing, times: Liveness) {
    this.connection = connection;
    this.framing = framing;
    this.times = times;
    this.id = `${connection.slot}.${connection.generation}`;
    this.remoteAddress = connection.remoteAddress;
    this.remotePort = connection.remotePort;
  }

  /** Whether send() has any effect. */
  get isOpen(): boolean {
    return this.connection.state === STATE_OPEN;
  }

  /** False from the high water mark (64 KiB) until `drain` is called at the low one (32 KiB). */
  get writable(): boolean {
    return this.isOpen && this.connection.writable;
  }

  /** Bytes that were sent and are not with the kernel yet. */
  get pendingBytes(): number {
    return this.connection.pendingBytes;
  }

  /**
   * Sends one frame; the bytes are copied. False when more should wait for `drain`, or when the
   * connection is gone: it is reset, as "output-overflow", when more than 16 MiB wait for the peer.
   * Throws a RangeError for a payload that the framing cannot carry, and a
   * TypeError for what is neither bytes nor text.
   */
  send(payload: Uint8Array | string): boolean {
    const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
    requireBytes(bytes);
    const code = this.framing.check(bytes, 0, bytes.length);
    if (code !== FRAMING_OK) throw new RangeError(`Cannot send the frame: ${FRAMING_TEXTS[code]!}`);
    if (!this.isOpen) return false;
    this.writeFrame(bytes);
    this.times.activeMs = this.times.sentMs;
    return this.writable;
  }

  /** Sends bytes as they are, around the framing; what is said of send() holds here too. */
  write(bytes: Uint8Array): boolean {
    requireBytes(bytes);
    if (!this.isOpen) return false;
    const previous = this.connection.cork(); // brings the clock up to date
    this.times.sentMs = this.connection.reactor.nowMs;
    this.times.activeMs = this.times.sentMs;
    this.connection.write(bytes, 0, bytes.length);
    this.connection.uncork(previous);
    return this.writable;
  }

  /** Sends all that `work` sends in as few writes as possible. In a handler that is so anyway. */
  cork(work: () => void): void {
    const previous = this.connection.cork();
    try {
      work();
    } finally {
      this.connection.uncork(previous);
    }
  }

  /**
   * Stops `message`; what arrives meanwhile stays with the kernel, and the peer slows down. It is
   * not held to be silent for that time.
   */
  pause(): void {
    this.paused = true;
    this.connection.holdInput(true);
  }

  resume(): void {
    if (!this.paused) return;
    const { connection, times } = this;
    this.paused = false;
    connection.reactor.readClock(); // it may be called outside of any event
    times.renew(connection.reactor.nowMs);
    connection.holdInput(false);
    connection.resumeInput();
    const isOver = connection.peerEnded && !connection.hasInput && !this.isPaused;
    if (isOver) connection.close(CLOSE_PEER);
  }

  get isPaused(): boolean {
    return this.paused;
  }

  /** Ends the connection once all that was sent has left. */
  close(): void {
    this.connection.close(CLOSE_LOCAL);
  }

  /** Ends it at once, with a reset; what was sent may be lost. */
  terminate(): void {
    this.connection.abort(CLOSE_LOCAL);
  }

  /** What console.log shows. */
  [Bun.inspect.custom](): string {
    const state = this.isOpen ? `${this.pendingBytes} bytes pending` : "closed";
    const isUnix = this.remoteAddress === "";
    const peer = isUnix ? "a Unix socket" : `${this.remoteAddress}:${this.remotePort}`;
    return `TcpConnection ${this.id} from ${peer}, ${state}`;
  }

  /** Internal: a frame without a look at it. */
  writeFrame(bytes: Uint8Array): void {
    const { connection, framing } = this;
    const { reactor } = connection;
    const previous = connection.cork();
    const room = framing.headBytesMax + bytes.length + framing.tail.length;
    if (room <= reactor.corkBytes.length) {
      const at = connection.reserve(room);
      connection.commit(this.encode(reactor.corkBytes, at, bytes));
    } else {
      const at = connection.reserve(framing.headBytesMax);
      connection.commit(framing.encodeHead(reactor.corkBytes, at, bytes, 0, bytes.length));
      connection.write(bytes, framing.headTakesBytes, bytes.length);
      connection.write(framing.tail, 0, framing.tail.length);
    }
    reactor.counters[COUNT_FRAMES_OUT]!++;
    this.times.sentMs = reactor.nowMs;
    connection.uncork(previous);
  }

  private encode(target: Buffer, at: number, bytes: Uint8Array): number {
    const { framing } = this;
    let end = framing.encodeHead(target, at, bytes, 0, bytes.length);
    if (framing.headTakesBytes === 0) target.set(bytes, end);
    else target.set(bytes.subarray(framing.headTakesBytes), end);
    end += bytes.length - framing.headTakesBytes;
    if (framing.tail.length > 0) target.set(framing.tail, end);
    return end + framing.tail.length;
  }
}

/** Anything else with a length, or without one, would leave a damaged stream. */
function requireBytes(payload: unknown): void {
  if (payload instanceof Uint8Array) return;
  throw new TypeError("Cannot send the payload: it must be a Uint8Array or a string");
}
