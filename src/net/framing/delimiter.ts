// Frames that end with a delimiter of any bytes. The search is that of Knuth, Morris and Pratt:
// one look at each byte whatever the delimiter and the stream are, and its state is one number, so
// that it goes on in the middle of a delimiter when more bytes have come.
//
//   | frame, at most maxFrameBytes | delimiter | next frame ..
//
// A stream is refused as soon as no delimiter can end the frame within the maximum, and at the
// same byte however the stream is cut.

import { indexOfByte } from "./byte-search.ts";
import {
  FRAME_ERROR,
  FRAME_MORE,
  FRAME_READY,
  type FrameDecoder,
  type Framing,
  FRAMING_HOLDS_DELIMITER,
  FRAMING_OK,
  FRAMING_TOO_LONG,
} from "./framing.ts";
import { maxFrameBytesOption } from "./framing-options.ts";

const DELIMITER_BYTES_MAX = 256;

export interface DelimiterOptions {
  /** What ends a frame: 1 to 256 bytes, or a text in UTF-8. */
  delimiter: string | Uint8Array;
  /** The most bytes of a frame, without its delimiter. Default 1 MiB, at most 1 GiB. */
  maxFrameBytes?: number;
}

/**
 * Frames that end with a delimiter, which the application does not see.
 * @example delimiter({ delimiter: "\0", maxFrameBytes: 64 * 1024 })
 */
export function delimiter(options: DelimiterOptions): Framing {
  const given: unknown = options.delimiter;
  if (typeof given !== "string" && !(given instanceof Uint8Array)) {
    throw new TypeError("Cannot use delimiter framing: delimiter must be a string or bytes");
  }
  const bytes = typeof given === "string" ? new TextEncoder().encode(given) : given.slice();
  if (bytes.length < 1 || bytes.length > DELIMITER_BYTES_MAX) {
    throw new RangeError(
      `Cannot use delimiter framing with ${bytes.length} bytes of delimiter: ` +
        `it must be 1..${DELIMITER_BYTES_MAX}`,
    );
  }
  const maxFrameBytes = maxFrameBytesOption("delimiter", options.maxFrameBytes);
  return new DelimiterFraming("delimiter", bytes, maxFrameBytes);
}

export class DelimiterFraming implements Framing {
  readonly name: string;
  readonly maxFrameBytes: number;
  readonly maxWireBytes: number;
  readonly headBytesMax = 0;
  readonly headTakesBytes = 0;
  readonly tail: Uint8Array;
  private readonly borders: Uint8Array;

  constructor(name: string, tail: Uint8Array, maxFrameBytes: number) {
    this.name = name;
    this.tail = tail;
    this.borders = bordersOf(tail);
    this.maxFrameBytes = maxFrameBytes;
    this.maxWireBytes = maxFrameBytes + tail.length;
  }

  createDecoder(): FrameDecoder {
    return new DelimiterDecoder(this.tail, this.borders, this.maxFrameBytes);
  }

  check(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > this.maxFrameBytes) return FRAMING_TOO_LONG;
    const { tail, borders } = this;
    let matched = 0;
    for (let at = start; at < end; at++) {
      if (matched === 0) at = indexOfByte(bytes, tail[0]!, at, end);
      if (at < 0) break;
      matched = matchedAfter(tail, borders, matched, bytes[at]!);
      if (matched === tail.length) return FRAMING_HOLDS_DELIMITER;
    }
    // Of "a" + "aa" the first delimiter begins in the payload.
    for (let at = 0; at < tail.length - 1; at++) {
      matched = matchedAfter(tail, borders, matched, tail[at]!);
      if (matched === tail.length) return FRAMING_HOLDS_DELIMITER;
    }
    return FRAMING_OK;
  }

  encodeHead(_target: Uint8Array, at: number): number {
    return at;
  }
}

class DelimiterDecoder implements FrameDecoder {
  frameStart = 0;
  frameEnd = 0;
  position = 0;
  needBytes = 1;
  error: number = FRAMING_OK;
  private readonly tail: Uint8Array;
  private readonly borders: Uint8Array;
  private readonly maxFrameBytes: number;
  private scanned = 0; // bytes of this frame that have been looked at
  private matched = 0; // of them, how many at the end begin a delimiter

  constructor(tail: Uint8Array, borders: Uint8Array, maxFrameBytes: number) {
    this.tail = tail;
    this.borders = borders;
    this.maxFrameBytes = maxFrameBytes;
  }

  next(bytes: Uint8Array, start: number, end: number): number {
    if (this.error !== FRAMING_OK) return FRAME_ERROR;
    const { tail, borders } = this;
    const limit = Math.min(end, start + this.maxFrameBytes + tail.length);
    const first = tail[0]!;
    let matched = this.matched;
    for (let at = start + this.scanned; at < limit; at++) {
      if (matched === 0) {
        at = indexOfByte(bytes, first, at, limit);
        if (at < 0) break;
        matched = 1;
      } else {
        matched = matchedAfter(tail, borders, matched, bytes[at]!);
      }
      if (matched === tail.length) return this.ready(start, at + 1);
    }
    return this.suspend(limit - start, matched);
  }

  private ready(start: number, position: number): number {
    this.scanned = 0;
    this.matched = 0;
    this.frameStart = start;
    this.frameEnd = position - this.tail.length;
    this.position = position;
    return FRAME_READY;
  }

  private suspend(scanned: number, matched: number): number {
    this.scanned = scanned;
    this.matched = matched;
    this.needBytes = scanned + this.tail.length - matched;
    if (scanned - matched <= this.maxFrameBytes) return FRAME_MORE;
    this.error = FRAMING_TOO_LONG;
    return FRAME_ERROR;
  }
}

/** Bytes of `tail` that are matched once `byte` follows a match of `matched` bytes. */
function matchedAfter(
  tail: Uint8Array,
  borders: Uint8Array,
  matched: number,
  byte: number,
): number {
  let length = matched;
  while (length > 0 && tail[length] !== byte) length = borders[length - 1]!;
  return tail[length] === byte ? length + 1 : 0;
}

/** At each index, the length of the longest proper prefix that is also a suffix up to there. */
function bordersOf(tail: Uint8Array): Uint8Array {
  const borders = new Uint8Array(tail.length);
  for (let at = 1; at < tail.length; at++) {
    borders[at] = matchedAfter(tail, borders, borders[at - 1]!, tail[at]!);
  }
  return borders;
}
