// Frames whose length is a varint: | offset bytes | varint | bytes that it counts, + adjustment |
// Made by lengthField({ bytes: "varint" }), which explains the options. Without an offset the
// application gets what follows the varint. With one (MQTT: offset 1) it gets the whole frame, and
// what it sends must be whole frames too, whose varint is right.

import {
  FRAME_ERROR,
  FRAME_MORE,
  FRAME_READY,
  type FrameDecoder,
  type Framing,
  FRAMING_BAD_LENGTH,
  FRAMING_OK,
  FRAMING_TOO_LONG,
  NO_TAIL,
} from "./framing.ts";
import {
  readVarint,
  VARINT_BYTES_MAX,
  VARINT_INVALID,
  VARINT_MORE,
  varintWidthAt,
  writeVarint,
} from "./length-bytes.ts";

const VALUE_MAX: number = 2 ** 32 - 1;

export class VarintFraming implements Framing {
  readonly name = "length-field";
  readonly maxFrameBytes: number;
  readonly maxWireBytes: number;
  readonly headBytesMax: number;
  readonly headTakesBytes = 0;
  readonly tail: Uint8Array = NO_TAIL;
  readonly offset: number;
  readonly adjustment: number;
  readonly strips: boolean;

  constructor(maxFrameBytes: number, offset: number, adjustment: number) {
    this.maxFrameBytes = maxFrameBytes;
    this.offset = offset;
    this.adjustment = adjustment;
    this.strips = offset === 0;
    this.headBytesMax = this.strips ? VARINT_BYTES_MAX : 0;
    this.maxWireBytes = this.headBytesMax + maxFrameBytes;
  }

  createDecoder(): FrameDecoder {
    return new VarintDecoder(this);
  }

  check(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > this.maxFrameBytes) return FRAMING_TOO_LONG;
    if (this.strips) {
      const value = length - this.adjustment;
      if (value < 0) return FRAMING_BAD_LENGTH;
      return value <= VALUE_MAX ? FRAMING_OK : FRAMING_TOO_LONG;
    }
    const decoder = new VarintDecoder(this);
    const isOne = decoder.next(bytes, start, end) === FRAME_READY && decoder.position === end;
    return isOne ? FRAMING_OK : FRAMING_BAD_LENGTH;
  }

  encodeHead(
    target: Uint8Array,
    at: number,
    _bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    return this.strips ? writeVarint(target, at, end - start - this.adjustment) : at;
  }
}

class VarintDecoder implements FrameDecoder {
  frameStart = 0;
  frameEnd = 0;
  position = 0;
  needBytes: number;
  error: number = FRAMING_OK;
  private readonly framing: VarintFraming;

  constructor(framing: VarintFraming) {
    this.framing = framing;
    this.needBytes = framing.offset + 1;
  }

  next(bytes: Uint8Array, start: number, end: number): number {
    const framing = this.framing;
    if (this.error !== FRAMING_OK) return FRAME_ERROR;
    const at = start + framing.offset;
    const value = readVarint(bytes, at, end);
    if (value === VARINT_MORE) return this.more(Math.max(end - start, framing.offset) + 1);
    if (value === VARINT_INVALID) return this.fail(FRAMING_BAD_LENGTH);
    const headEnd = framing.offset + varintWidthAt(bytes, at);
    const length = value + framing.adjustment;
    const strip = framing.strips ? headEnd : 0;
    if (length < 0) return this.fail(FRAMING_BAD_LENGTH);
    if (headEnd + length - strip > framing.maxFrameBytes) return this.fail(FRAMING_TOO_LONG);
    if (end - start < headEnd + length) return this.more(headEnd + length);
    this.frameStart = start + strip;
    this.frameEnd = start + headEnd + length;
    this.position = this.frameEnd;
    return FRAME_READY;
  }

  private more(needBytes: number): number {
    this.needBytes = needBytes;
    return FRAME_MORE;
  }

  private fail(error: number): number {
    this.error = error;
    return FRAME_ERROR;
  }
}
