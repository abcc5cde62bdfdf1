// The head of a response, the client's side (RFC 9112 4 and 6.3): for the load tester and tests.
// Same shape and same strictness of syntax as the request parser; framing follows the RFC's rules
// for clients, which depend on the method that was asked. An interim response (1xx) is a head of
// its own: after PARSE_DONE with status < 200, reset and parse the next one.
//
//   HTTP/1.1 200 OK CRLF  Name: value CRLF ...  CRLF   body
//            ^status ^reason                           ^headBytes

import { assert } from "../core/assert.ts";
import { connectionOptions, OPTION_CLOSE, OPTION_KEEP_ALIVE } from "./connection-options.ts";
import { FieldParser, knownNames, PARSE_DONE, PARSE_ERROR, PARSE_MORE } from "./field-parser.ts";
import {
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  BODY_UNTIL_CLOSE,
  contentLengthOf,
  endsInChunked,
  trimSpace,
} from "./framing.ts";
import {
  HTTP_BARE_CR,
  HTTP_BARE_LF,
  HTTP_HEAD_TOO_LARGE,
  HTTP_LENGTH_CONFLICT,
  HTTP_OK,
  HTTP_STATUS_INVALID,
  HTTP_STATUS_LINE_INVALID,
  HTTP_VERSION_UNSUPPORTED,
} from "./http-error.ts";
import type { FieldLimits } from "./http-limits.ts";
import { METHOD_CONNECT, METHOD_GET, METHOD_HEAD } from "./methods.ts";
import { bodyForbidden } from "./status.ts";
import { ascii, CLASSES, CR, equalsFolded, LF, SP, VALUE } from "./syntax.ts";

const STAGE_STATUS = 0;
const STAGE_REASON = 1;
const STAGE_FIELDS = 2;
const STAGE_FINISHED = 3;

const PREFIX: Uint8Array = ascii("HTTP/1.1 ");
const MAJOR_AT = 5;
const MINOR_AT = 7;
const STATUS_AT = 9;
const REASON_AT = 12; // the space before it, or CR if there is none

const COMMA = 0x2c;
const CONNECTION: Uint8Array = ascii("connection");
const CONTENT_LENGTH: Uint8Array = ascii("content-length");
const TRANSFER_ENCODING: Uint8Array = ascii("transfer-encoding");
const KNOWN: Uint8Array = knownNames(CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING);

export class ResponseParser extends FieldParser {
  status = 0;
  versionMinor = 1;
  reasonStart = 0;
  reasonEnd = 0;
  /** BODY_UNTIL_CLOSE if nothing but the end of the connection ends the body. */
  bodyKind: number = BODY_NONE;
  /** What Content-Length says, also where there is no body (HEAD, 304); -1 without one. */
  contentLength = -1;
  /** Whether another request may follow on this connection. */
  keepAlive = true;
  /** 101, or a success of CONNECT: what follows is no HTTP. */
  upgrade = false;

  private stage: number = STAGE_STATUS;
  private method: number = METHOD_GET;
  private options = 0;
  private hasCoding = false;
  private isChunked = false;
  private readonly headBytesMax: number;

  constructor(limits: FieldLimits) {
    super(limits, KNOWN);
    this.headBytesMax = limits.headBytesMax;
  }

  /** Makes ready for the answer to a request of `method` (METHOD_*). */
  reset(method: number): void {
    this.error = HTTP_OK;
    this.scanned = 0;
    this.headerCount = 0;
    this.stage = STAGE_STATUS;
    this.method = method;
    this.options = 0;
    this.hasCoding = false;
    this.isChunked = false;
    this.contentLength = -1;
  }

  /** Bytes of the current head have been seen. */
  get started(): boolean {
    return this.stage > STAGE_STATUS || this.scanned > 0;
  }

  /** As RequestParser.parse. */
  parse(bytes: Uint8Array, start: number, end: number): number {
    assert(this.stage !== STAGE_FINISHED, "a response parser must be reset between two heads");
    const isCapped = end - start > this.headBytesMax;
    const limit = isCapped ? start + this.headBytesMax : end;
    if (!this.hasLine(bytes, start, limit)) return this.wantMore(isCapped);
    const result = this.parseFields(bytes, start, limit);
    if (result === PARSE_MORE) return this.wantMore(isCapped);
    this.stage = STAGE_FINISHED;
    if (result === PARSE_DONE) this.conclude();
    return result;
  }

  private wantMore(isCapped: boolean): number {
    if (this.error === HTTP_OK && !isCapped) return PARSE_MORE;
    this.stage = STAGE_FINISHED;
    return this.error === HTTP_OK ? this.fail(HTTP_HEAD_TOO_LARGE) : PARSE_ERROR;
  }

  private hasLine(bytes: Uint8Array, start: number, limit: number): boolean {
    if (this.stage === STAGE_STATUS && !this.parseStatus(bytes, start, limit)) return false;
    return this.stage !== STAGE_REASON || this.parseReason(bytes, start, limit);
  }

  // The first twelve bytes and the one behind them. They are few: seen again after a pause.
  private parseStatus(bytes: Uint8Array, start: number, limit: number): boolean {
    const count = Math.min(REASON_AT + 1, limit - start);
    for (let index = 0; index < count; index++) {
      const code = statusLineError(bytes, start, index);
      if (code !== HTTP_OK) return this.refuse(code);
    }
    this.scanned = count;
    if (count <= REASON_AT) return false;
    const digits = start + STATUS_AT;
    this.status = bytes[digits]! * 100 + bytes[digits + 1]! * 10 + bytes[digits + 2]! - 0x30 * 111;
    this.versionMinor = bytes[start + MINOR_AT] === 0x30 ? 0 : 1;
    this.reasonStart = bytes[start + REASON_AT] === SP ? REASON_AT + 1 : REASON_AT;
    this.scanned = this.reasonStart;
    this.stage = STAGE_REASON;
    return true;
  }

  private parseReason(bytes: Uint8Array, start: number, limit: number): boolean {
    let at = start + this.scanned;
    while (at < limit && (CLASSES[bytes[at]!]! & VALUE) !== 0) at++;
    this.scanned = at - start;
    if (at >= limit) return false;
    if (bytes[at] === LF) return this.refuse(HTTP_BARE_LF);
    if (bytes[at] !== CR) return this.refuse(HTTP_STATUS_LINE_INVALID);
    if (at + 1 >= limit) return false;
    if (bytes[at + 1] !== LF) return this.refuse(HTTP_BARE_CR);
    this.reasonEnd = at - start;
    this.stage = STAGE_FIELDS;
    this.beginFields(at + 2 - start);
    return true;
  }

  private refuse(code: number): boolean {
    this.error = code;
    return false;
  }

  protected override field(
    bytes: Uint8Array,
    _start: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    switch (nameEnd - nameStart) {
      case CONNECTION.length:
        if (!equalsFolded(bytes, nameStart, nameEnd, CONNECTION)) return HTTP_OK;
        this.options |= connectionOptions(bytes, valueStart, valueEnd);
        return HTTP_OK;
      case CONTENT_LENGTH.length:
        if (!equalsFolded(bytes, nameStart, nameEnd, CONTENT_LENGTH)) return HTTP_OK;
        return this.length(bytes, valueStart, valueEnd);
      default:
        if (!equalsFolded(bytes, nameStart, nameEnd, TRANSFER_ENCODING)) return HTTP_OK;
        this.hasCoding = true;
        this.isChunked = endsInChunked(bytes, valueStart, valueEnd);
        return HTTP_OK;
    }
  }

  // A list or a repetition of one and the same length is accepted (RFC 9112 6.3, item 5).
  private length(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; ; at++) {
      let from = at;
      while (from < end && bytes[from]! <= SP) from++;
      while (at < end && bytes[at] !== COMMA) at++;
      const length = contentLengthOf(bytes, from, trimSpace(bytes, from, at));
      if (length < 0) return -length;
      if (this.contentLength >= 0 && this.contentLength !== length) return HTTP_LENGTH_CONFLICT;
      this.contentLength = length;
      if (at >= end) return HTTP_OK;
    }
  }

  // RFC 9112 6.3, in its order.
  private conclude(): void {
    const isTunnel = this.method === METHOD_CONNECT && this.status >= 200 && this.status < 300;
    this.upgrade = this.status === 101 || isTunnel;
    this.bodyKind = this.kindOfBody(isTunnel);
    const asked = this.options & (OPTION_CLOSE | OPTION_KEEP_ALIVE);
    const isWanted =
      this.versionMinor === 0 ? asked === OPTION_KEEP_ALIVE : (asked & OPTION_CLOSE) === 0;
    // A coding in 1.0 or beside a length is faulty: the message counts, the connection does not.
    const isFaulty = this.hasCoding && (this.versionMinor === 0 || this.contentLength >= 0);
    this.keepAlive = isWanted && !isFaulty && this.bodyKind !== BODY_UNTIL_CLOSE;
  }

  private kindOfBody(isTunnel: boolean): number {
    if (this.method === METHOD_HEAD || bodyForbidden(this.status) || isTunnel) return BODY_NONE;
    if (this.hasCoding) return this.isChunked ? BODY_CHUNKED : BODY_UNTIL_CLOSE;
    if (this.contentLength < 0) return BODY_UNTIL_CLOSE;
    return this.contentLength > 0 ? BODY_LENGTH : BODY_NONE;
  }
}

// What is wrong with byte `index` of a status line whose earlier bytes are right.
function statusLineError(bytes: Uint8Array, start: number, index: number): number {
  const byte = bytes[start + index]!;
  const isDigit = byte >= 0x30 && byte <= 0x39;
  if (index === REASON_AT) {
    return byte === SP || byte === CR ? HTTP_OK : HTTP_STATUS_LINE_INVALID;
  }
  if (index === STATUS_AT) return isDigit && byte !== 0x30 ? HTTP_OK : HTTP_STATUS_INVALID;
  if (index > STATUS_AT) return isDigit ? HTTP_OK : HTTP_STATUS_INVALID;
  if (index === MAJOR_AT && isDigit) return HTTP_OK;
  if (index === MINOR_AT && isDigit) {
    return bytes[start + MAJOR_AT] === 0x31 ? HTTP_OK : HTTP_VERSION_UNSUPPORTED;
  }
  return byte === PREFIX[index] ? HTTP_OK : HTTP_STATUS_LINE_INVALID;
}
