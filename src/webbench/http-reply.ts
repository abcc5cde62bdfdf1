// HTTP answers read with the codec that the server's side shares: heads by ResponseParser, bodies
// by BodyDecoder. Bytes are parsed where they arrive; only an incomplete head is kept, because the
// parser wants to see a head as one piece.

import { BodyDecoder, DECODE_DATA, DECODE_DONE, DECODE_MORE } from "../http/body-decoder.ts";
import { PARSE_DONE, PARSE_MORE } from "../http/field-parser.ts";
import { BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE } from "../http/framing.ts";
import { errorName } from "../http/http-error.ts";
import { BODY_LIMITS_DEFAULT, REQUEST_LIMITS_DEFAULT } from "../http/http-limits.ts";
import { METHOD_GET } from "../http/methods.ts";
import { ResponseParser } from "../http/response-parser.ts";
import {
  ERROR_EARLY,
  REPLY_DONE,
  REPLY_ERROR,
  REPLY_MORE,
  type ReplyReader,
} from "./reply-reader.ts";

const BODY_LIMITS = { ...BODY_LIMITS_DEFAULT, bodyBytesMax: Number.MAX_SAFE_INTEGER };
const NOTHING: Buffer = Buffer.alloc(0);
const KEPT_SPARE_BYTES = 1024;

const STAGE_HEAD = 0;
const STAGE_BODY = 1;

export class HttpReply implements ReplyReader {
  position = 0;
  status = 0;
  keepAlive = true;
  bodyBytes = 0;
  error = "";
  private readonly parser: ResponseParser = new ResponseParser(REQUEST_LIMITS_DEFAULT);
  private readonly decoder: BodyDecoder = new BodyDecoder(BODY_LIMITS);
  private stage: number = STAGE_HEAD;
  private method: number = METHOD_GET;
  private kept: Buffer = NOTHING; // of an incomplete head, [0, keptBytes)
  private keptBytes = 0;

  begin(method: number): void {
    this.method = method;
    this.stage = STAGE_HEAD;
    this.keptBytes = 0;
    this.bodyBytes = 0;
    this.parser.reset(method);
  }

  read(bytes: Buffer, start: number, end: number): number {
    if (this.stage === STAGE_BODY) return this.readBody(bytes, start, end);
    if (this.keptBytes > 0) return this.readKept(bytes, start, end);
    const result = this.parser.parse(bytes, start, end);
    if (result === PARSE_DONE) return this.headDone(bytes, start + this.parser.headBytes, end);
    if (result === PARSE_MORE) this.keep(bytes, start, end);
    return result === PARSE_MORE ? REPLY_MORE : this.fail(errorName(this.parser.error));
  }

  finish(): number {
    if (this.stage === STAGE_BODY && this.parser.bodyKind === BODY_UNTIL_CLOSE) {
      this.bodyBytes = this.decoder.bodyBytes;
      this.keepAlive = false;
      return REPLY_DONE;
    }
    return this.fail(ERROR_EARLY);
  }

  private readKept(bytes: Buffer, start: number, end: number): number {
    const before = this.keptBytes;
    this.keep(bytes, start, end);
    const result = this.parser.parse(this.kept, 0, this.keptBytes);
    if (result === PARSE_MORE) return REPLY_MORE;
    if (result !== PARSE_DONE) return this.fail(errorName(this.parser.error));
    return this.headDone(bytes, start + this.parser.headBytes - before, end);
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    const length = this.keptBytes + end - start;
    if (length > this.kept.length) {
      const larger = Buffer.allocUnsafe(length + KEPT_SPARE_BYTES);
      this.kept.copy(larger, 0, 0, this.keptBytes);
      this.kept = larger;
    }
    bytes.copy(this.kept, this.keptBytes, start, end);
    this.keptBytes = length;
    this.position = end;
  }

  private headDone(bytes: Buffer, at: number, end: number): number {
    const { parser } = this;
    this.keptBytes = 0;
    this.status = parser.status;
    this.keepAlive = parser.keepAlive;
    if (parser.status < 200 && !parser.upgrade) {
      parser.reset(this.method);
      this.position = at;
      return at < end ? this.read(bytes, at, end) : REPLY_MORE;
    }
    if (parser.upgrade) this.keepAlive = false;
    if (parser.bodyKind === BODY_NONE) return this.done(at, 0);
    // The common answer: a short body of known length, all of it here.
    const length = parser.contentLength;
    if (parser.bodyKind === BODY_LENGTH && length <= end - at)
      return this.done(at + length, length);
    this.stage = STAGE_BODY;
    this.decoder.reset(parser.bodyKind, length);
    return this.readBody(bytes, at, end);
  }

  private readBody(bytes: Buffer, start: number, end: number): number {
    const { decoder } = this;
    let at = start;
    let result: number;
    do {
      result = decoder.decode(bytes, at, end);
      at = decoder.position;
    } while (result === DECODE_DATA);
    this.position = at;
    if (result === DECODE_DONE) return this.done(at, decoder.bodyBytes);
    return result === DECODE_MORE ? REPLY_MORE : this.fail(errorName(decoder.error));
  }

  private done(position: number, bodyBytes: number): number {
    this.position = position;
    this.bodyBytes = bodyBytes;
    return REPLY_DONE;
  }

  private fail(error: string): number {
    this.error = error;
    return REPLY_ERROR;
  }
}

/**
 * What came back for a request of HTTP/0.9: bytes until the end of the connection. A server that
 * does not speak it answers with a status line, and then that status counts.
 */
export class Http09Reply implements ReplyReader {
  position = 0;
  status = 0;
  keepAlive = false;
  bodyBytes = 0;
  error = "";
  private start = "";

  begin(_method: number): void {
    this.status = 0;
    this.bodyBytes = 0;
    this.start = "";
  }

  read(bytes: Buffer, start: number, end: number): number {
    if (this.start.length < 12)
      this.start += bytes.toString("latin1", start, Math.min(end, start + 12));
    this.bodyBytes += end - start;
    this.position = end;
    return REPLY_MORE;
  }

  finish(): number {
    if (this.bodyBytes === 0) {
      this.error = ERROR_EARLY;
      return REPLY_ERROR;
    }
    const status = /^HTTP\/1\.\d ([1-9]\d\d)/.exec(this.start)?.[1];
    this.status = status === undefined ? 0 : Number(status);
    return REPLY_DONE;
  }
}
