// The time between accept and the end of the TLS handshake, as a session: nothing can be read or
// written, and a peer that does not finish in time, or speaks something else, is closed with
// CLOSE_TLS. After it the connection is the inner protocol's.

import { CLOSE_TLS } from "../core/close-reason.ts";
import type { Connection } from "./connection.ts";
import { handOver } from "./preamble.ts";
import type { Protocol, Session } from "./protocol.ts";

export class TlsHandshake implements Protocol {
  readonly inner: Protocol;
  /** A client without a certificate that we trust is refused. */
  readonly needsCertificate: boolean;
  /** For the handshake, from the accept; Infinity for ever. */
  readonly timeoutMs: number;

  constructor(inner: Protocol, needsCertificate: boolean, timeoutMs: number) {
    this.inner = inner;
    this.needsCertificate = needsCertificate;
    this.timeoutMs = timeoutMs;
  }

  open(connection: Connection): Session {
    return new HandshakeSession(connection, this);
  }
}

class HandshakeSession implements Session {
  private readonly connection: Connection;
  private readonly handshake: TlsHandshake;
  private readonly openedMs: number;

  constructor(connection: Connection, handshake: TlsHandshake) {
    this.connection = connection;
    this.handshake = handshake;
    this.openedMs = connection.reactor.nowMs;
    connection.setDeadline(this.openedMs + handshake.timeoutMs);
  }

  secured(isDone: boolean, error: Error | null): void {
    const { connection, handshake } = this;
    if (!isDone || (handshake.needsCertificate && error !== null)) {
      return connection.abort(CLOSE_TLS);
    }
    connection.secure = true;
    handOver(connection, handshake.inner);
  }

  /** Nothing can have been decrypted yet. */
  input(_bytes: Buffer, start: number, end: number): number {
    this.connection.abort(CLOSE_TLS);
    return end - start;
  }

  drained(): void {}

  ended(): void {
    this.connection.abort(CLOSE_TLS);
  }

  timeout(): void {
    this.connection.abort(CLOSE_TLS);
  }

  idleSinceMs(): number {
    return this.openedMs;
  }

  closed(): void {}
}
