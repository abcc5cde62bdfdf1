// A whole frame as one new array: for clients, tests and examples. The server writes head, payload
// and tail to its output instead, without this copy.

import { type Framing, FRAMING_OK, FRAMING_TEXTS } from "./framing.ts";

/** The bytes of one frame; a RangeError says why a payload cannot be one. */
export function encodeFrame(framing: Framing, payload: Uint8Array): Uint8Array {
  const code = framing.check(payload, 0, payload.length);
  if (code !== FRAMING_OK) throw new RangeError(`Cannot send the frame: ${FRAMING_TEXTS[code]!}`);
  const room = framing.headBytesMax + payload.length + framing.tail.length;
  const wire = new Uint8Array(room);
  let at = framing.encodeHead(wire, 0, payload, 0, payload.length);
  const rest = payload.subarray(framing.headTakesBytes);
  wire.set(rest, at);
  at += rest.length;
  wire.set(framing.tail, at);
  return wire.subarray(0, at + framing.tail.length);
}
