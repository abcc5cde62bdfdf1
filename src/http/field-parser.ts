// The field lines of a head or of a trailer section (RFC 9112 5), for requests, responses and
// trailers alike. It resumes at the byte where it stopped: positions are kept relative to the
// start of the section, so the caller may move the bytes to another buffer between two calls.
//
//   Name: value CRLF      name = token, no space before ":"; value trimmed of SP and HTAB
//   ^line ^colon ^scanned
//
// Each line leaves four ints in `headers`. Lines whose name may be one that matters to
// framing or routing are shown to field() at once, so that errors come as early as they can.

import { assert } from "../core/assert.ts";
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
const KNOWN_BYTES_MAX = 32;
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
  private readonly known: Uint8Array;

  /** `known` is of knownNames(): which names field() wants to see. */
  protected constructor(limits: FieldLimits, known: Uint8Array) {
    this.error = HTTP_OK;
    this.headBytes = 0;
    this.headerCount = 0;
    this.headers = new Int32Array(Math.min(HEADERS_FIRST, limits.headersMax) * INTS_PER_HEADER);
    this.scanned = 0;
    this.line = 0;
    this.colon = -1;
    this.headersMax = limits.headersMax;
    this.lineBytesMax = limits.headerBytesMax;
    this.known = known;
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
    const known = this.known;
    let headers = this.headers;
    let line = start + this.line;
    let at = start + this.scanned;
    let colon = this.colon < 0 ? -1 : start + this.colon;
    let next = this.headerCount << 2;
    for (;;) {
      const bound = limit - line > lineBytesMax ? line + lineBytesMax + 1 : limit;
      if (colon < 0) {
        while (at < bound && (classes[bytes[at]!]! & TOKEN) !== 0) at++;
        if (at >= bound) return this.pause(start, line, at, -1);
        if (at === line && bytes[at] === CR && at + 1 < limit && bytes[at + 1] === LF) {
          this.headBytes = at + 2 - start;
          return PARSE_DONE;
        }
        if (bytes[at] !== COLON || at === line)
          return this.endOfName(bytes, start, line, at, limit);
        colon = at++;
      }
      while (
        at + 4 <= bound &&
        (classes[bytes[at]!]! &
          classes[bytes[at + 1]!]! &
          classes[bytes[at + 2]!]! &
          classes[bytes[at + 3]!]! &
          VALUE) !==
          0
      ) {
        at += 4;
      }
      while (at < bound && (classes[bytes[at]!]! & VALUE) !== 0) at++;
      if (at >= bound) return this.pause(start, line, at, colon);
      if (bytes[at] !== CR) return this.fail(valueError(bytes[at]!));
      if (at + 1 >= limit) return this.pause(start, line, at, colon);
      if (bytes[at + 1] !== LF) return this.fail(HTTP_BARE_CR);
      let valueStart = colon + 1;
      let valueEnd = at;
      while (valueStart < valueEnd && bytes[valueStart]! <= SP) valueStart++;
      while (valueEnd > valueStart && bytes[valueEnd - 1]! <= SP) valueEnd--;
      if (next === headers.length) {
        if (!this.grow()) return this.fail(HTTP_FIELDS_TOO_MANY);
        headers = this.headers;
      }
      headers[next] = line - start;
      headers[next + 1] = colon - start;
      headers[next + 2] = valueStart - start;
      headers[next + 3] = valueEnd - start;
      next += 4;
      this.headerCount = next >> 2;
      const length = colon - line;
      if (length < KNOWN_BYTES_MAX && known[length] === (bytes[line]! | 0x20)) {
        const code = this.field(bytes, start, line, colon, valueStart, valueEnd);
        if (code !== HTTP_OK) return this.fail(code);
      }
      line = at = at + 2;
      colon = -1;
    }
  }

  protected fail(code: number): number {
    this.error = code;
    return PARSE_ERROR;
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

  // A name that ends with another byte than its colon: the end of the section cut in two, or an
  // error. The blank line in one piece is parseFields' own affair.
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
      return this.fail(bytes[at + 1] === LF ? HTTP_FIELD_COLON_MISSING : HTTP_BARE_CR);
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

/**
 * By length, the first letter of the name of that length that matters: a filter of one load, which
 * lets through hardly another name. At most one name a length, of less than 32 bytes.
 */
export function knownNames(...names: Uint8Array[]): Uint8Array {
  const known = new Uint8Array(KNOWN_BYTES_MAX);
  for (const name of names) {
    assert(name.length < KNOWN_BYTES_MAX && known[name.length] === 0, "known names must differ");
    known[name.length] = name[0]!;
  }
  return known;
}

function isSpace(byte: number): boolean {
  return byte === SP || byte === HTAB;
}

function valueError(byte: number): number {
  return byte === LF ? HTTP_BARE_LF : HTTP_FIELD_VALUE_CHARACTER;
}
