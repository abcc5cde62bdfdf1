// Frames that are all of one length: sensors, records, cells. Nothing is on the wire but payloads:
//   | frameBytes | frameBytes | ..

import { FRAME_BYTES_MAX_LIMIT } from "../../core/limits.ts";
import {
  FRAME_MORE,
  FRAME_READY,
  type FrameDecoder,
  type Framing,
  FRAMING_OK,
  FRAMING_WRONG_LENGTH,
  NO_TAIL,
} from "./framing.ts";
import { wholeOption } from "./framing-options.ts";

export interface FixedLengthOptions {
  /** The length of every frame, 1 .. 2^30. */
  frameBytes: number;
}

/**
 * Frames of `frameBytes` bytes each.
 * @example fixedLength({ frameBytes: 188 }) // MPEG transport stream packets
 */
export function fixedLength(options: FixedLengthOptions): Framing {
  const bytes = wholeOption(
    "fixed-length",
    "frameBytes",
    options.frameBytes,
    1,
    FRAME_BYTES_MAX_LIMIT,
  );
  return new FixedLengthFraming(bytes);
}

class FixedLengthFraming implements Framing {
  readonly name = "fixed-length";
  readonly maxFrameBytes: number;
  readonly maxWireBytes: number;
  readonly headBytesMax = 0;
  readonly headTakesBytes = 0;
  readonly tail: Uint8Array = NO_TAIL;

  constructor(frameBytes: number) {
    this.maxFrameBytes = frameBytes;
    this.maxWireBytes = frameBytes;
  }

  createDecoder(): FrameDecoder {
    return new FixedLengthDecoder(this.maxFrameBytes);
  }

  check(_bytes: Uint8Array, start: number, end: number): number {
    return end - start === this.maxFrameBytes ? FRAMING_OK : FRAMING_WRONG_LENGTH;
  }

  encodeHead(_target: Uint8Array, at: number): number {
    return at;
  }
}

class FixedLengthDecoder implements FrameDecoder {
  frameStart = 0;
  frameEnd = 0;
  position = 0;
  needBytes: number;
  error: number = FRAMING_OK;

  constructor(frameBytes: number) {
    this.needBytes = frameBytes;
  }

  next(_bytes: Uint8Array, start: number, end: number): number {
    if (end - start < this.needBytes) return FRAME_MORE;
    this.frameStart = start;
    this.frameEnd = start + this.needBytes;
    this.position = this.frameEnd;
    return FRAME_READY;
  }
}
