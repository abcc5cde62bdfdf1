// The time between accept and the end of the PROXY header, as a session. The protocol behind it
// sees a connection from whom the proxy names. A listener that asks for the header takes nothing
// without one: otherwise anybody could leave it out and be believed, or put it in.

import { CLOSE_HEAD_TIMEOUT, CLOSE_PEER, CLOSE_PROTOCOL } from "../core/close-reason.ts";
import type { Connection } from "./connection.ts";
import { STATE_OPEN } from "./connection-state.ts";
import { handOver } from "./preamble.ts";
import type { Protocol, Session } from "./protocol.ts";
import { PROXY_MORE, PROXY_READY, ProxyHeader, type ProxyProtocol } from "./proxy-protocol.ts";

export class ProxyPreamble implements Protocol {
  readonly inner: Protocol;
  readonly version: ProxyProtocol;
  /** For the whole header, from the accept; Infinity for ever. */
  readonly timeoutMs: number;

  constructor(inner: Protocol, version: ProxyProtocol, timeoutMs: number) {
    this.inner = inner;
    this.version = version;
    this.timeoutMs = timeoutMs;
  }

  open(connection: Connection): Session {
    return new PreambleSession(connection, this);
  }
}

class PreambleSession implements Session {
  private readonly connection: Connection;
  private readonly preamble: ProxyPreamble;
  private readonly header: ProxyHeader;
  private readonly openedMs: number;

  constructor(connection: Connection, preamble: ProxyPreamble) {
    this.connection = connection;
    this.preamble = preamble;
    this.header = new ProxyHeader(preamble.version);
    this.openedMs = connection.reactor.nowMs;
    connection.setDeadline(this.openedMs + preamble.timeoutMs);
  }

  input(bytes: Buffer, start: number, end: number): number {
    const { connection, header } = this;
    const result = header.next(bytes, start, end);
    if (result === PROXY_MORE) return 0;
    if (result !== PROXY_READY) {
      connection.abort(CLOSE_PROTOCOL);
      return end - start;
    }
    connection.origin = header.origin;
    const session = handOver(connection, this.preamble.inner);
    const { position } = header;
    if (position === end || connection.state !== STATE_OPEN) return end - start;
    return position - start + session.input(bytes, position, end);
  }

  drained(): void {}

  /** Without a byte it was a check whether somebody listens. */
  ended(): void {
    this.connection.abort(this.connection.hasInput ? CLOSE_PROTOCOL : CLOSE_PEER);
  }

  timeout(): void {
    this.connection.abort(CLOSE_HEAD_TIMEOUT);
  }

  idleSinceMs(): number {
    return this.openedMs;
  }

  closed(): void {}
}
