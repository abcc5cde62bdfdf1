// Drives the HTTP codecs over the pieces of a vector, moving the bytes to another buffer and
// another offset for each piece as a server would, and writes down all that they report as text,
// so that two outcomes can be compared.

import {
  BodyDecoder,
  DECODE_DATA,
  DECODE_DONE,
  DECODE_ERROR,
  DECODE_MORE,
} from "../../src/http/body-decoder.ts";
import type { FieldParser } from "../../src/http/field-parser.ts";
import { HTTP_ERRORS } from "../../src/http/http-error.ts";
import {
  BODY_LIMITS_DEFAULT,
  type BodyLimits,
  REQUEST_LIMITS_DEFAULT,
  type RequestLimits,
} from "../../src/http/http-limits.ts";
import { PARSE_ERROR, PARSE_MORE, RequestParser } from "../../src/http/request-parser.ts";
import { ResponseParser } from "../../src/http/response-parser.ts";
import { displace, textOf } from "./replay.ts";

const MOVE_BYTES_MAX = 1024; // larger heads stay in place: moving each byte would be quadratic

export interface RequestHead {
  method: string;
  methodId: number;
  target: string;
  form: number;
  path: string;
  pathHash: number;
  query: string;
  versionMinor: number;
  host: string | null;
  headers: [string, string][];
  bodyKind: number;
  contentLength: number;
  keepAlive: boolean;
  expectContinue: boolean;
  upgrade: boolean;
  headBytes: number;
}

export interface Outcome<Head> {
  error?: string;
  more?: true;
  head?: Head;
}

/** What the parser says of the head at the beginning of `bytes`, given piece by piece. */
export function parseRequest(
  bytes: Uint8Array,
  ends: readonly number[] = [bytes.length],
  limits: RequestLimits = REQUEST_LIMITS_DEFAULT,
  parser: RequestParser = new RequestParser(limits),
): Outcome<RequestHead> {
  parser.reset();
  for (const [piece, end] of ends.entries()) {
    const { buffer, start } = place(bytes, piece, end);
    const result = parser.parse(buffer, start, start + end);
    if (result === PARSE_MORE) continue;
    if (result === PARSE_ERROR) return { error: HTTP_ERRORS[parser.error]!.name };
    return { head: describeRequest(parser, buffer, start) };
  }
  return { more: true };
}

export function describeRequest(parser: RequestParser, bytes: Uint8Array, at: number): RequestHead {
  const text = (start: number, end: number): string => textOf(bytes, at + start, at + end);
  return {
    method: text(parser.methodStart, parser.methodEnd),
    methodId: parser.method,
    target: text(parser.targetStart, parser.targetEnd),
    form: parser.targetForm,
    path: text(parser.pathStart, parser.pathEnd),
    pathHash: parser.pathHash,
    query: text(parser.queryStart, parser.queryEnd),
    versionMinor: parser.versionMinor,
    host: parser.hostStart < 0 ? null : text(parser.hostStart, parser.hostEnd),
    headers: describeHeaders(parser, text),
    bodyKind: parser.bodyKind,
    contentLength: parser.contentLength,
    keepAlive: parser.keepAlive,
    expectContinue: parser.expectContinue,
    upgrade: parser.upgrade,
    headBytes: parser.headBytes,
  };
}

function describeHeaders(
  parser: FieldParser,
  text: (start: number, end: number) => string,
): [string, string][] {
  const headers: [string, string][] = [];
  for (let index = 0; index < parser.headerCount; index++) {
    const [a, b, c, d] = parser.headers.subarray(index * 4, index * 4 + 4);
    headers.push([text(a!, b!), text(c!, d!)]);
  }
  return headers;
}

export interface ResponseHead {
  status: number;
  versionMinor: number;
  reason: string;
  headers: [string, string][];
  bodyKind: number;
  contentLength: number;
  keepAlive: boolean;
  upgrade: boolean;
  headBytes: number;
}

/** What the parser says of the head of an answer to `method`, given piece by piece. */
export function parseResponse(
  bytes: Uint8Array,
  method: number,
  ends: readonly number[] = [bytes.length],
  parser: ResponseParser = new ResponseParser(REQUEST_LIMITS_DEFAULT),
): Outcome<ResponseHead> {
  parser.reset(method);
  for (const [piece, end] of ends.entries()) {
    const { buffer, start } = place(bytes, piece, end);
    const result = parser.parse(buffer, start, start + end);
    if (result === PARSE_MORE) continue;
    if (result === PARSE_ERROR) return { error: HTTP_ERRORS[parser.error]!.name };
    return { head: describeResponse(parser, buffer, start) };
  }
  return { more: true };
}

function describeResponse(parser: ResponseParser, bytes: Uint8Array, at: number): ResponseHead {
  const text = (start: number, end: number): string => textOf(bytes, at + start, at + end);
  const { status, versionMinor, bodyKind, contentLength, keepAlive, upgrade, headBytes } = parser;
  const reason = text(parser.reasonStart, parser.reasonEnd);
  const headers = describeHeaders(parser, text);
  const found = { status, versionMinor, reason, headers, bodyKind, contentLength, keepAlive };
  return { ...found, upgrade, headBytes };
}

// The bytes so far, for each piece at another place.
function place(
  bytes: Uint8Array,
  piece: number,
  end: number,
): { buffer: Uint8Array; start: number } {
  if (end > MOVE_BYTES_MAX) return { buffer: bytes, start: 0 };
  const start = (piece * 7 + 3) % 23;
  return { buffer: displace(bytes, 0, end, start), start };
}

export interface BodyOutcome {
  error?: string;
  more?: true;
  body: string;
  /** Bytes of the vector that belong to the body; what is left is the next message. */
  consumed?: number;
  trailers?: [string, string][];
}

/** What the decoder makes of a body at the beginning of `bytes`, given piece by piece. */
export function decodeBody(
  bytes: Uint8Array,
  kind: number,
  contentLength: number,
  ends: readonly number[] = [bytes.length],
  limits: BodyLimits = BODY_LIMITS_DEFAULT,
): BodyOutcome {
  const decoder = new BodyDecoder(limits);
  decoder.reset(kind, contentLength);
  let body = "";
  let from = 0;
  for (const end of ends) {
    const offset = from % 11;
    const buffer = displace(bytes, from, end, offset);
    const limit = offset + end - from;
    let at = offset;
    let status = DECODE_DATA;
    while (status === DECODE_DATA) {
      status = decoder.decode(buffer, at, limit);
      checkBounds(decoder, status, at, limit);
      body += textOf(buffer, decoder.dataStart, decoder.dataEnd);
      at = decoder.position;
    }
    if (status === DECODE_ERROR) return { error: HTTP_ERRORS[decoder.error]!.name, body };
    if (status === DECODE_DONE) return endOfBody(decoder, body, from + at - offset);
    from = end;
  }
  return { more: true, body };
}

function endOfBody(decoder: BodyDecoder, body: string, consumed: number): BodyOutcome {
  if (decoder.bodyBytes !== body.length) throw new Error("bodyBytes does not match the body");
  const trailers: [string, string][] = [];
  const section = decoder.trailers;
  for (let index = 0; section !== null && index < section.headerCount; index++) {
    trailers.push([section.name(index), section.value(index)]);
  }
  return { body, consumed, trailers };
}

function checkBounds(decoder: BodyDecoder, status: number, at: number, limit: number): void {
  const { position, dataStart, dataEnd } = decoder;
  const isInside = at <= dataStart && dataStart <= dataEnd && dataEnd <= limit;
  const isData = status === DECODE_DATA ? dataEnd > dataStart : dataEnd === dataStart;
  const isForward = position >= at && position <= limit;
  const isUsedUp = status !== DECODE_MORE || position === limit;
  if (!isInside || !isData || !isForward || !isUsedUp) {
    throw new Error(`decoder out of bounds: ${status} ${at} ${dataStart} ${dataEnd} ${position}`);
  }
}
