// The other end of a worker handle: what runs in the worker uses it to hear from its owner and to
// answer. Messages go in an envelope, since the thread is shared with the user's code, which may
// have a message listener or post messages of its own: those are not ours.
//
//   { millrace: message }

import { parentPort } from "node:worker_threads";
import { assert } from "../core/assert.ts";

export const ENVELOPE = "millrace";
export type Envelope<Message> = { readonly [ENVELOPE]: Message };

/** To the thread that made this one. */
export interface OwnerPort<ToOwner> {
  post(message: ToOwner): void;
}

let owned = false;

/** Whether this thread is a worker with an owner that it listens to. */
export function isOwned(): boolean {
  return owned;
}

/** To be called once, in a worker thread. */
export function listenToOwner<FromOwner, ToOwner>(
  onMessage: (message: FromOwner) => void,
): OwnerPort<ToOwner> {
  assert(parentPort !== null, "only a worker thread has an owner");
  const port = parentPort;
  owned = true;
  port.on("message", (envelope: Envelope<FromOwner> | null) => {
    if (typeof envelope === "object" && envelope !== null && ENVELOPE in envelope) {
      onMessage(envelope[ENVELOPE]);
    }
  });
  return { post: (message) => port.postMessage({ [ENVELOPE]: message }) };
}
