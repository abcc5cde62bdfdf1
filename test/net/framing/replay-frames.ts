// A session's side of decoding, in its plainest form: what is not yet a frame is kept and shown to
// the decoder again, at another place of another buffer, with the next piece behind it.

import { expect } from "bun:test";
import { encodeFrame } from "../../../src/net/framing/encode-frame.ts";
import {
  FRAME_ERROR,
  FRAME_MORE,
  FRAME_READY,
  type FrameDecoder,
  type Framing,
  FRAMING_TOO_LONG,
} from "../../../src/net/framing/framing.ts";
import { displace, everyCut, latin1 } from "../../support/replay.ts";

/** Frames in hex, then what was left or the code: "6162 - +1" is a frame, an empty one, 1 byte. */
export function decodeAll(framing: Framing, bytes: Uint8Array, ends: readonly number[]): string {
  const decoder = framing.createDecoder();
  const story: string[] = [];
  let from = 0;
  for (const end of ends) {
    for (;;) {
      const offset = end % 5; // of this piece; never the place where the bytes were before
      const view = displace(bytes, from, end, offset);
      const result = decoder.next(view, offset, offset + end - from);
      if (result === FRAME_MORE) {
        checkNeed(framing, decoder, end - from);
        break;
      }
      if (result === FRAME_ERROR) {
        expect(decoder.next(view, offset, offset + end - from)).toBe(FRAME_ERROR);
        return [...story, `error ${decoder.error}`].join(" ");
      }
      expect(result).toBe(FRAME_READY);
      story.push(hexOf(view.subarray(decoder.frameStart, decoder.frameEnd)));
      from += decoder.position - offset;
    }
  }
  return [...story, `+${bytes.length - from}`].join(" ");
}

/** The outcome of a stream, the same for every cut of it. */
export function decodeEveryCut(framing: Framing, bytes: Uint8Array): string {
  return everyCut(bytes, (ends) => decodeAll(framing, bytes, ends));
}

/** The outcome, with frames as text: "ab|c|+1". */
export function textStory(framing: Framing, stream: string): string {
  return decodeEveryCut(framing, latin1(stream))
    .replaceAll(/\b([0-9a-f]{2})+(?= |$)/g, (hex) => Buffer.from(hex, "hex").toString("latin1"))
    .replaceAll(`error ${FRAMING_TOO_LONG}`, "too-long")
    .replaceAll(" ", "|");
}

/** Frames of these payloads, one after the other. */
export function encodeAll(framing: Framing, payloads: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(payloads.map((payload) => encodeFrame(framing, payload)));
}

export function expectRoundTrip(framing: Framing, payloads: readonly Uint8Array[]): void {
  const story = [...payloads.map(hexOf), "+0"].join(" ");
  expect(decodeEveryCut(framing, encodeAll(framing, payloads))).toBe(story);
}

export function hexOf(bytes: Uint8Array): string {
  return bytes.length === 0 ? "-" : Buffer.from(bytes).toString("hex");
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

function checkNeed(framing: Framing, decoder: FrameDecoder, heldBytes: number): void {
  expect(decoder.needBytes).toBeGreaterThan(heldBytes);
  expect(decoder.needBytes).toBeLessThanOrEqual(framing.maxWireBytes);
}
