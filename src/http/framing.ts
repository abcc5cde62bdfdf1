// Where a message's body ends (RFC 9112 6): the kinds of framing, and the two field values that
// decide it. Smuggling lives here, so everything that two readers could take differently is
// refused: signs, lists, repetitions, codings that hide behind whitespace or quotes.

import {
  HTTP_CODING_INVALID,
  HTTP_CODING_NOT_FINAL,
  HTTP_CODING_UNKNOWN,
  HTTP_LENGTH_INVALID,
  HTTP_LENGTH_OVERFLOW,
  HTTP_OK,
} from "./http-error.ts";
import { ascii, CLASSES, equalsFolded, HTAB, SP, TOKEN } from "./syntax.ts";

export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;
export const BODY_UNTIL_CLOSE = 3; // responses only

const COMMA = 0x2c;
const CHUNKED: Uint8Array = ascii("chunked");
const OTHER_CODINGS: readonly Uint8Array[] = ["gzip", "x-gzip", "deflate", "compress"]
  .concat("x-compress", "identity")
  .map(ascii);

/** The length in a Content-Length value, exact up to 2^53-1, or a negated error code. */
export function contentLengthOf(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return -HTTP_LENGTH_INVALID;
  let length = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -HTTP_LENGTH_INVALID;
    length = length * 10 + digit; // may pass 2^53 and lose bits, but can never come back below
  }
  return length > Number.MAX_SAFE_INTEGER ? -HTTP_LENGTH_OVERFLOW : length;
}

/** HTTP_OK if a Transfer-Encoding value is exactly "chunked", else what is wrong with it. */
export function codingError(bytes: Uint8Array, start: number, end: number): number {
  if (equalsFolded(bytes, start, end, CHUNKED)) return HTTP_OK;
  let chunkedCount = 0;
  let isFinal = false;
  let isRegistered = false;
  for (let at = start; ; at++) {
    const from = skipSpace(bytes, at, end);
    while (at < end && bytes[at] !== COMMA) at++;
    const to = trimSpace(bytes, from, at);
    if (!isToken(bytes, from, to)) return HTTP_CODING_INVALID;
    isFinal = equalsFolded(bytes, from, to, CHUNKED);
    isRegistered = isFinal || OTHER_CODINGS.some((name) => equalsFolded(bytes, from, to, name));
    chunkedCount += isFinal ? 1 : 0;
    if (at >= end) break;
  }
  if (chunkedCount > 1) return HTTP_CODING_INVALID;
  if (isFinal) return HTTP_CODING_UNKNOWN; // "gzip, chunked": well-formed, not implemented
  return isRegistered || chunkedCount > 0 ? HTTP_CODING_NOT_FINAL : HTTP_CODING_UNKNOWN;
}

/** Whether the last coding of a Transfer-Encoding value is chunked, whatever comes before it. */
export function endsInChunked(bytes: Uint8Array, start: number, end: number): boolean {
  let at = end;
  while (at > start && bytes[at - 1] !== COMMA) at--;
  return equalsFolded(bytes, skipSpace(bytes, at, end), end, CHUNKED);
}

function isToken(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if ((CLASSES[bytes[at]!]! & TOKEN) === 0) return false;
  }
  return start < end;
}

export function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
  return at;
}

export function trimSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && (bytes[at - 1] === SP || bytes[at - 1] === HTAB)) at--;
  return at;
}
