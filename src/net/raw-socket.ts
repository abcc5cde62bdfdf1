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
  /**
   * On a socket that collects what is written during a turn of the loop: takes bytes as write()
   * does, all or none. What the kernel then refuses comes back by `refused`.
   */
  stage?(bytes: Uint8Array, offset: number, length: number): number;
  /** Bytes that were staged and are not with the kernel yet. */
  readonly stagedBytes?: number;
  /** Calls `sent` once, when what is staged is with the kernel. */
  tellsSent?: boolean;
  /** Hands what is staged to the kernel now. */
  flush?(): void;
  /**
   * Bytes that did not come by write() were refused, or some of them may have been: `isFull`. Calls
   * `drain` when the kernel takes more; false if it does by now. A socket without this calls it
   * after a short write only.
   */
  awaitRoom?(isFull: boolean): boolean;
}

/** The events of a socket, as Bun.listen calls them. */
export interface SocketHandlers<Owner> {
  open(socket: RawSocket<Owner>): void;
  /** On a TLS listener, once, after open: see tls.ts. */
  handshake?(socket: RawSocket<Owner>, isDone: boolean, error: Error | null): void;
  data(socket: RawSocket<Owner>, chunk: Buffer): void;
  /** The same in place of `data`: bytes[0, end), which are lent for the call only. */
  input?(socket: RawSocket<Owner>, bytes: Buffer, end: number): void;
  /**
   * The kernel did not take bytes[start, end) of what was staged; lent for the call only. May not
   * write or close anything. False if they cannot be kept: `close` follows.
   */
  refused?(socket: RawSocket<Owner>, bytes: Buffer, start: number, end: number): boolean;
  /** See RawSocket.tellsSent. */
  sent?(socket: RawSocket<Owner>): void;
  drain(socket: RawSocket<Owner>): void;
  /** The peer sent FIN. */
  end(socket: RawSocket<Owner>): void;
  close(socket: RawSocket<Owner>, error?: Error): void;
  error(socket: RawSocket<Owner>, error: Error): void;
}
