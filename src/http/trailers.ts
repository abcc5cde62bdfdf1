// The trailer section of a chunked body (RFC 9112 7.1.2, RFC 9110 6.5): syntax-checked like a head,
// then only fields that a sender may put there are kept. Made by a body decoder when the first
// trailer byte arrives, which almost no body has; it holds its own copy, so it outlives the input.

import { FieldParser, knownNames, PARSE_DONE, PARSE_MORE } from "./field-parser.ts";
import { HTTP_OK, HTTP_TRAILERS_TOO_LARGE } from "./http-error.ts";
import type { BodyLimits } from "./http-limits.ts";

const COPY_BYTES_FIRST = 256;

// Framing, routing, request modifiers, authentication, response control, and how content is read.
const FORBIDDEN: ReadonlySet<string> = new Set(
  `transfer-encoding content-length host connection keep-alive te trailer upgrade expect
  max-forwards cache-control range if-match if-none-match if-modified-since if-unmodified-since
  if-range authorization proxy-authorization proxy-authenticate www-authenticate cookie set-cookie
  age date expires location retry-after vary warning content-encoding content-type content-range
  content-language content-location proxy-connection pragma accept accept-encoding`.split(/\s+/),
);

export class TrailerParser extends FieldParser {
  private copy: Uint8Array = new Uint8Array(COPY_BYTES_FIRST);
  private copied = 0;
  private readonly bytesMax: number;

  constructor(limits: BodyLimits) {
    const { trailerBytesMax, headerBytesMax, headersMax } = limits;
    super({ headBytesMax: trailerBytesMax, headerBytesMax, headersMax }, knownNames());
    this.bytesMax = trailerBytesMax;
    this.beginFields(0);
  }

  /** Bytes of the section that append() has taken, once it returned PARSE_DONE. */
  consumed = 0;

  /** Takes bytes[start, end), which may reach beyond the section; see `consumed`. */
  append(bytes: Uint8Array, start: number, end: number): number {
    const before = this.copied;
    const room = this.bytesMax - before;
    const count = Math.min(end - start, room);
    this.reserve(before + count);
    this.copy.set(bytes.subarray(start, start + count), before);
    this.copied = before + count;
    const result = this.parseFields(this.copy, 0, this.copied);
    if (result === PARSE_MORE && end - start > room) return this.fail(HTTP_TRAILERS_TOO_LARGE);
    if (result !== PARSE_DONE) return result;
    this.consumed = this.headBytes - before;
    this.dropForbidden();
    return PARSE_DONE;
  }

  name(index: number): string {
    return this.text(this.headers[index * 4]!, this.headers[index * 4 + 1]!).toLowerCase();
  }

  value(index: number): string {
    return this.text(this.headers[index * 4 + 2]!, this.headers[index * 4 + 3]!);
  }

  protected override field(): number {
    return HTTP_OK;
  }

  private text(start: number, end: number): string {
    let text = "";
    for (let at = start; at < end; at++) text += String.fromCharCode(this.copy[at]!);
    return text;
  }

  private reserve(bytes: number): void {
    if (bytes <= this.copy.length) return;
    const grown = new Uint8Array(Math.max(bytes, this.copy.length * 2));
    grown.set(this.copy);
    this.copy = grown;
  }

  private dropForbidden(): void {
    let kept = 0;
    for (let index = 0; index < this.headerCount; index++) {
      if (FORBIDDEN.has(this.name(index))) continue;
      this.headers.copyWithin(kept * 4, index * 4, index * 4 + 4);
      kept++;
    }
    this.headerCount = kept;
  }
}
