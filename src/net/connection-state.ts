// The states of a connection, in the order of its life: it never goes back. What leads from one to
// the next is drawn at the head of connection.ts.

export const STATE_OPEN = 0;
/** Closing: what is queued still leaves. */
export const STATE_DRAINING = 1;
/** Our FIN is sent: the peer's is waited for. */
export const STATE_LINGERING = 2;
export const STATE_CLOSED = 3;
