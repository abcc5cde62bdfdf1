// The seam between sockets and protocols. A Protocol makes a Session for each connection; the
// connection calls the session, the session answers through the connection. The net floor knows
// nothing else of what is spoken.

import type { CloseReason } from "../core/close-reason.ts";
import type { Connection } from "./connection.ts";

export interface Protocol {
  /** A connection was accepted. */
  open(connection: Connection): Session;
}

/** An IP address without brackets, and a port. */
export interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

export interface Session {
  /** The connection knows its session now: the application may be told. */
  opened?(): void;
  /**
   * bytes[start, end) is all that has arrived and was not consumed before. Returns how many of
   * them are done with; the rest is kept and given again, with what arrived behind it. The bytes
   * are valid during the call only.
   */
  input(bytes: Buffer, start: number, end: number): number;
  /** The TLS handshake has ended; `error` is why the client's certificate is not trusted. */
  secured?(isDone: boolean, error: Error | null): void;
  /** The output fell below its low mark after it had been above the high one. */
  drained(): void;
  /** The peer will send nothing more. The session decides whether an answer is still due. */
  ended(): void;
  /** The deadline set by Connection.setDeadline has passed. Set a new one, or close. */
  timeout(nowMs: number): void;
  /** Since when the session has had nothing to do, or -1 while it is busy. */
  idleSinceMs(): number;
  /** The connection is gone. Called once, last. */
  closed(reason: CloseReason): void;
}
