// The body of a message, decoded in place (RFC 9112 6 and 7): a pull parser that owns no bytes and
// makes no view. Each call either names a run of body bytes inside the caller's own buffer or says
// why there is none. It resumes at any byte; one lives per connection with a body under way.
//
//   5;ext=1 CRLF hello CRLF 0 CRLF Trailer: x CRLF CRLF
//   ^size line   ^data ^end ^size  ^trailers        ^position after DECODE_DONE
//
//   do { status = decoder.decode(bytes, at, end); at = decoder.position; use(dataStart, dataEnd) }
//   while (status === DECODE_DATA)

import { PARSE_DONE, PARSE_MORE } from "./field-parser.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE } from "./framing.ts";
import {
  HTTP_BARE_CR,
  HTTP_BARE_LF,
  HTTP_BODY_TOO_LARGE,
  HTTP_CHUNK_END_MISSING,
  HTTP_CHUNK_EXTENSION_INVALID,
  HTTP_CHUNK_EXTENSIONS_TOO_LARGE,
  HTTP_CHUNK_LINE_TOO_LONG,
  HTTP_CHUNK_SIZE_INVALID,
  HTTP_CHUNK_SIZE_OVERFLOW,
  HTTP_OK,
} from "./http-error.ts";
import type { BodyLimits } from "./http-limits.ts";
import { CLASSES, CR, HEX_VALUES, HTAB, LF, QUOTED, SP, TOKEN, VALUE } from "./syntax.ts";
import { TrailerParser } from "./trailers.ts";

export const DECODE_MORE = 0; // all input is consumed; call again when there is more
export const DECODE_DATA = 1; // body bytes at [dataStart, dataEnd); call again from `position`
export const DECODE_DONE = 2; // the body is complete; the next message begins at `position`
export const DECODE_ERROR = 3; // see `error`; nothing more can be decoded

// The states of a chunked body. Up to EXTENSION_AFTER_QUOTED they are inside a size line.
const SIZE_FIRST = 0;
const SIZE = 1;
const EXTENSION_BEFORE = 2; // whitespace was seen, only ";" may follow
const EXTENSION_NAME_FIRST = 3;
const EXTENSION_NAME = 4;
const EXTENSION_AFTER_NAME = 5; // whitespace was seen, only "=" or ";" may follow
const EXTENSION_VALUE_FIRST = 6;
const EXTENSION_TOKEN = 7;
const EXTENSION_QUOTED = 8;
const EXTENSION_ESCAPE = 9;
const EXTENSION_AFTER_QUOTED = 10;
const SIZE_LF = 11;
const DATA = 12;
const DATA_CR = 13;
const DATA_LF = 14;
const TRAILER_FIRST = 15;
const TRAILER_LF = 16;
const TRAILERS = 17;
const FINISHED = 18;
const FAILED = 19;

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
// A larger size times 16 plus 15 would no longer be exact.
const SIZE_BEFORE_DIGIT_MAX: number = (Number.MAX_SAFE_INTEGER - 15) / 16;

export class BodyDecoder {
  /** First byte that the last call did not consume. */
  position = 0;
  dataStart = 0;
  dataEnd = 0;
  /** After DECODE_ERROR: a code of http-error.ts. reset() can set it too. */
  error: number = HTTP_OK;
  /** Body bytes handed out so far. */
  bodyBytes = 0;
  /** Trailer fields once DECODE_DONE; null if there were none. */
  trailers: TrailerParser | null = null;

  private kind = BODY_NONE;
  private state = FINISHED;
  private remaining = 0; // of the body, or of the chunk
  private lineBytes = 0; // of the current size line
  private extensionBytes = 0; // of all size lines
  private limits: BodyLimits;

  constructor(limits: BodyLimits) {
    this.limits = limits;
  }

  /**
   * Makes ready for a body of `kind` (BODY_*). A Content-Length above the limit is known at once:
   * then `error` is HTTP_BODY_TOO_LARGE and decode() gives DECODE_ERROR before any data.
   */
  reset(kind: number, contentLength: number, limits: BodyLimits = this.limits): void {
    this.kind = kind;
    this.limits = limits;
    this.remaining = kind === BODY_LENGTH ? contentLength : 0;
    this.bodyBytes = 0;
    this.lineBytes = 0;
    this.extensionBytes = 0;
    this.trailers = null;
    const isTooLarge = this.remaining > limits.bodyBytesMax;
    this.error = isTooLarge ? HTTP_BODY_TOO_LARGE : HTTP_OK;
    this.state = isTooLarge ? FAILED : kind === BODY_CHUNKED ? SIZE_FIRST : DATA;
  }

  /** Body bytes still to come as far as they are known: of the body, or of the current chunk. */
  get remainingBytes(): number {
    return this.remaining;
  }

  decode(bytes: Uint8Array, start: number, end: number): number {
    this.position = start;
    this.dataStart = start;
    this.dataEnd = start;
    if (this.state === FAILED) return DECODE_ERROR;
    switch (this.kind) {
      case BODY_CHUNKED:
        return this.decodeChunked(bytes, start, end);
      case BODY_LENGTH:
        if (this.remaining === 0) return DECODE_DONE;
        return start < end ? this.takeData(start, end) : DECODE_MORE;
      case BODY_UNTIL_CLOSE:
        return start < end ? this.takeUntilClose(start, end) : DECODE_MORE;
      default:
        return DECODE_DONE;
    }
  }

  private takeData(start: number, end: number): number {
    const available = end - start;
    const count = this.remaining < available ? this.remaining : available;
    this.remaining -= count;
    this.bodyBytes += count;
    this.dataStart = start;
    this.dataEnd = start + count;
    this.position = start + count;
    return DECODE_DATA;
  }

  private takeUntilClose(start: number, end: number): number {
    if (this.bodyBytes + (end - start) > this.limits.bodyBytesMax) {
      return this.fail(HTTP_BODY_TOO_LARGE, start);
    }
    this.remaining = end - start;
    return this.takeData(start, end);
  }

  private decodeChunked(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const state = this.state;
      if (state === DATA) {
        const status = this.takeData(at, end);
        if (this.remaining === 0) this.state = DATA_CR;
        return status;
      }
      if (state === TRAILERS) return this.takeTrailers(bytes, at, end);
      if (state === FINISHED) break;
      const code = state < SIZE_LF ? this.sizeLine(bytes[at]!) : this.lineEnd(bytes[at]!);
      if (code !== HTTP_OK) return this.fail(code, at);
      if (this.state !== TRAILERS) at++;
    }
    this.position = at;
    return this.state === FINISHED ? DECODE_DONE : DECODE_MORE;
  }

  // One byte after a size line's CR, after a chunk's data, or at the start of the trailers.
  private lineEnd(byte: number): number {
    switch (this.state) {
      case SIZE_LF:
        if (byte !== LF) return HTTP_BARE_CR;
        this.lineBytes = 0;
        this.state = this.remaining > 0 ? DATA : TRAILER_FIRST;
        return HTTP_OK;
      case DATA_CR:
        if (byte !== CR) return HTTP_CHUNK_END_MISSING;
        this.state = DATA_LF;
        return HTTP_OK;
      case DATA_LF:
        if (byte !== LF) return HTTP_CHUNK_END_MISSING;
        this.state = SIZE_FIRST;
        return HTTP_OK;
      case TRAILER_FIRST:
        this.state = byte === CR ? TRAILER_LF : TRAILERS;
        return HTTP_OK;
      default:
        if (byte !== LF) return HTTP_BARE_CR;
        this.state = FINISHED;
        return HTTP_OK;
    }
  }

  // One byte of `chunk-size [chunk-ext] CR`.
  private sizeLine(byte: number): number {
    if (this.lineBytes++ >= this.limits.chunkLineBytesMax && byte !== CR) {
      return HTTP_CHUNK_LINE_TOO_LONG;
    }
    if (this.state <= SIZE) return this.sizeByte(byte);
    if (byte === CR) return this.endExtensions();
    if (byte === LF) return HTTP_BARE_LF;
    if (++this.extensionBytes > this.limits.chunkExtensionBytesMax) {
      return HTTP_CHUNK_EXTENSIONS_TOO_LARGE;
    }
    const next = nextInExtension(this.state, byte);
    if (next < 0) return HTTP_CHUNK_EXTENSION_INVALID;
    this.state = next;
    return HTTP_OK;
  }

  private sizeByte(byte: number): number {
    const digit = HEX_VALUES[byte]!;
    if (digit < 16) {
      if (this.remaining > SIZE_BEFORE_DIGIT_MAX) return HTTP_CHUNK_SIZE_OVERFLOW;
      this.remaining = this.remaining * 16 + digit;
      this.state = SIZE;
      return HTTP_OK;
    }
    if (byte === LF) return HTTP_BARE_LF;
    if (this.state === SIZE_FIRST) return HTTP_CHUNK_SIZE_INVALID;
    return this.endSize(byte);
  }

  private endSize(byte: number): number {
    if (byte === CR) this.state = SIZE_LF;
    else if (byte === SEMICOLON) this.state = EXTENSION_NAME_FIRST;
    else if (isSpace(byte)) this.state = EXTENSION_BEFORE;
    else return HTTP_CHUNK_SIZE_INVALID;
    if (byte !== CR) this.extensionBytes++;
    const isTooLarge = this.bodyBytes + this.remaining > this.limits.bodyBytesMax;
    return isTooLarge ? HTTP_BODY_TOO_LARGE : HTTP_OK;
  }

  private endExtensions(): number {
    switch (this.state) {
      case EXTENSION_NAME:
      case EXTENSION_TOKEN:
      case EXTENSION_AFTER_QUOTED:
        this.state = SIZE_LF;
        return HTTP_OK;
      default:
        return HTTP_CHUNK_EXTENSION_INVALID;
    }
  }

  private takeTrailers(bytes: Uint8Array, start: number, end: number): number {
    this.trailers ??= new TrailerParser(this.limits);
    const result = this.trailers.append(bytes, start, end);
    if (result === PARSE_MORE) {
      this.position = end;
      return DECODE_MORE;
    }
    if (result !== PARSE_DONE) return this.fail(this.trailers.error, start);
    this.position = start + this.trailers.consumed;
    this.state = FINISHED;
    return DECODE_DONE;
  }

  private fail(code: number, at: number): number {
    this.error = code;
    this.state = FAILED;
    this.position = at;
    return DECODE_ERROR;
  }
}

// The state after one more byte of an extension, or -1 (RFC 9112 7.1.1, with its bad whitespace).
function nextInExtension(state: number, byte: number): number {
  const bits = CLASSES[byte]!;
  switch (state) {
    case EXTENSION_NAME_FIRST:
      if ((bits & TOKEN) !== 0) return EXTENSION_NAME;
      return isSpace(byte) ? state : -1;
    case EXTENSION_NAME:
      if ((bits & TOKEN) !== 0) return state;
      if (byte === EQUALS) return EXTENSION_VALUE_FIRST;
      if (byte === SEMICOLON) return EXTENSION_NAME_FIRST;
      return isSpace(byte) ? EXTENSION_AFTER_NAME : -1;
    case EXTENSION_AFTER_NAME:
      if (byte === EQUALS) return EXTENSION_VALUE_FIRST;
      if (byte === SEMICOLON) return EXTENSION_NAME_FIRST;
      return isSpace(byte) ? state : -1;
    case EXTENSION_VALUE_FIRST:
      if ((bits & TOKEN) !== 0) return EXTENSION_TOKEN;
      if (byte === QUOTE) return EXTENSION_QUOTED;
      return isSpace(byte) ? state : -1;
    case EXTENSION_TOKEN:
      if ((bits & TOKEN) !== 0) return state;
      break;
    case EXTENSION_QUOTED:
      if ((bits & QUOTED) !== 0) return state;
      if (byte === QUOTE) return EXTENSION_AFTER_QUOTED;
      return byte === BACKSLASH ? EXTENSION_ESCAPE : -1;
    case EXTENSION_ESCAPE:
      return (bits & VALUE) !== 0 ? EXTENSION_QUOTED : -1;
    default:
      break; // EXTENSION_BEFORE, EXTENSION_AFTER_QUOTED
  }
  if (byte === SEMICOLON) return EXTENSION_NAME_FIRST;
  return isSpace(byte) ? EXTENSION_BEFORE : -1;
}

function isSpace(byte: number): boolean {
  return byte === SP || byte === HTAB;
}
