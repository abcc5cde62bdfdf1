// The head of a request: request line and fields (RFC 9112 3 and 5, RFC 9110). Sans-I/O, strict,
// resumable at any byte, and free of allocation. Every check happens at a fixed byte, so the
// outcome is the same however the bytes are cut.
//
//   [CRLF] GET /path?query HTTP/1.1 CRLF   Name: value CRLF ...  CRLF   body
//   0      ^RequestLineParser              ^FieldParser                 ^headBytes
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
import { knownNames, PARSE_DONE, PARSE_ERROR, PARSE_MORE } from "./field-parser.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, codingError, contentLengthOf } from "./framing.ts";
import {
  HTTP_CODING_BEFORE_1_1,
  HTTP_CODING_REPEATED,
  HTTP_CODING_WITH_LENGTH,
  HTTP_EXPECTATION_UNKNOWN,
  HTTP_HEAD_TOO_LARGE,
  HTTP_HOST_MISSING,
  HTTP_HOST_REPEATED,
  HTTP_LENGTH_REPEATED,
  HTTP_OK,
  HTTP_TARGET_TOO_LONG,
} from "./http-error.ts";
import type { RequestLimits } from "./http-limits.ts";
import {
  RequestLineParser,
  STAGE_EMPTY_LINES,
  STAGE_FIELDS,
  STAGE_FINISHED,
} from "./request-line.ts";
import { ascii, equalsFolded } from "./syntax.ts";

export { PARSE_DONE, PARSE_ERROR, PARSE_MORE } from "./field-parser.ts";
export { BODY_CHUNKED, BODY_LENGTH, BODY_NONE } from "./framing.ts";
export { hashBytes, hashPath } from "./path-hash.ts";

const EXPECT: Uint8Array = ascii("expect");
const UPGRADE: Uint8Array = ascii("upgrade");
const CONNECTION: Uint8Array = ascii("connection");
const CONTENT_LENGTH: Uint8Array = ascii("content-length");
const TRANSFER_ENCODING: Uint8Array = ascii("transfer-encoding");
const HOST_BYTES = 4;
const KNOWN: Uint8Array = knownNames(
  ascii("host"),
  EXPECT,
  UPGRADE,
  CONNECTION,
  CONTENT_LENGTH,
  TRANSFER_ENCODING,
);

export class RequestParser extends RequestLineParser {
  /** A Content-Length of 0 is BODY_NONE. */
  bodyKind: number = BODY_NONE;
  /** Exact, up to 2^53-1. */
  contentLength = 0;
  keepAlive = true;
  /** The client waits for 100 (Continue) before it sends the body. */
  expectContinue = false;
  /** An Upgrade field that the Connection field names, in HTTP/1.1. */
  upgrade = false;

  private hasHost = false;
  private hasLength = false;
  private hasUpgrade = false;
  private options = 0;
  private expectation: number = EXPECT_NOTHING;

  constructor(limits: RequestLimits) {
    super(limits, KNOWN);
  }

  /** Makes ready for the next head. Must be called between two requests. */
  reset(): void {
    this.resetLine();
    this.hasHost = false;
    this.hasLength = false;
    this.hasUpgrade = false;
    this.options = 0;
    this.expectation = EXPECT_NOTHING;
    this.bodyKind = BODY_NONE;
    this.contentLength = 0;
  }

  /**
   * Parses the head that begins at `start`, of which bytes[start, end) is there. PARSE_MORE: call
   * again with the same head and more bytes, at any place. Bytes from `end` on are never read.
   */
  parse(bytes: Uint8Array, start: number, end: number): number {
    assert(this.stage !== STAGE_FINISHED, "a request parser must be reset between two heads");
    const isCapped = end - start > this.headBytesMax;
    const limit = isCapped ? start + this.headBytesMax : end;
    if (!this.hasLine(bytes, start, limit)) return this.wantMore(isCapped);
    const result = this.parseFields(bytes, start, limit);
    if (result === PARSE_MORE) return this.wantMore(isCapped);
    this.stage = STAGE_FINISHED;
    return result === PARSE_DONE ? this.conclude() : result;
  }

  private hasLine(bytes: Uint8Array, start: number, limit: number): boolean {
    if (this.stage === STAGE_FIELDS) return true;
    const isFresh = this.stage === STAGE_EMPTY_LINES && this.scanned === 0;
    if (isFresh && this.parseCommonLine(bytes, start, limit)) return true;
    return this.parseRequestLine(bytes, start, limit);
  }

  // All bytes are examined and there is no end: an error, too many bytes, or simply more to come.
  private wantMore(isCapped: boolean): number {
    if (this.error === HTTP_OK && !isCapped) return PARSE_MORE;
    const code = this.inTarget ? HTTP_TARGET_TOO_LONG : HTTP_HEAD_TOO_LARGE;
    this.stage = STAGE_FINISHED;
    return this.error === HTTP_OK ? this.fail(code) : PARSE_ERROR;
  }

  // Kept small, and Host apart: the engine then inlines it into the loop over the lines.
  protected override field(
    bytes: Uint8Array,
    start: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    if (nameEnd - nameStart !== HOST_BYTES) {
      return this.otherField(bytes, nameStart, nameEnd, valueStart, valueEnd);
    }
    const isHost = // "h" is known; only a letter gives a letter with its 0x20 bit set
      (bytes[nameStart + 1]! | 0x20) === 0x6f &&
      (bytes[nameStart + 2]! | 0x20) === 0x73 &&
      (bytes[nameStart + 3]! | 0x20) === 0x74;
    return isHost ? this.host(bytes, start, valueStart, valueEnd) : HTTP_OK;
  }

  private otherField(
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    switch (nameEnd - nameStart) {
      case EXPECT.length:
        if (!equalsFolded(bytes, nameStart, nameEnd, EXPECT)) return HTTP_OK;
        return this.expect(bytes, valueStart, valueEnd);
      case UPGRADE.length:
        if (equalsFolded(bytes, nameStart, nameEnd, UPGRADE)) this.hasUpgrade = true;
        return HTTP_OK;
      case CONNECTION.length:
        if (!equalsFolded(bytes, nameStart, nameEnd, CONNECTION)) return HTTP_OK;
        this.options |= connectionOptions(bytes, valueStart, valueEnd);
        return HTTP_OK;
      case CONTENT_LENGTH.length:
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
    if (this.versionMinor === 0) return this.concludeOld();
    if (!this.hasHost) return this.fail(HTTP_HOST_MISSING);
    const options = this.options;
    this.keepAlive = (options & OPTION_CLOSE) === 0;
    this.expectContinue = this.expectation === EXPECT_CONTINUE && this.bodyKind !== BODY_NONE;
    this.upgrade = this.hasUpgrade && (options & OPTION_UPGRADE) !== 0;
    return PARSE_DONE;
  }

  // HTTP/1.0 knows neither 100 (Continue) nor Upgrade (RFC 9110 7.8, 10.1.1).
  private concludeOld(): number {
    const asked = this.options & (OPTION_KEEP_ALIVE | OPTION_CLOSE);
    this.keepAlive = asked === OPTION_KEEP_ALIVE;
    this.expectContinue = false;
    this.upgrade = false;
    return PARSE_DONE;
  }
}
