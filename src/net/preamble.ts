// What comes on a connection before its protocol does: a TLS handshake, a PROXY header. Each is a
// session of its own that hands the connection over when it is done; until then the protocol does
// not know of the connection, and the deadline is the preamble's.

import { assert } from "../core/assert.ts";
import type { Connection } from "./connection.ts";
import { STATE_CLOSED, STATE_OPEN } from "./connection-state.ts";
import type { Protocol, Session } from "./protocol.ts";

/** Makes the protocol's session and lets it go on; returns it. */
export function handOver(connection: Connection, protocol: Protocol): Session {
  assert(connection.state === STATE_OPEN, "a closed connection was handed over");
  connection.setDeadline(Infinity);
  const session = protocol.open(connection);
  connection.start(session);
  if (!isClosed(connection)) session.opened?.();
  return session;
}

function isClosed(connection: Connection): boolean {
  return connection.state === STATE_CLOSED;
}
