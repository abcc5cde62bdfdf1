// No framing: a frame is whatever has arrived. For protocols that cut the stream themselves, and
// for byte streams. Nothing is ever assembled and nothing can be wrong.

import { FRAME_BYTES_MAX_LIMIT } from "../../core/limits.ts";
import {
  FRAME_MORE,
  FRAME_READY,
  type FrameDecoder,
  type Framing,
  FRAMING_OK,
  NO_TAIL,
} from "./framing.ts";

/** Hands over the bytes as they come. */
export function raw(): Framing {
  return rawFraming;
}

class RawDecoder implements FrameDecoder {
  frameStart = 0;
  frameEnd = 0;
  position = 0;
  needBytes = 1;
  error: number = FRAMING_OK;

  next(_bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) return FRAME_MORE;
    this.frameStart = start;
    this.frameEnd = end;
    this.position = end;
    return FRAME_READY;
  }
}

const rawFraming: Framing = {
  name: "raw",
  maxFrameBytes: FRAME_BYTES_MAX_LIMIT,
  maxWireBytes: FRAME_BYTES_MAX_LIMIT,
  headBytesMax: 0,
  headTakesBytes: 0,
  tail: NO_TAIL,
  createDecoder: () => new RawDecoder(),
  check: () => FRAMING_OK,
  encodeHead: (_target, at) => at,
};
