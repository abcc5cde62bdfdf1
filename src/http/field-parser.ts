// The field lines of a head or of a trailer section (RFC 9112 5), for requests, responses and
// trailers alike. It resumes at the byte where it stopped: positions are kept relative to the
// start of the section, so the caller may move the bytes to another buffer between two calls.
//
//   Name: value CRLF      name = token, no space before ":"; value trimmed of SP and HTAB
//   ^line ^colon ^scanned
//
// Each line leaves four ints in `headers`. Lines whose name is as long as one that matters to
// framing or routing are shown to field() at once, so that errors come as early as they can.

import {
  HTTP_BARE_CR,
  HTTP_BARE_LF,
  HTTP_FIELD_COLON_MISSING,
  HTTP_FIELD_FOLDED,
  HTTP_FIELD_NAME_CHARACTER,
  HTTP_FIELD_NAME_EMPTY,
  HTTP_FIELD_NAME_SPACE,
  HTTP_FIELD_SPACE_FIRST,
  HTTP_FIELD_TOO_LONG,
  HTTP_FIELD_VALUE_CHARACTER,
  HTTP_FIELDS_TOO_MANY,
  HTTP_OK,
} from "./http-error.ts";
import type { FieldLimits } from "./http-limits.ts";
import { CLASSES, CR, HTAB, LF, LOWER, SP, TOKEN, VALUE } from "./syntax.ts";

export const PARSE_MORE = 0;
export const PARSE_DONE = 1;
export const PARSE_ERROR = 2;

const COLON = 0x3a;
const INTS_PER_HEADER = 4;
const HEADERS_FIRST = 24; // room at first; a browser sends 10 to 20

export abstract class FieldParser {
  /** After PARSE_ERROR: a code of http-error.ts. */
  error: number;
  /** After PARSE_DONE: bytes from `start` to the end of the blank line. */
  headBytes: number;
  headerCount: number;
  /** nameStart, nameEnd, valueStart, valueEnd for each header, relative to `start`. */
  headers: Int32Array;

  protected scanned: number; // bytes already examined
  private line: number; // where the current line begins
  private colon: number; // its colon, or -1 while in the name
  private readonly headersMax: number;
  private readonly lineBytesMax: number;
  private readonly knownLengths: number;

  /** `knownLengths` has bit n set if field() wants to see names of n bytes, n < 32. */
  protected constructor(limits: FieldLimits, knownLengths: number) {
    this.error = HTTP_OK;
    this.headBytes = 0;
    this.headerCount = 0;
    this.headers = new Int32Array(Math.min(HEADERS_FIRST, limits.headersMax) * INTS_PER_HEADER);
    this.scanned = 0;
    this.line = 0;
    this.colon = -1;
    this.headersMax = limits.headersMax;
    this.lineBytesMax = limits.headerBytesMax;
    this.knownLengths = knownLengths;
  }

  /** Looks at one complete line, positions absolute. Returns HTTP_OK or an error code. */
  protected abstract field(
    bytes: Uint8Array,
    start: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number;

  /** Begins a section whose first line is at `line`, relative to the coming `start`. */
  protected beginFields(line: number): void {
    this.line = line;
    this.scanned = line;
    this.colon = -1;
    this.headerCount = 0;
  }

  protected parseFields(bytes: Uint8Array, start: number, limit: number): number {
    const classes = CLASSES;
    const lineBytesMax = this.lineBytesMax;
    let line = start + this.line;
    let at = start + this.scanned;
    let colon = this.colon < 0 ? -1 : start + this.colon;
    for (;;) {
      const bound = limit - line > lineBytesMax ? line + lineBytesMax + 1 : limit;
      if (colon < 0) {
        while (at < bound && (classes[bytes[at]!]! & TOKEN) !== 0) at++;
        if (at >= bound) return this.pause(start, line, at, -1);
        if (bytes[at] !== COLON || at === line)
          return this.endOfName(bytes, start, line, at, limit);
        colon = at++;
      }
      while (at < bound && (classes[bytes[at]!]! & VALUE) !== 0) at++;
      if (at >= bound) return this.pause(start, line, at, colon);
      if (bytes[at] !== CR) return this.fail(valueError(bytes[at]!));
      if (at + 1 >= limit) return this.pause(start, line, at, colon);
      if (bytes[at + 1] !== LF) return this.fail(HTTP_BARE_CR);
      const code = this.addHeader(bytes, start, line, colon, at);
      if (code !== HTTP_OK) return this.fail(code);
      line = at = at + 2;
      colon = -1;
    }
  }

  protected fail(code: number): number {
    this.error = code;
    return PARSE_ERROR;
  }

  private addHeader(
    bytes: Uint8Array,
    start: number,
    nameStart: number,
    nameEnd: number,
    end: number,
  ): number {
    let valueStart = nameEnd + 1;
    let valueEnd = end;
    while (valueStart < valueEnd && isSpace(bytes[valueStart]!)) valueStart++;
    while (valueEnd > valueStart && isSpace(bytes[valueEnd - 1]!)) valueEnd--;
    const base = this.headerCount * INTS_PER_HEADER;
    if (base === this.headers.length && !this.grow()) return HTTP_FIELDS_TOO_MANY;
    const headers = this.headers;
    headers[base] = nameStart - start;
    headers[base + 1] = nameEnd - start;
    headers[base + 2] = valueStart - start;
    headers[base + 3] = valueEnd - start;
    this.headerCount++;
    const length = nameEnd - nameStart;
    if (length > 31 || ((this.knownLengths >>> length) & 1) === 0) return HTTP_OK;
    return this.field(bytes, start, nameStart, nameEnd, valueStart, valueEnd);
  }

  private grow(): boolean {
    const capacity = Math.min(this.headerCount * 2, this.headersMax);
    if (this.headerCount >= capacity) return false;
    const headers = new Int32Array(capacity * INTS_PER_HEADER);
    headers.set(this.headers);
    this.headers = headers;
    return true;
  }

  // Out of bytes, or out of room for this line.
  private pause(start: number, line: number, at: number, colon: number): number {
    if (at - line > this.lineBytesMax) return this.fail(HTTP_FIELD_TOO_LONG);
    this.line = line - start;
    this.scanned = at - start;
    this.colon = colon < 0 ? -1 : colon - start;
    return PARSE_MORE;
  }

  // A name that ends with another byte than its colon: the blank line, or an error.
  private endOfName(
    bytes: Uint8Array,
    start: number,
    line: number,
    at: number,
    limit: number,
  ): number {
    const byte = bytes[at]!;
    if (byte === CR) {
      if (at + 1 >= limit) return this.pause(start, line, at, -1);
      if (bytes[at + 1] !== LF) return this.fail(HTTP_BARE_CR);
      if (at > line) return this.fail(HTTP_FIELD_COLON_MISSING);
      this.headBytes = at + 2 - start;
      return PARSE_DONE;
    }
    if (byte === LF) return this.fail(HTTP_BARE_LF);
    if (byte === COLON) return this.fail(HTTP_FIELD_NAME_EMPTY);
    if (!isSpace(byte)) return this.fail(HTTP_FIELD_NAME_CHARACTER);
    if (at > line) return this.fail(HTTP_FIELD_NAME_SPACE);
    return this.fail(this.headerCount > 0 ? HTTP_FIELD_FOLDED : HTTP_FIELD_SPACE_FIRST);
  }

  /** The first header called `lowerCaseName`, from index `from` on, or -1. Allocates nothing. */
  findHeader(bytes: Uint8Array, start: number, lowerCaseName: string, from = 0): number {
    const headers = this.headers;
    const count = this.headerCount;
    const length = lowerCaseName.length;
    for (let index = from; index < count; index++) {
      const nameStart = headers[index * INTS_PER_HEADER]!;
      if (headers[index * INTS_PER_HEADER + 1]! - nameStart !== length) continue;
      let offset = 0;
      const at = start + nameStart;
      while (offset < length && LOWER[bytes[at + offset]!] === lowerCaseName.charCodeAt(offset)) {
        offset++;
      }
      if (offset === length) return index;
    }
    return -1;
  }

  /** Whether the value of header `index` is `lowerCaseText`, letters compared without case. */
  headerIs(bytes: Uint8Array, start: number, index: number, lowerCaseText: string): boolean {
    const valueStart = this.headers[index * INTS_PER_HEADER + 2]!;
    const length = this.headers[index * INTS_PER_HEADER + 3]! - valueStart;
    if (length !== lowerCaseText.length) return false;
    for (let offset = 0; offset < length; offset++) {
      const byte = LOWER[bytes[start + valueStart + offset]!];
      if (byte !== lowerCaseText.charCodeAt(offset)) return false;
    }
    return true;
  }
}

function isSpace(byte: number): boolean {
  return byte === SP || byte === HTAB;
}

function valueError(byte: number): number {
  return byte === LF ? HTTP_BARE_LF : HTTP_FIELD_VALUE_CHARACTER;
}
