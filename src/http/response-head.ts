// The head of an answer as bytes. All answers of one status and content type begin alike, so that
// beginning is kept ready and copied in one piece; the date inside it is renewed when the second
// changes. Owned by one worker.
//
//   HTTP/1.1 200 OK CRLF Content-Type: text/plain CRLF Date: <29 bytes> CRLF Content-Length:_
//   `------------------------------ prefix, one copy --------------------------------------' 13 ..
//
// Invariant: prefix[dateAt, dateAt + 29) is the date of the second `second`.

import { assert } from "../core/assert.ts";
import { latin1Write } from "../core/latin1.ts";
import type { DateCache } from "./date.ts";
import { statusLine } from "./status.ts";

/** No content type: answers without content. */
export const NO_TYPE = "";
/** For `length`: the body is sent chunked. */
export const LENGTH_CHUNKED = -1;
/** For `length`: neither a length nor a coding; 1xx, 204, 304, or ended by close. */
export const LENGTH_NONE = -2;

/** More than the longest end of a head: length, connection, blank line. */
export const HEAD_END_BYTES = 96;

const WHOLE_BODY_CHARACTERS_MAX = 1024;
const PREFIXES_MAX = 256; // status and type come from the application: bound what it can fill

const CONTENT_LENGTH = Buffer.from("\r\nContent-Length: ");
const TRANSFER_CHUNKED = Buffer.from("\r\nTransfer-Encoding: chunked");
const CONNECTION_CLOSE = Buffer.from("\r\nConnection: close");
const CONNECTION_KEEP_ALIVE = Buffer.from("\r\nConnection: keep-alive");
const CR = 13;
const LF = 10;
const ZERO = 48;

export class HeadPrefix {
  /** Ends behind "Content-Length: "; cut at lengthAt for answers without one. */
  readonly bytes: Buffer;
  readonly lengthAt: number;
  readonly dateAt: number;
  second: number;
  /** The string that was last sent under this head, and the whole answer once it came twice. */
  private lastBody = "";
  private whole: Buffer | null = null;
  /** Of what wholeAnswer() gave last. */
  wholeBodyBytes = 0;

  constructor(status: number, type: string, date: Uint8Array, second: number) {
    const line = Buffer.from(statusLine(status));
    const typeField = type === NO_TYPE ? "" : `Content-Type: ${type}\r\n`;
    const start = Buffer.concat([line, Buffer.from(`${typeField}Date: `, "latin1")]);
    this.dateAt = start.length;
    this.bytes = Buffer.concat([start, date, CONTENT_LENGTH]);
    this.lengthAt = this.bytes.length - CONTENT_LENGTH.length;
    this.second = second;
  }

  /** Renews the date. */
  setDate(date: Uint8Array, second: number): void {
    this.bytes.set(date, this.dateAt);
    this.whole?.set(date, this.dateAt);
    this.second = second;
  }

  /**
   * Head and body in one piece, for a keep-alive answer without further fields, if `body` is what
   * was sent the last time as well; null otherwise. Most handlers that are called often enough for
   * it to matter say the same thing again.
   */
  wholeAnswer(body: string): Buffer | null {
    if (body === this.lastBody) {
      if (this.whole === null && body !== "") this.whole = this.buildWhole(body);
      return this.whole;
    }
    if (body.length > WHOLE_BODY_CHARACTERS_MAX) return null;
    this.lastBody = body;
    this.whole = null;
    return null;
  }

  private buildWhole(body: string): Buffer {
    const bytes = Buffer.from(body);
    const length = Buffer.from(`${bytes.length}\r\n\r\n`);
    this.wholeBodyBytes = bytes.length;
    return Buffer.concat([this.bytes, length, bytes]);
  }
}

/** Which field about the connection an answer carries. */
export const CONNECTION_DEFAULT = 0;
export const CONNECTION_IS_CLOSE = 1;
export const CONNECTION_IS_KEEP_ALIVE = 2; // said aloud to an HTTP/1.0 peer

export class ResponseHeads {
  private readonly date: DateCache;
  private readonly prefixes: Map<string, HeadPrefix>[] = [];
  private count = 0;

  constructor(date: DateCache) {
    this.date = date;
  }

  /** The beginning of every answer of this status and type, which must be a valid field value. */
  prefix(status: number, type: string): HeadPrefix {
    const byType = (this.prefixes[status] ??= new Map<string, HeadPrefix>());
    const now = this.date.bytes();
    let prefix = byType.get(type);
    if (prefix === undefined) {
      prefix = new HeadPrefix(status, type, now, this.date.second);
      if (this.count < PREFIXES_MAX) {
        byType.set(type, prefix);
        this.count++;
      }
    } else if (prefix.second !== this.date.second) {
      prefix.setDate(now, this.date.second);
    }
    return prefix;
  }
}

/**
 * Writes a whole head at `at` and returns where it ends. `fields` are the further field lines, each
 * with its CRLF. The caller has made sure of prefix.bytes.length + fields.length + HEAD_END_BYTES.
 */
export function writeHead(
  target: Buffer,
  at: number,
  prefix: HeadPrefix,
  length: number,
  connection: number,
  fields: string,
): number {
  let end = at;
  if (length >= 0) {
    target.set(prefix.bytes, end);
    end = writeDecimal(target, end + prefix.bytes.length, length);
  } else {
    prefix.bytes.copy(target, end, 0, prefix.lengthAt);
    end += prefix.lengthAt;
    if (length === LENGTH_CHUNKED) end = writeBytes(target, end, TRANSFER_CHUNKED);
  }
  if (connection === CONNECTION_IS_CLOSE) end = writeBytes(target, end, CONNECTION_CLOSE);
  else if (connection !== CONNECTION_DEFAULT) end = writeBytes(target, end, CONNECTION_KEEP_ALIVE);
  target[end++] = CR;
  target[end++] = LF;
  if (fields !== "") end += latin1Write(target, fields, end);
  target[end++] = CR;
  target[end++] = LF;
  return end;
}

function writeBytes(target: Buffer, at: number, bytes: Buffer): number {
  target.set(bytes, at);
  return at + bytes.length;
}

/** Writes a non-negative integer in decimal and returns where it ends. */
export function writeDecimal(target: Buffer, at: number, value: number): number {
  assert(value >= 0, "a negative length");
  if (value > 0x7fffffff) return at + latin1Write(target, String(value), at);
  let rest = value | 0;
  let digits = 1;
  for (let bound = 10; digits < 10 && rest >= bound; bound *= 10) digits++;
  for (let place = at + digits - 1; place >= at; place--) {
    const next = (rest / 10) | 0;
    target[place] = ZERO + (rest - next * 10);
    rest = next;
  }
  return at + digits;
}

const HEX = Buffer.from("0123456789abcdef");

/** Writes the line that begins a chunk of `count` > 0 bytes, and returns where it ends. */
export function writeChunkHead(target: Buffer, at: number, count: number): number {
  let digits = 1;
  for (let rest = count >>> 4; rest > 0; rest >>>= 4) digits++;
  let rest = count;
  for (let place = at + digits - 1; place >= at; place--) {
    target[place] = HEX[rest & 15]!;
    rest >>>= 4;
  }
  target[at + digits] = CR;
  target[at + digits + 1] = LF;
  return at + digits + 2;
}

/** The most bytes that writeChunkHead writes. */
export const CHUNK_HEAD_BYTES = 10;
/** Ends a chunk. */
export const CHUNK_END: Buffer = Buffer.from("\r\n");
/** Ends a chunked body without trailers. */
export const LAST_CHUNK: Buffer = Buffer.from("0\r\n\r\n");
