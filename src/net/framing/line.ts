// Frames that are lines of text. "any" ends a line at LF and takes off a CR before it, so that it
// reads every peer; "lf" leaves a CR to the application; "crlf" ends a line at CR LF alone.
//
//   | line, at most maxFrameBytes | LF or CR LF | next line ..

import { indexOfByte } from "./byte-search.ts";
import { DelimiterFraming } from "./delimiter.ts";
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
import { choiceOption, maxFrameBytesOption } from "./framing-options.ts";

const CR = 13;
const LF = 10;
const LF_TAIL: Uint8Array = Uint8Array.of(LF);
const CRLF_TAIL: Uint8Array = Uint8Array.of(CR, LF);

export interface LineOptions {
  /** What ends a line; "any" (default) reads both and writes LF. */
  ending?: "any" | "lf" | "crlf";
  /** The most bytes of a line, without its end. Default 1 MiB, at most 1 GiB. */
  maxFrameBytes?: number;
}

/**
 * Frames that are lines, without their ends.
 * @example line({ maxFrameBytes: 8192 })
 */
export function line(options: LineOptions = {}): Framing {
  const ending = choiceOption("line", "ending", options.ending ?? "any", ["any", "lf", "crlf"]);
  const maxFrameBytes = maxFrameBytesOption("line", options.maxFrameBytes);
  if (ending === "crlf") return new DelimiterFraming("line", CRLF_TAIL, maxFrameBytes);
  return new LineFraming(maxFrameBytes, ending === "any");
}

class LineFraming implements Framing {
  readonly name = "line";
  readonly maxFrameBytes: number;
  readonly maxWireBytes: number;
  readonly headBytesMax = 0;
  readonly headTakesBytes = 0;
  readonly tail: Uint8Array = LF_TAIL;
  private readonly dropsCr: boolean;

  constructor(maxFrameBytes: number, dropsCr: boolean) {
    this.maxFrameBytes = maxFrameBytes;
    this.maxWireBytes = maxFrameBytes + (dropsCr ? 2 : 1);
    this.dropsCr = dropsCr;
  }

  createDecoder(): FrameDecoder {
    return new LineDecoder(this.maxFrameBytes, this.dropsCr);
  }

  check(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > this.maxFrameBytes) return FRAMING_TOO_LONG;
    const losesCr = this.dropsCr && end > start && bytes[end - 1] === CR;
    if (losesCr || indexOfByte(bytes, LF, start, end) >= 0) return FRAMING_HOLDS_DELIMITER;
    return FRAMING_OK;
  }

  encodeHead(_target: Uint8Array, at: number): number {
    return at;
  }
}

class LineDecoder implements FrameDecoder {
  frameStart = 0;
  frameEnd = 0;
  position = 0;
  needBytes = 1;
  error: number = FRAMING_OK;
  private readonly maxFrameBytes: number;
  private readonly dropsCr: boolean;
  private scanned = 0; // bytes of this line in which there is no LF

  constructor(maxFrameBytes: number, dropsCr: boolean) {
    this.maxFrameBytes = maxFrameBytes;
    this.dropsCr = dropsCr;
  }

  next(bytes: Uint8Array, start: number, end: number): number {
    if (this.error !== FRAMING_OK) return FRAME_ERROR;
    const limit = Math.min(end, start + this.maxFrameBytes + 2); // the line, CR and LF
    const found = indexOfByte(bytes, LF, start + this.scanned, limit);
    const lineEnd = this.withoutCr(bytes, start, found < 0 ? limit : found);
    if (lineEnd - start > this.maxFrameBytes) {
      this.error = FRAMING_TOO_LONG;
      return FRAME_ERROR;
    }
    if (found < 0) {
      this.scanned = limit - start;
      this.needBytes = this.scanned + 1;
      return FRAME_MORE;
    }
    this.scanned = 0;
    this.frameStart = start;
    this.frameEnd = lineEnd;
    this.position = found + 1;
    return FRAME_READY;
  }

  private withoutCr(bytes: Uint8Array, start: number, end: number): number {
    return this.dropsCr && end > start && bytes[end - 1] === CR ? end - 1 : end;
  }
}
