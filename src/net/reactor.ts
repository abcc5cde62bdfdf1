// One worker's event loop, as far as it is ours: it owns the connections, their timers, the buffer
// pool and the cork, and turns socket events into calls on connections. Each event, and each answer
// that comes outside of one, brings the clock up to date once; everything below reads nowMs.
//
// The cork is one io_buf for the whole worker. What a session writes during an event is collected
// there and leaves in one write at its end, so that an answer needs no buffer of its own.
//
// Invariant: corkLength > 0 => corked is the connection whose bytes these are.

import type { Clock } from "../core/clock.ts";
import { CLOSE_DRAIN, CLOSE_LIMIT, CLOSE_TLS, type CloseReason } from "../core/close-reason.ts";
import {
  COUNT_ACCEPTED,
  COUNT_BUFFER_BYTES_CHARGED,
  COUNT_BUFFER_BYTES_USED,
  COUNT_BUFFER_REFUSED,
  COUNT_CLOSED_BASE,
  COUNT_DETACHED,
  COUNT_LOOP_BEATS,
  COUNT_OPEN,
  COUNT_TIMERS_FIRED,
} from "../core/counters.ts";
import { MillraceError } from "../core/errors.ts";
import { REATTACH_SHARE } from "../core/limits.ts";
import type { BufferPool } from "../buffer/buffer-pool.ts";
import { TimerDriver } from "../timer/timer-driver.ts";
import { systemTimerHost, type TimerHost } from "../timer/timer-host.ts";
import { TimingWheel } from "../timer/timing-wheel.ts";
import { Connection } from "./connection.ts";
import { STATE_CLOSED, STATE_OPEN } from "./connection-state.ts";
import { ConnectionTable } from "./connection-table.ts";
import { LentViews } from "./lent-views.ts";
import type { Protocol } from "./protocol.ts";
import type { RawSocket, SocketHandlers } from "./raw-socket.ts";
import { isTlsError } from "./tls.ts";

const CORK_BYTES = 64 * 1024;
const NO_CORK = "Cannot start a worker: the memory limit leaves no room for the cork";
/** A deadline is met within 50 ms: half of that is rounding, half for what is due with it. */
const TICK_MS = 25;
const BEAT_MS = 1_000;
const EVENTS_PER_POLL = 1024; // cautious, as in the timer driver
const DRAIN_POLL_MS = 20;

export interface ReactorLimits {
  /** Open connections at which the worker stops accepting. */
  readonly maxConnections: number;
  /** A peer that takes less than `writeBytesMin` while output waits for it for so long is cut off;
   *  Infinity for never. */
  readonly writeStallMs: number;
  readonly writeBytesMin: number;
}

export interface ReactorOptions {
  readonly clock: Clock;
  readonly pool: BufferPool;
  /** The worker's row on the stats board. */
  readonly counters: Float64Array;
  readonly limits: ReactorLimits;
  /** The event loop, for timers and turns; by default the runtime's. */
  readonly timerHost?: TimerHost;
  /** Called when the worker reaches its connection limit and when it falls below it again. */
  readonly onFull?: (full: boolean) => void;
  /** Called about once a second. */
  readonly onBeat?: () => void;
}

export class Reactor {
  nowMs: number;
  readonly pool: BufferPool;
  readonly counters: Float64Array;
  readonly limits: ReactorLimits;
  readonly timers: TimerDriver;
  readonly connections: ConnectionTable = new ConnectionTable();
  /** nowMs is as of now, or nearly: see keepClock(). */
  keepsClock = false;
  /** Whose output is collected at the moment. */
  corked: Connection | null = null;
  readonly corkBytes: Buffer;
  corkLength = 0;
  /** What a session is given during an event and may not keep; null when that is memory of ours. */
  lentInput: Buffer | null = null;
  readonly lentViews: LentViews = new LentViews();
  /** What to add to nowMs for the time of day, in milliseconds since 1970. */
  private wallOffsetMs: number;
  /** Sessions finish what they have begun and then close. */
  draining = false;
  private readonly clock: Clock;
  private readonly timerHost: TimerHost;
  private readonly onFull: (full: boolean) => void;
  private readonly beaten: () => void;
  private readonly reattachBelow: number;
  private full = false;
  private resumable: Connection[] = [];
  private beat: ReturnType<typeof setInterval> | null = null;

  constructor(options: ReactorOptions) {
    this.clock = options.clock;
    this.timerHost = options.timerHost ?? systemTimerHost;
    this.nowMs = options.clock.nowMs();
    this.wallOffsetMs = Date.now() - this.nowMs;
    this.pool = options.pool;
    this.counters = options.counters;
    this.limits = options.limits;
    this.onFull = options.onFull ?? (() => {});
    this.beaten = options.onBeat ?? (() => {});
    this.reattachBelow = Math.ceil(options.limits.maxConnections * REATTACH_SHARE);
    const cork = options.pool.acquire(CORK_BYTES);
    if (cork === null) throw new MillraceError("ERR_MEMORY_LIMIT", NO_CORK);
    this.corkBytes = cork.bytes;
    const wheel = new TimingWheel({ capacity: 64, tickMs: TICK_MS, nowMs: this.nowMs });
    this.timers = new TimerDriver({
      wheel,
      clock: options.clock,
      host: this.timerHost,
      onExpire: (slot, nowMs) => this.onTimer(slot, nowMs),
    });
  }

  /** The time of day, in milliseconds since 1970, as of this event. */
  get wallMs(): number {
    return this.nowMs + this.wallOffsetMs;
  }

  /** The handlers to give to Bun.listen for connections that speak `protocol`. */
  handlers(protocol: Protocol): SocketHandlers<Connection> {
    return {
      open: (socket) => this.open(socket, protocol),
      handshake: (socket, isDone, error) => this.handshaken(socket.data, isDone, error),
      data: (socket, chunk) => socket.data.onInput(chunk, chunk.length, false),
      input: (socket, bytes, end) => socket.data.onInput(bytes, end, true),
      refused: (socket, bytes, start, end) => socket.data.onRefused(bytes, start, end),
      sent: (socket) => socket.data.onSent(),
      drain: (socket) => {
        this.readClock();
        socket.data?.onDrain();
      },
      end: (socket) => socket.data?.onEnd(),
      close: (socket, error) => {
        this.readClock();
        socket.data?.onClose(error);
      },
      error: (socket, error) => {
        // Bun brings what a handler threw here, where it would end: it is our bug, and fatal.
        const isTls = isTlsError(error);
        if (!isTls && !("syscall" in error)) throw error;
        this.readClock();
        if (isTls) return socket.data?.abort(CLOSE_TLS);
        socket.data?.onClose(error);
        socket.terminate();
      },
    };
  }

  /** Reads the clock for the events that come now: each by itself need not. */
  keepClock(): void {
    this.readClock();
    this.keepsClock = true;
  }

  releaseClock(): void {
    this.keepsClock = false;
  }

  /** For whatever happens outside of the events of a socket. */
  readClock(): void {
    this.nowMs = this.clock.nowMs();
  }

  private open(socket: RawSocket<Connection>, protocol: Protocol): void {
    const slot = this.connections.nextSlot();
    if (slot < 0) {
      this.counters[COUNT_ACCEPTED]!++;
      this.counters[COUNT_CLOSED_BASE + CLOSE_LIMIT]!++;
      socket.terminate();
      return;
    }
    const generation = this.connections.generationOf(slot);
    const connection = new Connection(this, socket, slot, generation);
    socket.data = connection;
    this.connections.put(connection);
    this.counters[COUNT_ACCEPTED]!++;
    this.counters[COUNT_OPEN]!++;
    this.timers.wheel.ensureCapacity(slot + 1);
    if (this.connections.size >= this.limits.maxConnections) this.setFull(true);
    const previous = connection.cork();
    const session = protocol.open(connection);
    connection.start(session);
    if (connection.state !== STATE_CLOSED) session.opened?.();
    connection.uncork(previous);
  }

  private handshaken(
    connection: Connection | undefined,
    isDone: boolean,
    error: Error | null,
  ): void {
    if (connection === undefined || connection.state !== STATE_OPEN) return;
    const previous = connection.cork();
    connection.currentSession.secured?.(isDone, error);
    connection.uncork(previous);
  }

  /** A connection is closed; called by it, once. */
  forget(connection: Connection, reason: CloseReason): void {
    this.timers.cancel(connection.slot);
    this.connections.remove(connection);
    this.counters[COUNT_OPEN]!--;
    this.counters[COUNT_CLOSED_BASE + reason]!++;
    if (this.full && this.connections.size < this.reattachBelow) this.setFull(false);
  }

  /** Goes on with the input of a connection after the events that wait now have had their turn. */
  resumeLater(connection: Connection): void {
    if (connection.resumeQueued) return;
    connection.resumeQueued = true;
    this.resumable.push(connection);
    if (this.resumable.length === 1) this.timerHost.nextTurn(() => this.resumeAll());
  }

  private resumeAll(): void {
    const connections = this.resumable;
    this.resumable = [];
    for (const connection of connections) {
      connection.resumeQueued = false;
      connection.resumeInput();
    }
  }

  private setFull(full: boolean): void {
    if (this.full === full) return;
    this.full = full;
    if (full) this.counters[COUNT_DETACHED]!++;
    this.onFull(full);
  }

  private onTimer(slot: number, nowMs: number): void {
    this.nowMs = nowMs;
    this.counters[COUNT_TIMERS_FIRED]!++;
    this.connections.at(slot)?.onTimer(nowMs);
  }

  /** Starts the coarse tick: proof of life for the master, upkeep of the pool. */
  start(): void {
    this.beat ??= setInterval(() => this.onBeat(), BEAT_MS);
  }

  private onBeat(): void {
    this.counters[COUNT_LOOP_BEATS]!++;
    this.readClock();
    this.wallOffsetMs = Date.now() - this.nowMs; // follows a clock that was set
    this.beaten();
    this.pool.trim();
    this.counters[COUNT_BUFFER_BYTES_CHARGED] = this.pool.heldBytes;
    this.counters[COUNT_BUFFER_BYTES_USED] = this.pool.usedBytes;
    this.counters[COUNT_BUFFER_REFUSED] = this.pool.refusedCount;
  }

  /**
   * Ends all connections with care: those that have been idle for quietMs are closed, a request
   * that runs or arrives is answered first. Resolves when none is left; after timeoutMs the rest
   * is reset. Accepting must have been stopped before.
   */
  async drain(quietMs: number, timeoutMs: number): Promise<void> {
    this.draining = true;
    const endMs = this.clock.nowMs() + timeoutMs;
    while (this.connections.size > 0) {
      await this.readSockets();
      this.readClock();
      if (this.nowMs >= endMs) return this.closeAll(CLOSE_DRAIN);
      this.connections.forEach((connection) => {
        const since = connection.currentSession.idleSinceMs();
        if (since >= 0 && this.nowMs - since >= quietMs) connection.close(CLOSE_DRAIN);
      });
      await new Promise<void>((resolve) => this.timerHost.setTimer(resolve, DRAIN_POLL_MS));
    }
  }

  /** After a stall of the loop the next request of a connection may wait in the kernel: it is taken
   *  before its connection is judged to be idle. The first turn after a timer is before a poll. */
  private async readSockets(): Promise<void> {
    for (let left = 2 + this.connections.size / EVENTS_PER_POLL; left >= 1; left--) {
      await new Promise<void>((resolve) => this.timerHost.nextTurn(resolve));
    }
  }

  closeAll(reason: CloseReason): void {
    this.connections.forEach((connection) => connection.abort(reason));
  }

  stop(): void {
    if (this.beat !== null) clearInterval(this.beat);
    this.beat = null;
    this.timers.stop();
  }
}
