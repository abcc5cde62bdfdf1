// Replies of a protocol that is not HTTP: so many bytes, up to a delimiter, or framed by a length
// in front (big-endian). Each reader keeps only numbers, for no byte has to be seen twice.

import {
  ERROR_EARLY,
  REPLY_DONE,
  REPLY_ERROR,
  REPLY_MORE,
  type ReplyReader,
} from "./reply-reader.ts";

export const FRAME_TOO_LARGE = "FRAME_TOO_LARGE";
/** A length beyond it is taken for a broken stream, not for a frame. */
export const FRAME_BYTES_MAX: number = 64 * 1024 * 1024;

abstract class RawReply implements ReplyReader {
  position = 0;
  readonly status = 0;
  readonly keepAlive = true;
  bodyBytes = 0;
  error = "";

  abstract begin(method: number): void;
  abstract read(bytes: Buffer, start: number, end: number): number;

  finish(): number {
    this.error = ERROR_EARLY;
    return REPLY_ERROR;
  }

  protected take(result: number, start: number, position: number): number {
    this.bodyBytes += position - start;
    this.position = position;
    return result;
  }
}

export class LengthReply extends RawReply {
  private readonly bytes: number;

  constructor(bytes: number) {
    super();
    this.bytes = bytes;
  }

  override begin(_method: number): void {
    this.bodyBytes = 0;
  }

  override read(_bytes: Buffer, start: number, end: number): number {
    const missing = this.bytes - this.bodyBytes;
    if (end - start < missing) return this.take(REPLY_MORE, start, end);
    return this.take(REPLY_DONE, start, start + missing);
  }
}

/** Finds a delimiter that may be cut anywhere, by the border table of Knuth, Morris and Pratt. */
export class DelimiterReply extends RawReply {
  private readonly delimiter: Buffer;
  private readonly borders: Int32Array;
  private matched = 0;

  constructor(delimiter: Buffer) {
    super();
    this.delimiter = delimiter;
    this.borders = bordersOf(delimiter);
  }

  override begin(_method: number): void {
    this.bodyBytes = 0;
    this.matched = 0;
  }

  override read(bytes: Buffer, start: number, end: number): number {
    const { delimiter, borders } = this;
    let matched = this.matched;
    for (let at = start; at < end; at++) {
      while (matched > 0 && bytes[at] !== delimiter[matched]) matched = borders[matched - 1]!;
      if (bytes[at] === delimiter[matched]) matched++;
      if (matched === delimiter.length) return this.take(REPLY_DONE, start, at + 1);
    }
    this.matched = matched;
    return this.take(REPLY_MORE, start, end);
  }
}

/** borders[i]: length of the longest proper prefix of [0, i] that is its suffix as well. */
function bordersOf(text: Buffer): Int32Array {
  const borders = new Int32Array(text.length);
  for (let at = 1, length = 0; at < text.length; at++) {
    while (length > 0 && text[at] !== text[length]) length = borders[length - 1]!;
    if (text[at] === text[length]) length++;
    borders[at] = length;
  }
  return borders;
}

export class FrameReply extends RawReply {
  private readonly prefixBytes: number;
  private length = 0;
  private prefixLeft = 0;

  constructor(prefixBytes: number) {
    super();
    this.prefixBytes = prefixBytes;
  }

  override begin(_method: number): void {
    this.bodyBytes = 0;
    this.length = 0;
    this.prefixLeft = this.prefixBytes;
  }

  override read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    for (; at < end && this.prefixLeft > 0; this.prefixLeft--) {
      this.length = this.length * 256 + bytes[at++]!;
    }
    if (this.prefixLeft > 0) return this.take(REPLY_MORE, start, at);
    if (this.length > FRAME_BYTES_MAX) {
      this.error = FRAME_TOO_LARGE;
      return REPLY_ERROR;
    }
    const missing = this.prefixBytes + this.length - this.bodyBytes - (at - start);
    if (end - at < missing) return this.take(REPLY_MORE, start, end);
    return this.take(REPLY_DONE, start, at + missing);
  }
}
