// One listening address in one worker. It accepts from a dup of the socket that the master holds,
// so it can stop and start again without a connection being lost: while it is detached, the kernel
// goes on queueing. Where the master could not make the socket, Bun's own reusePort listens, and a
// detached listener then refuses what arrives.
//
// Invariant: accepting <=> attached and not held back by the connection limit; except that starting
// again can fail, for want of a descriptor, and is then tried again until it works.

import { closeSync } from "node:fs";
import { acceptWithBytes, sendAtOnce } from "./accept-options.ts";
import { assert } from "../core/assert.ts";
import { messageOf, MillraceError } from "../core/errors.ts";
import type { Connection } from "./connection.ts";
import { setBacklog } from "./listening-socket.ts";
import type { SocketHandlers } from "./raw-socket.ts";
import type { TlsMaterial } from "./tls.ts";
import { limitUnsent } from "./unsent-limit.ts";
import type { RingTransport } from "./uring/ring-transport.ts";

export type ListenSource =
  /** Gives a fresh dup of a listening socket each time it is called. */
  | { readonly dup: () => number; readonly backlog?: number }
  /** No such socket: listen by ourselves. */
  | { readonly host: string; readonly port: number; readonly unix?: string };

const RETRY_MS = 100;

export interface ListenerOptions {
  /** Told once why it does not accept again, although it should. */
  readonly onRetry?: (error: unknown) => void;
  readonly tls?: TlsMaterial | null;
  /** Among the listeners of the service. */
  readonly index?: number;
  /** The peer speaks first: see acceptWithBytes(). */
  readonly peerFirst?: boolean;
}

export class Listener {
  private readonly handlers: SocketHandlers<Connection>;
  private readonly options: ListenerOptions;
  private readonly tls: TlsMaterial | null;
  private source: ListenSource | null = null;
  private ring: RingTransport<Connection> | null = null;
  private listening: { stop(): void } | null = null;
  private heldBack = false;
  private retry: ReturnType<typeof setTimeout> | null = null;

  constructor(handlers: SocketHandlers<Connection>, options: ListenerOptions = {}) {
    this.handlers = handlers;
    this.options = options;
    this.tls = options.tls ?? null;
  }

  get accepting(): boolean {
    return this.listening !== null;
  }

  /**
   * Begins to accept, from a socket that was lent and without TLS by the ring, if there is one;
   * throws MillraceError ERR_LISTEN when the address cannot be had.
   */
  attach(source: ListenSource, ring: RingTransport<Connection> | null = null): void {
    assert(this.source === null, "a listener attached twice");
    this.ring = ring;
    if (!this.heldBack) this.listening = this.listen(source);
    this.source = source;
  }

  /** Stops accepting for good. Connections live on. */
  detach(): void {
    this.source = null;
    this.update();
  }

  /** Stops accepting for a while, and goes on. */
  holdBack(heldBack: boolean): void {
    this.heldBack = heldBack;
    this.update();
  }

  private update(): void {
    const source = this.heldBack ? null : this.source;
    if (source !== null) return this.resume(source);
    this.stopRetrying();
    this.listening?.stop();
    this.listening = null;
  }

  /** Never throws: it is called when a connection ends, which has to go on. */
  private resume(source: ListenSource): void {
    const isFirst = this.retry === null;
    this.stopRetrying();
    try {
      this.listening ??= this.listen(source);
    } catch (error) {
      this.retry = setTimeout(() => this.update(), RETRY_MS);
      if (isFirst) this.options.onRetry?.(error);
    }
  }

  private listen(source: ListenSource): { stop(): void } {
    const { ring, handlers, tls } = this;
    if (ring === null || tls !== null || !("dup" in source)) {
      return listen(source, handlers, tls, this.options.peerFirst ?? false);
    }
    const fd = source.dup();
    limitUnsent(fd);
    sendAtOnce(fd);
    acceptWithBytes(fd, this.options.peerFirst ?? false);
    return ring.listen(fd, handlers, this.options.index ?? 0);
  }

  /** Serves a connection that a worker before this one had accepted when it died, if it can. */
  adopt(fd: number): boolean {
    if (this.ring === null || this.tls !== null || this.source === null) return false;
    this.ring.adopt(fd, this.handlers);
    return true;
  }

  private stopRetrying(): void {
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
  }
}

function listen(
  source: ListenSource,
  handlers: SocketHandlers<Connection>,
  tls: TlsMaterial | null,
  peerFirst: boolean,
): { stop(): void } {
  // Bun.listen takes a descriptor, but its types do not say so.
  const fd = "dup" in source ? source.dup() : -1;
  const where =
    "dup" in source
      ? { fd }
      : source.unix !== undefined
        ? { unix: source.unix }
        : { hostname: source.host, port: source.port, reusePort: true };
  const secure = tls === null ? {} : { tls };
  const options = { ...where, ...secure, allowHalfOpen: true, socket: handlers };
  try {
    const listening = Bun.listen(options as unknown as Bun.TCPSocketListenOptions<Connection>);
    if ("dup" in source) limitUnsent(fd);
    if ("dup" in source) acceptWithBytes(fd, peerFirst);
    if ("dup" in source && source.backlog !== undefined) setBacklog(fd, source.backlog);
    return listening;
  } catch (error) {
    if (fd >= 0) closeSync(fd);
    const name =
      "dup" in source ? "a given socket" : (source.unix ?? `${source.host}:${source.port}`);
    throw new MillraceError("ERR_LISTEN", `Cannot listen on ${name}: ${messageOf(error)}`, error);
  }
}
