// Frames that say their length in a field at a fixed place of their head.
//
//   | offset bytes | length field | as many bytes as it says, plus adjustment | next frame ..
//   |<--- strip --->|<------------ the frame that the application gets ------->|  strip is free
//
// Encoding is the inverse of decoding: stripped bytes are sent as zeros, and the length is written
// into its place, even when that lies inside the payload. A varint has no fixed place, so it is
// stripped with the head; after an offset it stays, and a payload must bring it along.

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
import { choiceOption, maxFrameBytesOption, wholeOption } from "./framing-options.ts";
import {
  LENGTH_WIDTHS,
  lengthMax,
  type LengthWidth,
  readLength,
  writeLength,
} from "./length-bytes.ts";
import { VarintFraming } from "./varint-framing.ts";

const HEAD_BYTES_MAX = 4096;
const ADJUSTMENT_MAX: number = 1 << 30;
const NAME = "length-field";

export interface LengthFieldOptions {
  /** Width of the length; "varint" is base 128, low group first (protobuf, MQTT), up to 32 bits. */
  bytes: LengthWidth | "varint";
  /** The most bytes of a frame as the application gets it. Default 1 MiB, at most 1 GiB. */
  maxFrameBytes?: number;
  /** Bytes before the length field. Default 0. */
  offset?: number;
  /** Added to the length; for example -4 when 4 bytes of length count themselves. Default 0. */
  adjustment?: number;
  /** Bytes taken off the front. Default: the length field when it comes first, otherwise none. */
  strip?: number;
  /** Default "big", the order of the network. */
  endian?: "big" | "little";
}

/**
 * Frames with a length field.
 * @example lengthField({ bytes: 4, maxFrameBytes: 1 << 20 })
 */
export function lengthField(options: LengthFieldOptions): Framing {
  const maxFrameBytes = maxFrameBytesOption(NAME, options.maxFrameBytes);
  const offset = wholeOption(NAME, "offset", options.offset ?? 0, 0, HEAD_BYTES_MAX);
  const wanted = options.adjustment ?? 0;
  const adjustment = wholeOption(NAME, "adjustment", wanted, -ADJUSTMENT_MAX, ADJUSTMENT_MAX);
  const endian = choiceOption(NAME, "endian", options.endian ?? "big", ["big", "little"]);
  if (options.bytes === "varint") {
    if (options.strip !== undefined) {
      throw new TypeError(
        "Cannot use length-field framing with strip and a varint: its width varies",
      );
    }
    if (offset > 0) requireHeadFits(offset + 1, maxFrameBytes);
    return new VarintFraming(maxFrameBytes, offset, adjustment);
  }
  const width = choiceOption(NAME, "bytes", options.bytes, LENGTH_WIDTHS);
  const usual = offset === 0 ? width : 0;
  const strip = wholeOption(NAME, "strip", options.strip ?? usual, 0, HEAD_BYTES_MAX);
  requireHeadFits(offset + width - strip, maxFrameBytes);
  return new LengthFieldFraming({ width, maxFrameBytes, offset, adjustment, strip, endian });
}

/** The part of a head that the application gets with each frame. */
function requireHeadFits(headBytes: number, maxFrameBytes: number): void {
  if (headBytes <= maxFrameBytes) return;
  throw new RangeError(
    `Cannot use length-field framing with maxFrameBytes ${maxFrameBytes}: its head does not fit`,
  );
}

interface Shape {
  width: LengthWidth;
  maxFrameBytes: number;
  offset: number;
  adjustment: number;
  strip: number;
  endian: "big" | "little";
}

class LengthFieldFraming implements Framing {
  readonly name: string = NAME;
  readonly maxFrameBytes: number;
  readonly maxWireBytes: number;
  readonly headBytesMax: number;
  readonly headTakesBytes: number;
  readonly tail: Uint8Array = NO_TAIL;
  readonly width: LengthWidth;
  readonly offset: number;
  readonly headEnd: number; // behind the length field
  readonly adjustment: number;
  readonly strip: number;
  readonly little: boolean;

  constructor(shape: Shape) {
    this.maxFrameBytes = shape.maxFrameBytes;
    this.width = shape.width;
    this.offset = shape.offset;
    this.headEnd = shape.offset + shape.width;
    this.adjustment = shape.adjustment;
    this.strip = shape.strip;
    this.little = shape.endian === "little";
    this.maxWireBytes = shape.strip + shape.maxFrameBytes;
    this.headBytesMax = Math.max(shape.strip, this.headEnd);
    this.headTakesBytes = Math.max(0, this.headEnd - shape.strip);
  }

  createDecoder(): FrameDecoder {
    return new LengthFieldDecoder(this);
  }

  check(_bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > this.maxFrameBytes) return FRAMING_TOO_LONG;
    const value = this.lengthOf(length);
    if (length < this.headTakesBytes || value < 0) return FRAMING_BAD_LENGTH;
    return value <= lengthMax(this.width) ? FRAMING_OK : FRAMING_TOO_LONG;
  }

  encodeHead(
    target: Uint8Array,
    at: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    for (let index = 0; index < this.strip; index++) target[at + index] = 0;
    for (let index = this.strip; index < this.headEnd; index++) {
      target[at + index] = bytes[start + index - this.strip]!;
    }
    const value = this.lengthOf(end - start);
    writeLength(target, at + this.offset, this.width, this.little, value);
    return at + this.headBytesMax;
  }

  private lengthOf(frameBytes: number): number {
    return this.strip + frameBytes - this.headEnd - this.adjustment;
  }
}

class LengthFieldDecoder implements FrameDecoder {
  frameStart = 0;
  frameEnd = 0;
  position = 0;
  needBytes: number;
  error: number = FRAMING_OK;
  private readonly framing: LengthFieldFraming;

  constructor(framing: LengthFieldFraming) {
    this.framing = framing;
    this.needBytes = framing.headEnd;
  }

  next(bytes: Uint8Array, start: number, end: number): number {
    const framing = this.framing;
    if (this.error !== FRAMING_OK) return FRAME_ERROR;
    if (end - start < framing.headEnd) {
      this.needBytes = framing.headEnd;
      return FRAME_MORE;
    }
    const at = start + framing.offset;
    const length = readLength(bytes, at, framing.width, framing.little) + framing.adjustment;
    const whole = framing.headEnd + length;
    if (length < 0 || whole < framing.strip) return this.fail(FRAMING_BAD_LENGTH);
    if (whole - framing.strip > framing.maxFrameBytes) return this.fail(FRAMING_TOO_LONG);
    if (end - start < whole) {
      this.needBytes = whole;
      return FRAME_MORE;
    }
    this.frameStart = start + framing.strip;
    this.frameEnd = start + whole;
    this.position = this.frameEnd;
    return FRAME_READY;
  }

  private fail(error: number): number {
    this.error = error;
    return FRAME_ERROR;
  }
}
