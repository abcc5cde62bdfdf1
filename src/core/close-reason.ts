// Why a connection ended. Every close goes through one exit with one of these, and each is counted
// apart on the stats board, so the order here is the order of the columns there: append, never
// insert. "Ours" means the peer did nothing wrong.

export const CLOSE_PEER = 0; // the peer finished and left
export const CLOSE_LOCAL = 1; // we finished: `Connection: close`, HTTP/1.0, a user's close()
export const CLOSE_RESET = 2; // the transport failed: reset, unreachable, write error
export const CLOSE_IDLE = 3; // keep-alive or idle timeout
export const CLOSE_HEARTBEAT = 4; // heartbeats missed
export const CLOSE_HEAD_TIMEOUT = 5; // the request head did not arrive in time
export const CLOSE_BODY_TIMEOUT = 6; // the request body came too slowly
export const CLOSE_WRITE_STALL = 7; // the peer takes its answers too slowly, or not at all
export const CLOSE_OUTPUT_OVERFLOW = 8; // more unsent bytes than the hard cap
export const CLOSE_MEMORY = 9; // no buffer within the memory limit
export const CLOSE_PROTOCOL = 10; // malformed input; after the error answer, if there is one
export const CLOSE_DRAIN = 11; // the worker drains: reload or shutdown
export const CLOSE_HANDLER = 12; // the handler failed after its answer had begun
export const CLOSE_WORKER_LOST = 13; // the worker died; counted by the master
export const CLOSE_LIMIT = 14; // over the connection limit
export const CLOSE_TLS = 15; // no TLS handshake, not in time, or a broken record after it

export const CLOSE_REASON_NAMES = [
  "peer",
  "local",
  "reset",
  "idle",
  "heartbeat",
  "head-timeout",
  "body-timeout",
  "write-stall",
  "output-overflow",
  "memory",
  "protocol",
  "drain",
  "handler",
  "worker-lost",
  "limit",
  "tls",
] as const;

/** Why a connection ended, as an application sees it. */
export type CloseReasonName = (typeof CLOSE_REASON_NAMES)[number];

/** An index into CLOSE_REASON_NAMES. */
export type CloseReason = number;

/** Nobody's fault: if something cuts the last bytes off after it, that is the reason. */
export const FAULTLESS: ReadonlySet<CloseReason> = new Set([
  CLOSE_LOCAL,
  CLOSE_PEER,
  CLOSE_IDLE,
  CLOSE_DRAIN,
]);
