// The lower half of what a request of the ring carries and its completion brings back (user data):
// what it was for, and whom. The upper half is the generation of that socket: a completion that
// comes after its descriptor was closed, and given to someone else, is known for stale by it.
//
//   | kind 4 bits | value 28 bits |   a socket's descriptor, the number of a listener or a send

/** Nobody waits for it: it comes only when it failed, and that does not matter. */
export const KIND_NONE = 0;
export const KIND_ACCEPT = 1; // a listener
export const KIND_RECEIVE = 2; // a socket
export const KIND_SEND = 3; // an entry of the batch
export const KIND_WRITABLE = 4; // a socket
export const KIND_FAILURE = 5; // a socket that is not read: has it been reset?

const KIND_BITS = 4;
const KIND_MASK = 15;

export function requestTag(kind: number, value: number): number {
  return kind | (value << KIND_BITS);
}

export function kindOf(userLow: number): number {
  return userLow & KIND_MASK;
}

export function valueOf(userLow: number): number {
  return userLow >>> KIND_BITS;
}
