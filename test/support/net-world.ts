// A reactor in a simulated world: fake sockets, a fake clock, a pool under a limit of its own. The
// sessions do what a test tells them to, and keep a trace of what they were called with.

import { expect } from "bun:test";
import type { SocketHandler } from "bun";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { CLOSE_REASON_NAMES, type CloseReason } from "../../src/core/close-reason.ts";
import {
  COUNT_ACCEPTED,
  COUNT_CLOSED_BASE,
  COUNT_OPEN,
  COUNTERS_PER_ROW,
} from "../../src/core/counters.ts";
import { latin1Slice } from "../../src/core/latin1.ts";
import { MIB } from "../../src/core/limits.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import type { Connection } from "../../src/net/connection.ts";
import type { Session } from "../../src/net/protocol.ts";
import { Reactor } from "../../src/net/reactor.ts";
import { FakeClock } from "./fake-clock.ts";
import type { FakeSocket, FakeSocketOptions } from "./fake-socket.ts";
import { fakeSocket } from "./fake-ring-socket.ts";

export interface NetWorldOptions {
  readonly maxConnections?: number;
  readonly writeStallMs?: number;
  /** 1 by default: any byte is enough. */
  readonly writeBytesMin?: number;
  readonly memoryBytes?: number;
  readonly onFull?: (full: boolean) => void;
}

export class NetWorld {
  readonly clock: FakeClock = new FakeClock();
  readonly counters: Float64Array = new Float64Array(COUNTERS_PER_ROW);
  readonly store: PlainStore;
  readonly pool: BufferPool;
  readonly reactor: Reactor;
  /** What the pool has out when no connection holds anything: the cork. */
  readonly restBytes: number;

  constructor(options: NetWorldOptions = {}) {
    this.store = new PlainStore(options.memoryBytes ?? 64 * MIB);
    this.pool = new BufferPool(this.store);
    this.reactor = new Reactor({
      clock: this.clock,
      timerHost: this.clock.timers,
      pool: this.pool,
      counters: this.counters,
      limits: {
        maxConnections: options.maxConnections ?? 1000,
        writeStallMs: options.writeStallMs ?? 1000,
        writeBytesMin: options.writeBytesMin ?? 1,
      },
      onFull: options.onFull ?? (() => {}),
    });
    this.restBytes = this.pool.heldBytes;
  }

  /** Accepts a connection whose session acts as `hooks` say; with a seed, its writes are short. */
  accept(
    hooks: SessionHooks = {},
    options: FakeSocketOptions<Connection> = {},
    seed: number | null = null,
  ): Peer {
    return new Peer(this, hooks, options, seed);
  }

  count(counter: number): number {
    return this.counters[counter]!;
  }

  closedFor(reason: CloseReason): number {
    return this.count(COUNT_CLOSED_BASE + reason);
  }

  /** What must hold between any two events. */
  check(): void {
    const { reactor } = this;
    expect(reactor.corked).toBeNull();
    expect(reactor.corkLength).toBe(0);
    reactor.connections.checkInvariants();
    let usedBytes = 0;
    reactor.connections.forEach((connection) => {
      connection.checkInvariants();
      usedBytes += connection.bufferedBytes;
    });
    expect(this.pool.usedBytes).toBe(usedBytes);
    reactor.timers.wheel.checkInvariants();
    this.pool.checkInvariants();
    const closed = CLOSE_REASON_NAMES.map((_, reason) => this.closedFor(reason));
    const sum = closed.reduce((total, count) => total + count, 0);
    expect(this.count(COUNT_ACCEPTED)).toBe(this.count(COUNT_OPEN) + sum);
    expect(this.count(COUNT_OPEN)).toBe(reactor.connections.size);
  }

  /** What must hold once every connection is gone. */
  checkAtRest(): void {
    this.check();
    expect(this.reactor.connections.size).toBe(0);
    expect(this.pool.heldBytes).toBe(this.restBytes);
    expect(this.reactor.timers.wheel.armedCount).toBe(0);
    expect(this.clock.timerCount).toBe(0);
  }
}

/** What a session does when it is called; by default it takes all input and answers nothing. */
export interface SessionHooks {
  /** While the session is made. */
  open?: (connection: Connection) => void;
  opened?: (connection: Connection) => void;
  input?: (connection: Connection, bytes: Buffer, start: number, end: number) => number;
  drained?: (connection: Connection) => void;
  ended?: (connection: Connection) => void;
  timeout?: (connection: Connection, nowMs: number) => void;
  idleSinceMs?: () => number;
  closed?: (connection: Connection, reason: CloseReason) => void;
}

export class ScriptSession implements Session {
  readonly connection: Connection;
  readonly hooks: SessionHooks;
  /** Calls, in order: "input abc", "drained", "ended", "timeout", "closed peer". */
  readonly trace: string[] = [];

  constructor(connection: Connection, hooks: SessionHooks) {
    this.connection = connection;
    this.hooks = hooks;
    hooks.open?.(connection);
  }

  opened(): void {
    if (this.hooks.opened === undefined) return;
    this.called("opened");
    this.hooks.opened(this.connection);
  }

  input(bytes: Buffer, start: number, end: number): number {
    this.called(`input ${latin1Slice(bytes, start, Math.min(end, start + 40))}`);
    return this.hooks.input?.(this.connection, bytes, start, end) ?? end - start;
  }

  drained(): void {
    this.called("drained");
    this.hooks.drained?.(this.connection);
  }

  ended(): void {
    this.called("ended");
    this.hooks.ended?.(this.connection);
  }

  timeout(nowMs: number): void {
    this.called("timeout");
    this.hooks.timeout?.(this.connection, nowMs);
  }

  idleSinceMs(): number {
    return this.hooks.idleSinceMs?.() ?? -1;
  }

  closed(reason: CloseReason): void {
    this.called(`closed ${CLOSE_REASON_NAMES[reason]}`);
    this.hooks.closed?.(this.connection, reason);
  }

  private called(call: string): void {
    if (this.trace.some((earlier) => earlier.startsWith("closed "))) {
      throw new Error(`${call} after the session was closed`);
    }
    this.trace.push(call);
  }
}

/** One fake socket and the connection that the reactor made for it. */
export class Peer {
  readonly socket: FakeSocket<Connection>;
  private made: ScriptSession | null = null;

  constructor(
    world: NetWorld,
    hooks: SessionHooks,
    options: FakeSocketOptions<Connection>,
    seed: number | null,
  ) {
    const handlers = world.reactor.handlers({
      open: (connection) => (this.made = new ScriptSession(connection, hooks)),
    }) as unknown as SocketHandler<Connection>;
    this.socket = fakeSocket(handlers, options, seed);
    world.clock.afterAdvance.push(() => this.socket.settle());
    this.socket.open();
  }

  get session(): ScriptSession {
    if (this.made === null) throw new Error("the protocol was not asked for a session");
    return this.made;
  }

  get connection(): Connection {
    return this.session.connection;
  }

  get trace(): readonly string[] {
    return this.session.trace;
  }

  write(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.connection.write(bytes, 0, bytes.length);
  }
}

export function send(connection: Connection, bytes: Uint8Array): void {
  connection.write(bytes, 0, bytes.length);
}

export function sendText(connection: Connection, text: string): void {
  send(connection, Buffer.from(text, "latin1"));
}

/** Bytes that differ at every position of any chunk size in use. */
export function pattern(count: number): Buffer {
  return Buffer.from(
    Uint8Array.from({ length: count }, (_, index) => (index * 31 + (index >> 8)) & 255),
  );
}
