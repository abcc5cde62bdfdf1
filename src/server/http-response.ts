// What a handler fills in. The first call of text, html, json, send, empty, redirect or stream
// sends the answer: status and fields must be set before. Pooled like the request it answers.

import { MillraceError } from "../core/errors.ts";
import { RESPONSE_FIELDS_BYTES_MAX } from "../core/limits.ts";
import { bodyForbidden } from "../http/status.ts";
import { checkFieldName, checkFieldValue } from "./field-check.ts";
import type { HttpSession } from "./http-session.ts";
import { answerBytes, answerNothing, answerSource, answerString } from "./answer.ts";
import { type BodySource, iterableSource } from "./body-source.ts";

export const TYPE_TEXT = "text/plain; charset=utf-8";
export const TYPE_HTML = "text/html; charset=utf-8";
export const TYPE_JSON = "application/json";
export const TYPE_BYTES = "application/octet-stream";

export class HttpResponse {
  /** Internal. */
  session: HttpSession | null = null;
  /** Internal: status, content type and further field lines as they stand. */
  code = 200;
  type = "";
  fields = "";
  wantsClose = false;
  /** Internal: the line with the request's id that every answer of this listener has, or "". */
  idField = "";
  /** Internal: bytes of the body that are with the connection. */
  bodyBytes = 0;
  /** Internal: when an answer of several writes began; NaN for others. */
  begunMs: number = Number.NaN;
  /** The answer has begun: nothing of its head can be changed any more. */
  sent = false;

  /** Internal: the next answer. */
  begin(session: HttpSession): void {
    this.session = session;
    this.code = 200;
    this.type = "";
    this.fields = "";
    this.wantsClose = false;
    this.sent = false;
  }

  /** Sets the status: 200 .. 599. Default 200. */
  status(code: number): this {
    this.assertUnsent();
    if (!Number.isInteger(code) || code < 200 || code > 599) {
      throw new RangeError(`Cannot answer with status ${code}: it must be 200..599`);
    }
    this.code = code;
    return this;
  }

  /**
   * Adds a field. Content-Length and Transfer-Encoding follow from the body and are refused, as is
   * Date; `Connection: close` closes after the answer. Throws a TypeError for what HTTP forbids.
   */
  header(name: string, value: string): this {
    this.assertUnsent();
    checkFieldName(name);
    checkFieldValue(name, value);
    const key = name.toLowerCase();
    if (key === "content-type") this.setType(value);
    else if (key === "connection") this.wantsClose ||= /(?:^|[\s,])close(?:$|[\s,])/i.test(value);
    else if (isOurs(key)) throw new TypeError(`Cannot set header ${name}: the server sets it`);
    else if (key === "upgrade") this.addUpgrade(value);
    else this.addField(name, value);
    return this;
  }

  /** Internal: Upgrade, which the Connection field must name (RFC 9110 section 7.8). */
  addUpgrade(value: string): void {
    this.addField("Upgrade", value);
    this.addField("Connection", "Upgrade"); // a line of its own beside the server's
  }

  /** Internal: a field that is known to be right. */
  addField(name: string, value: string): void {
    if (this.idField !== "" && name.length === REQUEST_ID.length) {
      if (name.toLowerCase() === REQUEST_ID) return; // ours is the one that the logs have
    }
    this.fields += `${name}: ${value}\r\n`;
    this.checkRoom(name);
  }

  /** Internal: a content type that is known to be right. */
  setType(value: string): void {
    this.type = value;
    this.checkRoom("Content-Type");
  }

  private checkRoom(name: string): void {
    if (this.fields.length + this.type.length <= RESPONSE_FIELDS_BYTES_MAX) return;
    throw new TypeError(
      `Cannot set header ${name}: more than ${RESPONSE_FIELDS_BYTES_MAX} bytes of them`,
    );
  }

  /** Answers with text. The type is text/plain unless one was set. */
  text(body: string): void {
    this.sendString(body, TYPE_TEXT);
  }

  html(body: string): void {
    this.sendString(body, TYPE_HTML);
  }

  /** Answers with JSON.stringify(value); throws a TypeError for what has no JSON form. */
  json(value: unknown): void {
    const body: string | undefined = JSON.stringify(value);
    if (body === undefined) throw new TypeError("Cannot answer with JSON: the value has none");
    this.sendString(body, TYPE_JSON);
  }

  /** Answers with bytes, which must not be changed until they have been sent. */
  send(body: ArrayBufferView | ArrayBuffer): void {
    const bytes = toBytes(body);
    const session = this.start(TYPE_BYTES);
    if (session !== null) answerBytes(session, this, bytes);
  }

  /** Answers without content: 204 unless another status was set. */
  empty(): void {
    if (this.code === 200 && !this.sent) this.code = 204;
    const session = this.start("");
    if (session !== null) answerNothing(session, this);
  }

  /** Answers with a Location and a status of 300..399, by default 302. */
  redirect(location: string, code = 302): void {
    if (!(code >= 300 && code <= 399)) {
      throw new RangeError(`Cannot redirect with status ${code}: it must be 300..399`);
    }
    this.status(code).header("Location", location);
    const session = this.start("");
    if (session !== null) answerNothing(session, this);
  }

  /**
   * Answers with pieces as they come, chunked unless `length` tells how many bytes there will be.
   * The source is read no faster than the peer takes the answer, and is returned to when it leaves.
   */
  stream(source: AsyncIterable<Uint8Array | string>, length?: number): void {
    this.assertUnsent();
    if (length !== undefined && !(Number.isSafeInteger(length) && length >= 0)) {
      throw new RangeError(`Cannot answer with ${length} bytes: it must be a whole number`);
    }
    if (typeof source?.[Symbol.asyncIterator] !== "function") {
      throw new TypeError("Cannot stream: the source is not an async iterable");
    }
    const body = iterableSource(source, length);
    const session = this.start(TYPE_BYTES);
    if (session === null) body.cancel();
    else answerSource(session, this, body);
  }

  /** Internal: any body. */
  source(body: BodySource): void {
    const session = this.start("");
    if (session === null) body.cancel();
    else answerSource(session, this, body);
  }

  /** What console.log shows. */
  [Bun.inspect.custom](): string {
    return `HttpResponse ${this.code}, ${this.sent ? "sent" : "not sent yet"}`;
  }

  private sendString(body: string, type: string): void {
    if (typeof body !== "string") {
      throw new TypeError(`Cannot answer with text: it is of type ${typeof body}`);
    }
    const session = this.start(type);
    if (session !== null) answerString(session, this, body);
  }

  /** Null when the peer is gone: the answer is dropped. */
  private start(type: string): HttpSession | null {
    this.assertUnsent();
    if (this.type === "" && !bodyForbidden(this.code)) this.type = type;
    this.sent = true;
    return this.session;
  }

  private assertUnsent(): void {
    if (!this.sent) return;
    throw new MillraceError(
      "ERR_RESPONSE_STATE",
      "Cannot change the response: it was sent already",
    );
  }
}

const REQUEST_ID = "x-request-id";

function toBytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  }
  throw new TypeError(`Cannot answer with bytes: the body is of type ${typeof body}`);
}

function isOurs(key: string): boolean {
  return key === "content-length" || key === "transfer-encoding" || key === "date";
}
