// What the net floor needs of a Bun socket, and no more, so that a test can put a scripted one in
// its place. `data` carries the connection that owns the socket.

import type { ByteSink } from "../buffer/output-buffer.ts";

export interface RawSocket<Owner> extends ByteSink {
  data: Owner;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /** The descriptor, for what Bun does not offer; a socket without a kernel has none. */
  readonly fd?: number;
  /** Null on a plain socket. */
  getTLSVersion?(): string | null;
  /** Half-close: what the kernel took still leaves, then FIN. Reading goes on. */
  shutdown(): void;
  /** Closes both ways at once. Safe only when the peer has nothing more to send. */
  close(): void;
  /** Closes with a reset: frees what the kernel still holds. */
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** The events of a socket, as Bun.listen calls them. */
export interface SocketHandlers<Owner> {
  open(socket: RawSocket<Owner>): void;
  /** On a TLS listener, once, after open: see tls.ts. */
  handshake?(socket: RawSocket<Owner>, isDone: boolean, error: Error | null): void;
  data(socket: RawSocket<Owner>, chunk: Buffer): void;
  drain(socket: RawSocket<Owner>): void;
  /** The peer sent FIN. */
  end(socket: RawSocket<Owner>): void;
  close(socket: RawSocket<Owner>, error?: Error): void;
  error(socket: RawSocket<Owner>, error: Error): void;
}
