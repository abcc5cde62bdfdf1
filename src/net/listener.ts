// One listening address in one worker. It accepts from a dup of the socket that the master holds,
// so it can stop and start again without a connection being lost: while it is detached, the kernel
// goes on queueing. Where the master could not make the socket, Bun's own reusePort listens, and a
// detached listener then refuses what arrives.
//
// Invariant: accepting <=> attached and not held back by the connection limit.

import { assert } from "../core/assert.ts";
import { messageOf, MillraceError } from "../core/errors.ts";
import type { Connection } from "./connection.ts";
import type { SocketHandlers } from "./raw-socket.ts";

export type ListenSource =
  /** Gives a fresh dup of a listening socket each time it is called. */
  | { readonly dup: () => number }
  /** No such socket: listen by ourselves. */
  | { readonly host: string; readonly port: number; readonly unix?: string };

export class Listener {
  private readonly handlers: SocketHandlers<Connection>;
  private source: ListenSource | null = null;
  private listening: { stop(): void } | null = null;
  private heldBack = false;

  constructor(handlers: SocketHandlers<Connection>) {
    this.handlers = handlers;
  }

  get accepting(): boolean {
    return this.listening !== null;
  }

  /** Begins to accept; throws MillraceError ERR_LISTEN when the address cannot be had. */
  attach(source: ListenSource): void {
    assert(this.source === null, "a listener attached twice");
    this.source = source;
    this.update();
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
    if (source === null) {
      this.listening?.stop();
      this.listening = null;
    } else {
      this.listening ??= listen(source, this.handlers);
    }
  }
}

function listen(source: ListenSource, handlers: SocketHandlers<Connection>): { stop(): void } {
  // Bun.listen takes a descriptor, but its types do not say so.
  const where =
    "dup" in source
      ? { fd: source.dup() }
      : source.unix !== undefined
        ? { unix: source.unix }
        : { hostname: source.host, port: source.port, reusePort: true };
  const options = { ...where, allowHalfOpen: true, socket: handlers };
  try {
    return Bun.listen(options as unknown as Bun.TCPSocketListenOptions<Connection>);
  } catch (error) {
    const name = "dup" in source ? "a given socket" : (source.unix ?? `${source.host}:${source.port}`);
    throw new MillraceError("ERR_LISTEN", `Cannot listen on ${name}: ${messageOf(error)}`, error);
  }
}
