// The request line: method, target, version (RFC 9112 3). Two ways through it give the same: the
// common line, complete and plain, in one go; and stages that resume at any byte and name every
// error. Tests run both on every vector, whole and cut.
//
//   [CRLF] GET /path?query HTTP/1.1 CRLF
//          ^method ^target ^version

import { assert } from "../core/assert.ts";
import { FieldParser } from "./field-parser.ts";
import {
  HTTP_BARE_CR,
  HTTP_BARE_LF,
  HTTP_EMPTY_LINES_TOO_MANY,
  HTTP_METHOD_INVALID,
  HTTP_METHOD_TOO_LONG,
  HTTP_OK,
  HTTP_REQUEST_LINE_SPACING,
  HTTP_TARGET_CHARACTER,
  HTTP_TARGET_TOO_LONG,
  HTTP_VERSION_INVALID,
  HTTP_VERSION_MISSING,
  HTTP_VERSION_UNSUPPORTED,
} from "./http-error.ts";
import type { RequestLimits } from "./http-limits.ts";
import { METHOD_OTHER, methodOf } from "./methods.ts";
import { hashBytes, hashFinish } from "./path-hash.ts";
import { TARGET_ORIGIN, TargetParts } from "./request-target.ts";
import { ascii, CLASSES, CR, LF, PATH, QUERY, SP, TOKEN, VISIBLE } from "./syntax.ts";

export const STAGE_EMPTY_LINES = 0;
const STAGE_METHOD = 1;
const STAGE_TARGET = 2; // its first byte
const STAGE_PATH = 3;
const STAGE_QUERY = 4;
const STAGE_FRAGMENT = 5;
const STAGE_OTHER_FORM = 6;
const STAGE_VERSION = 7;
export const STAGE_FIELDS = 8;
export const STAGE_FINISHED = 9;

const STOP = -1; // of a stage: no next position, more bytes are needed or `error` is set

const SLASH = 0x2f;
const QUESTION = 0x3f;
const COMMON_METHOD_BYTES_MAX = 7;

const VERSION: Uint8Array = ascii("HTTP/1.1\r\n");
const VERSION_MAJOR_AT = 5;
const VERSION_MINOR_AT = 7;

const targetParts = new TargetParts(); // scratch of one call, never held

export abstract class RequestLineParser extends FieldParser {
  method: number = METHOD_OTHER;
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  targetForm: number = TARGET_ORIGIN;
  /** The path inside the target: "/" if an absolute-form has none, empty for CONNECT. */
  pathStart = 0;
  pathEnd = 0;
  /** hashBytes of the path. */
  pathHash = 0;
  /** The query without "?": empty if there is none. A fragment (not for servers) is cut. */
  queryStart = 0;
  queryEnd = 0;
  /** 0, or 1 for HTTP/1.1 and every later HTTP/1.x. */
  versionMinor = 1;
  /** The effective authority, host[:port]; -1 for HTTP/1.0 without Host. */
  hostStart = -1;
  hostEnd = -1;

  protected stage: number = STAGE_EMPTY_LINES;
  protected readonly headBytesMax: number;
  private emptyLines = 0;
  private readonly targetBytesMax: number;
  private readonly methodBytesMax: number;
  private readonly emptyLinesMax: number;

  protected constructor(limits: RequestLimits, known: Uint8Array) {
    super(limits, known);
    assert(limits.methodBytesMax >= COMMON_METHOD_BYTES_MAX, "OPTIONS and CONNECT must fit");
    this.headBytesMax = limits.headBytesMax;
    this.targetBytesMax = limits.targetBytesMax;
    this.methodBytesMax = limits.methodBytesMax;
    this.emptyLinesMax = limits.emptyLinesMax;
  }

  /** Bytes of the current head have been seen: its timeout should be running. */
  get started(): boolean {
    return this.stage > STAGE_EMPTY_LINES || this.scanned > 0;
  }

  /** Stopped inside of the target: what is too long then is the target. */
  protected get inTarget(): boolean {
    return this.stage >= STAGE_TARGET && this.stage < STAGE_VERSION;
  }

  protected resetLine(): void {
    this.error = HTTP_OK;
    this.scanned = 0;
    this.headerCount = 0;
    this.stage = STAGE_EMPTY_LINES;
    this.emptyLines = 0;
    // The answer to a head that fails early must not look at those of an earlier one.
    this.method = METHOD_OTHER;
    this.versionMinor = 1;
    this.targetForm = TARGET_ORIGIN;
    this.hostStart = -1;
    this.hostEnd = -1;
    this.pathHash = 0;
  }

  // The common line: a short method, origin-form, HTTP/1.0 or 1.1, all of it there. Whatever else
  // it is, nothing is kept of it, and the stages look again.
  protected parseCommonLine(bytes: Uint8Array, start: number, limit: number): boolean {
    const classes = CLASSES;
    const methodEnd = endOfCommonMethod(bytes, start, limit);
    const path = methodEnd + 1;
    if (methodEnd < 0 || bytes[path] !== SLASH) return false;
    // A whole version must follow, so one bound serves for the target and for it.
    const bound = Math.min(limit - VERSION.length, path + this.targetBytesMax);
    let hash = 0;
    let at = path;
    while (at < bound) {
      const byte = bytes[at]!;
      if ((classes[byte]! & PATH) === 0) break;
      hash = ((hash << 5) + (byte - hash)) | 0;
      at++;
    }
    const pathEnd = at;
    if (at < bound && bytes[at] === QUESTION) {
      while (at < bound && (classes[bytes[at]!]! & QUERY) !== 0) at++;
    }
    if (at >= bound || bytes[at] !== SP || !isCommonVersion(bytes, at + 1)) return false;
    this.pathEnd = pathEnd - start;
    this.pathHash = hashFinish(hash);
    this.adoptCommonLine(bytes, start, methodEnd, at);
    return true;
  }

  private adoptCommonLine(bytes: Uint8Array, start: number, methodEnd: number, end: number): void {
    this.method = methodOf(bytes, start, methodEnd);
    this.methodStart = 0;
    this.methodEnd = methodEnd - start;
    this.targetStart = this.pathStart = methodEnd + 1 - start;
    this.targetEnd = this.queryEnd = end - start;
    this.queryStart = this.pathEnd === this.queryEnd ? this.pathEnd : this.pathEnd + 1;
    this.versionMinor = bytes[end + 1 + VERSION_MINOR_AT]! - 0x30;
    this.stage = STAGE_FIELDS;
    this.beginFields(end + 1 + VERSION.length - start);
  }

  // True once the request line is complete.
  protected parseRequestLine(bytes: Uint8Array, start: number, limit: number): boolean {
    let at = start + this.scanned;
    if (this.stage === STAGE_EMPTY_LINES) at = this.skipEmptyLines(bytes, start, at, limit);
    if (this.stage === STAGE_METHOD) at = this.parseMethod(bytes, start, at, limit);
    if (this.stage === STAGE_TARGET) at = this.beginTarget(bytes, start, at, limit);
    if (this.stage === STAGE_PATH) at = this.parsePath(bytes, start, at, limit);
    if (this.stage === STAGE_QUERY) at = this.parseQuery(bytes, start, at, limit);
    if (this.stage === STAGE_FRAGMENT) at = this.parseFragment(bytes, start, at, limit);
    if (this.stage === STAGE_OTHER_FORM) at = this.parseOtherForm(bytes, start, at, limit);
    return (
      at !== STOP && this.stage === STAGE_VERSION && this.parseVersion(bytes, start, at, limit)
    );
  }

  private skipEmptyLines(bytes: Uint8Array, start: number, from: number, limit: number): number {
    let at = from;
    while (at < limit && bytes[at] === CR) {
      if (at + 1 >= limit) break;
      if (bytes[at + 1] !== LF) return this.stop(HTTP_BARE_CR);
      if (++this.emptyLines > this.emptyLinesMax) return this.stop(HTTP_EMPTY_LINES_TOO_MANY);
      at += 2;
    }
    this.scanned = at - start;
    if (at >= limit || bytes[at] === CR) return STOP;
    this.stage = STAGE_METHOD;
    this.methodStart = at - start;
    return at;
  }

  private parseMethod(bytes: Uint8Array, start: number, from: number, limit: number): number {
    const classes = CLASSES;
    const methodStart = start + this.methodStart;
    const bound = Math.min(limit, methodStart + this.methodBytesMax + 1);
    let at = from;
    while (at < bound && (classes[bytes[at]!]! & TOKEN) !== 0) at++;
    if (at >= bound) {
      if (at - methodStart > this.methodBytesMax) return this.stop(HTTP_METHOD_TOO_LONG);
      return this.pauseLine(at - start);
    }
    if (bytes[at] !== SP) return this.stop(lineError(bytes[at]!, HTTP_METHOD_INVALID));
    if (at === methodStart) return this.stop(HTTP_REQUEST_LINE_SPACING);
    this.method = methodOf(bytes, methodStart, at);
    this.methodEnd = at - start;
    this.targetStart = at + 1 - start;
    this.stage = STAGE_TARGET;
    return at + 1;
  }

  private beginTarget(bytes: Uint8Array, start: number, at: number, limit: number): number {
    if (at >= limit) return this.pauseLine(at - start);
    const byte = bytes[at]!;
    if (byte === SLASH) {
      this.pathStart = this.targetStart;
      this.stage = STAGE_PATH;
      return at;
    }
    if (byte === SP) return this.stop(HTTP_REQUEST_LINE_SPACING);
    if ((CLASSES[byte]! & VISIBLE) === 0) return this.stop(lineError(byte, HTTP_TARGET_CHARACTER));
    this.stage = STAGE_OTHER_FORM;
    return at;
  }

  private parsePath(bytes: Uint8Array, start: number, from: number, limit: number): number {
    const classes = CLASSES;
    const bound = this.targetBound(start, limit);
    let hash = this.pathHash;
    let at = from;
    while (at < bound) {
      const byte = bytes[at]!;
      if ((classes[byte]! & PATH) === 0) break;
      hash = ((hash << 5) + (byte - hash)) | 0;
      at++;
    }
    this.pathHash = hash;
    if (at >= bound) return this.pauseTarget(start, at);
    this.pathHash = hashFinish(hash);
    this.pathEnd = at - start;
    this.queryStart = this.pathEnd;
    if (bytes[at] === QUESTION) {
      this.queryStart++;
      this.stage = STAGE_QUERY;
      return at + 1;
    }
    this.queryEnd = this.pathEnd;
    return this.endTarget(bytes, start, at);
  }

  private parseQuery(bytes: Uint8Array, start: number, from: number, limit: number): number {
    const classes = CLASSES;
    const bound = this.targetBound(start, limit);
    let at = from;
    while (at < bound && (classes[bytes[at]!]! & QUERY) !== 0) at++;
    if (at >= bound) return this.pauseTarget(start, at);
    this.queryEnd = at - start;
    return this.endTarget(bytes, start, at);
  }

  private parseFragment(bytes: Uint8Array, start: number, from: number, limit: number): number {
    const bound = this.targetBound(start, limit);
    let at = from;
    while (at < bound && (CLASSES[bytes[at]!]! & VISIBLE) !== 0) at++;
    if (at >= bound) return this.pauseTarget(start, at);
    return this.endTarget(bytes, start, at);
  }

  private parseOtherForm(bytes: Uint8Array, start: number, from: number, limit: number): number {
    const bound = this.targetBound(start, limit);
    let at = from;
    while (at < bound && (CLASSES[bytes[at]!]! & VISIBLE) !== 0) at++;
    if (at >= bound) return this.pauseTarget(start, at);
    const next = this.endTarget(bytes, start, at);
    if (next === STOP) return STOP;
    const code = targetParts.split(bytes, start + this.targetStart, at, this.method);
    if (code !== HTTP_OK) return this.stop(code);
    this.adoptParts(bytes, start, targetParts);
    return next;
  }

  private adoptParts(bytes: Uint8Array, start: number, parts: TargetParts): void {
    this.targetForm = parts.form;
    if (parts.hostStart >= 0) {
      this.hostStart = parts.hostStart - start;
      this.hostEnd = parts.hostEnd - start;
    }
    this.pathStart = parts.pathStart - start;
    this.pathEnd = parts.pathEnd - start;
    this.pathHash = hashBytes(bytes, parts.pathStart, parts.pathEnd);
    this.queryStart = parts.queryStart - start;
    this.queryEnd = parts.queryEnd - start;
  }

  // The byte that ended a run of target bytes: the space before the version, "#", or an error.
  private endTarget(bytes: Uint8Array, start: number, at: number): number {
    const byte = bytes[at]!;
    if (byte === SP) {
      this.targetEnd = at - start;
      this.stage = STAGE_VERSION;
      return at + 1;
    }
    if (byte === 0x23) {
      this.stage = STAGE_FRAGMENT;
      return at + 1;
    }
    if (byte === CR || byte === LF) return this.stop(HTTP_VERSION_MISSING);
    return this.stop(HTTP_TARGET_CHARACTER);
  }

  private targetBound(start: number, limit: number): number {
    return Math.min(limit, start + this.targetStart + this.targetBytesMax + 1);
  }

  private pauseTarget(start: number, at: number): number {
    if (at - start - this.targetStart > this.targetBytesMax) return this.stop(HTTP_TARGET_TOO_LONG);
    return this.pauseLine(at - start);
  }

  private parseVersion(bytes: Uint8Array, start: number, at: number, limit: number): boolean {
    const version = VERSION;
    const count = Math.min(version.length, limit - at);
    for (let index = 0; index < count; index++) {
      const byte = bytes[at + index]!;
      if (index === VERSION_MAJOR_AT || index === VERSION_MINOR_AT) {
        if (byte < 0x30 || byte > 0x39) return this.refuse(versionError(byte, index));
        const isOther = index === VERSION_MINOR_AT && bytes[at + VERSION_MAJOR_AT] !== 0x31;
        if (isOther) return this.refuse(HTTP_VERSION_UNSUPPORTED);
      } else if (byte !== version[index]) {
        return this.refuse(versionError(byte, index));
      }
    }
    if (count < version.length) return this.pauseLine(at - start) !== STOP;
    this.versionMinor = bytes[at + VERSION_MINOR_AT] === 0x30 ? 0 : 1;
    this.stage = STAGE_FIELDS;
    this.beginFields(at + version.length - start);
    return true;
  }

  private pauseLine(scanned: number): number {
    this.scanned = scanned;
    return STOP;
  }

  private stop(code: number): number {
    this.error = code;
    this.stage = STAGE_FINISHED;
    return STOP;
  }

  private refuse(code: number): boolean {
    return this.stop(code) !== STOP;
  }
}

// The position of the space after a method of at most seven bytes, if a smallest line can follow.
function endOfCommonMethod(bytes: Uint8Array, start: number, limit: number): number {
  const bound = Math.min(limit - VERSION.length - 2, start + COMMON_METHOD_BYTES_MAX);
  let at = start;
  while (at < bound && (CLASSES[bytes[at]!]! & TOKEN) !== 0) at++;
  return at > start && at <= bound && bytes[at] === SP ? at : -1;
}

// "HTTP/1.0 CRLF" or "HTTP/1.1 CRLF" at `at`; the bytes are known to be there.
function isCommonVersion(bytes: Uint8Array, at: number): boolean {
  const minor = bytes[at + VERSION_MINOR_AT]!;
  return (
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === 0x2f &&
    bytes[at + 5] === 0x31 &&
    bytes[at + 6] === 0x2e &&
    (minor === 0x30 || minor === 0x31) &&
    bytes[at + 8] === CR &&
    bytes[at + 9] === LF
  );
}

function lineError(byte: number, otherwise: number): number {
  return byte === LF ? HTTP_BARE_LF : otherwise;
}

function versionError(byte: number, index: number): number {
  if (index === VERSION.length - 1) return HTTP_BARE_CR;
  if (byte === SP) return HTTP_REQUEST_LINE_SPACING;
  if (byte === LF) return HTTP_BARE_LF;
  return index === 0 && byte === CR ? HTTP_VERSION_MISSING : HTTP_VERSION_INVALID;
}
