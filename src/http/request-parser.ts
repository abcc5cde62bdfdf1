// The head of a request: request line and fields (RFC 9112 3 and 5, RFC 9110). Sans-I/O, strict,
// resumable at any byte, and free of allocation. Every check happens at a fixed byte, so the
// outcome is the same however the bytes are cut.
//
//   [CRLF] GET /path?query HTTP/1.1 CRLF  Name: value CRLF ...  CRLF  body
//   0      ^method ^target ^version       ^FieldParser             ^headBytes
//
// Every position is relative to `start` of the call, so that the bytes may move between calls.

import { assert } from "../core/assert.ts";
import { authorityError } from "./authority.ts";
import {
  connectionOptions,
  EXPECT_CONTINUE,
  EXPECT_NOTHING,
  EXPECT_UNKNOWN,
  expectationOf,
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
} from "./connection-options.ts";
import { FieldParser, PARSE_DONE, PARSE_ERROR, PARSE_MORE } from "./field-parser.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, codingError, contentLengthOf } from "./framing.ts";
import {
  HTTP_BARE_CR,
  HTTP_BARE_LF,
  HTTP_CODING_BEFORE_1_1,
  HTTP_CODING_REPEATED,
  HTTP_CODING_WITH_LENGTH,
  HTTP_EMPTY_LINES_TOO_MANY,
  HTTP_EXPECTATION_UNKNOWN,
  HTTP_HEAD_TOO_LARGE,
  HTTP_HOST_MISSING,
  HTTP_HOST_REPEATED,
  HTTP_LENGTH_REPEATED,
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
import { ascii, CLASSES, CR, equalsFolded, LF, PATH, QUERY, SP, TOKEN, VISIBLE } from "./syntax.ts";

export { PARSE_DONE, PARSE_ERROR, PARSE_MORE } from "./field-parser.ts";
export { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from "./framing.ts";
export { hashBytes, hashPath } from "./path-hash.ts";

const STAGE_EMPTY_LINES = 0;
const STAGE_METHOD = 1;
const STAGE_TARGET = 2; // its first byte
const STAGE_PATH = 3;
const STAGE_QUERY = 4;
const STAGE_FRAGMENT = 5;
const STAGE_OTHER_FORM = 6;
const STAGE_VERSION = 7;
const STAGE_FIELDS = 8;
const STAGE_FINISHED = 9;

const STOP = -1; // of a stage: no next position, more bytes are needed or `error` is set

const HOST: Uint8Array = ascii("host");
const EXPECT: Uint8Array = ascii("expect");
const UPGRADE: Uint8Array = ascii("upgrade");
const CONNECTION: Uint8Array = ascii("connection");
const CONTENT_LENGTH: Uint8Array = ascii("content-length");
const TRANSFER_ENCODING: Uint8Array = ascii("transfer-encoding");
const KNOWN_LENGTHS = (1 << 4) | (1 << 6) | (1 << 7) | (1 << 10) | (1 << 14) | (1 << 17);

const VERSION: Uint8Array = ascii("HTTP/1.1\r\n");
const VERSION_MAJOR_AT = 5;
const VERSION_MINOR_AT = 7;

const targetParts = new TargetParts(); // scratch of one call, never held

export class RequestParser extends FieldParser {
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
  /** The query without "?": empty if there is none. A fragment, which no client may send, is cut. */
  queryStart = 0;
  queryEnd = 0;
  /** 0, or 1 for HTTP/1.1 and every later HTTP/1.x. */
  versionMinor = 1;
  /** The effective authority, host[:port]; -1 for HTTP/1.0 without Host. */
  hostStart = -1;
  hostEnd = -1;
  /** A Content-Length of 0 is BODY_NONE. */
  bodyKind: number = BODY_NONE;
  /** Exact, up to 2^53-1. */
  contentLength = 0;
  keepAlive = true;
  /** The client waits for 100 (Continue) before it sends the body. */
  expectContinue = false;
  /** An Upgrade field that the Connection field names, in HTTP/1.1. */
  upgrade = false;

  private stage = STAGE_EMPTY_LINES;
  private emptyLines = 0;
  private hasHost = false;
  private hasLength = false;
  private hasUpgrade = false;
  private options = 0;
  private expectation = EXPECT_NOTHING;
  private readonly headBytesMax: number;
  private readonly targetBytesMax: number;
  private readonly methodBytesMax: number;
  private readonly emptyLinesMax: number;

  constructor(limits: RequestLimits) {
    super(limits, KNOWN_LENGTHS);
    this.headBytesMax = limits.headBytesMax;
    this.targetBytesMax = limits.targetBytesMax;
    this.methodBytesMax = limits.methodBytesMax;
    this.emptyLinesMax = limits.emptyLinesMax;
  }

  /** Makes ready for the next head. Must be called between two requests. */
  reset(): void {
    this.error = HTTP_OK;
    this.scanned = 0;
    this.headerCount = 0;
    this.stage = STAGE_EMPTY_LINES;
    this.emptyLines = 0;
    this.hasHost = false;
    this.hasLength = false;
    this.hasUpgrade = false;
    this.options = 0;
    this.expectation = EXPECT_NOTHING;
    this.bodyKind = BODY_NONE;
    this.contentLength = 0;
    this.targetForm = TARGET_ORIGIN;
    this.hostStart = -1;
    this.hostEnd = -1;
    this.pathHash = 0;
  }

  /** Bytes of the current head have been seen: its timeout should be running. */
  get started(): boolean {
    return this.stage > STAGE_EMPTY_LINES || this.scanned > 0;
  }

  /**
   * Parses the head that begins at `start`, of which bytes[start, end) is there. PARSE_MORE: call
   * again with the same head and more bytes, at any place. Bytes from `end` on are never read.
   */
  parse(bytes: Uint8Array, start: number, end: number): number {
    assert(this.stage !== STAGE_FINISHED, "a request parser must be reset between two heads");
    const isCapped = end - start > this.headBytesMax;
    const limit = isCapped ? start + this.headBytesMax : end;
    if (this.stage < STAGE_FIELDS && !this.parseRequestLine(bytes, start, limit)) {
      if (this.error !== HTTP_OK) return this.finishWith(PARSE_ERROR);
      return isCapped ? this.finishWith(this.fail(HTTP_HEAD_TOO_LARGE)) : PARSE_MORE;
    }
    const result = this.parseFields(bytes, start, limit);
    if (result === PARSE_MORE) {
      return isCapped ? this.finishWith(this.fail(HTTP_HEAD_TOO_LARGE)) : PARSE_MORE;
    }
    return this.finishWith(result === PARSE_DONE ? this.conclude() : result);
  }

  private finishWith(result: number): number {
    this.stage = STAGE_FINISHED;
    return result;
  }

  // True once the request line is complete.
  private parseRequestLine(bytes: Uint8Array, start: number, limit: number): boolean {
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
    if (byte === 0x2f) {
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
    if (bytes[at] === 0x3f) {
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

  protected override field(
    bytes: Uint8Array,
    start: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    switch (nameEnd - nameStart) {
      case 4:
        if (!equalsFolded(bytes, nameStart, nameEnd, HOST)) return HTTP_OK;
        return this.host(bytes, start, valueStart, valueEnd);
      case 6:
        if (!equalsFolded(bytes, nameStart, nameEnd, EXPECT)) return HTTP_OK;
        return this.expect(bytes, valueStart, valueEnd);
      case 7:
        if (equalsFolded(bytes, nameStart, nameEnd, UPGRADE)) this.hasUpgrade = true;
        return HTTP_OK;
      case 10:
        if (!equalsFolded(bytes, nameStart, nameEnd, CONNECTION)) return HTTP_OK;
        this.options |= connectionOptions(bytes, valueStart, valueEnd);
        return HTTP_OK;
      case 14:
        if (!equalsFolded(bytes, nameStart, nameEnd, CONTENT_LENGTH)) return HTTP_OK;
        return this.length(bytes, valueStart, valueEnd);
      default:
        if (!equalsFolded(bytes, nameStart, nameEnd, TRANSFER_ENCODING)) return HTTP_OK;
        return this.coding(bytes, valueStart, valueEnd);
    }
  }

  // RFC 9112 3.2: checked in every case, but the host of an absolute-form goes before it.
  private host(bytes: Uint8Array, start: number, from: number, to: number): number {
    if (this.hasHost) return HTTP_HOST_REPEATED;
    this.hasHost = true;
    if (this.hostStart < 0) {
      this.hostStart = from - start;
      this.hostEnd = to - start;
    }
    return authorityError(bytes, from, to);
  }

  private expect(bytes: Uint8Array, from: number, to: number): number {
    const expectation = expectationOf(bytes, from, to);
    if (expectation === EXPECT_UNKNOWN) return HTTP_EXPECTATION_UNKNOWN;
    if (expectation === EXPECT_CONTINUE) this.expectation = EXPECT_CONTINUE;
    return HTTP_OK;
  }

  private length(bytes: Uint8Array, from: number, to: number): number {
    if (this.bodyKind === BODY_CHUNKED) return HTTP_CODING_WITH_LENGTH;
    if (this.hasLength) return HTTP_LENGTH_REPEATED;
    const length = contentLengthOf(bytes, from, to);
    if (length < 0) return -length;
    this.hasLength = true;
    this.bodyKind = length > 0 ? BODY_LENGTH : BODY_NONE;
    this.contentLength = length;
    return HTTP_OK;
  }

  private coding(bytes: Uint8Array, from: number, to: number): number {
    if (this.hasLength) return HTTP_CODING_WITH_LENGTH;
    if (this.bodyKind === BODY_CHUNKED) return HTTP_CODING_REPEATED;
    if (this.versionMinor === 0) return HTTP_CODING_BEFORE_1_1;
    this.bodyKind = BODY_CHUNKED;
    return codingError(bytes, from, to);
  }

  // What only the whole head tells.
  private conclude(): number {
    const options = this.options;
    if (this.versionMinor === 0) {
      this.keepAlive = (options & (OPTION_KEEP_ALIVE | OPTION_CLOSE)) === OPTION_KEEP_ALIVE;
      this.expectContinue = false;
      this.upgrade = false;
      return PARSE_DONE;
    }
    if (!this.hasHost) return this.fail(HTTP_HOST_MISSING);
    this.keepAlive = (options & OPTION_CLOSE) === 0;
    this.expectContinue = this.expectation === EXPECT_CONTINUE && this.bodyKind !== BODY_NONE;
    this.upgrade = this.hasUpgrade && (options & OPTION_UPGRADE) !== 0;
    return PARSE_DONE;
  }
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
