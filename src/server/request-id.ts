// Names for requests, by which a client's report, the access log and the error log find together:
// the client's own X-Request-Id where it is fit to stand in a log, or else one that no other
// worker, start or machine is likely to give.
//
//   4kx07q2m-1-2s3     start of the worker (40 random bits) - worker - count

import { latin1Slice } from "../core/latin1.ts";
import { REQUEST_ID_CHARACTERS_MAX } from "../core/limits.ts";
import type { RequestParser } from "../http/request-parser.ts";
import { ascii, equalsFolded } from "../http/syntax.ts";

const NAME: Uint8Array = ascii("x-request-id");
const RADIX = 36;
const START_BITS_SPAN: number = 2 ** 40;

/** Bytes of ids that may be passed on: nothing that has a meaning in a log, a header or a shell. */
const SANE: Uint8Array = saneBytes();

function saneBytes(): Uint8Array {
  const sane = new Uint8Array(256);
  const others = "-_.:+/=~";
  for (const byte of ascii(others)) sane[byte] = 1;
  for (let byte = 0; byte < 128; byte++) {
    if (/[A-Za-z0-9]/.test(String.fromCharCode(byte))) sane[byte] = 1;
  }
  return sane;
}

export class RequestIds {
  private readonly prefix: string;
  private count = 0;

  /** `random` is for tests: a number in [0, 1). */
  constructor(workerIndex: number, random: () => number = Math.random) {
    const start = Math.floor(random() * START_BITS_SPAN).toString(RADIX);
    this.prefix = `${start.padStart(8, "0")}-${workerIndex.toString(RADIX)}-`;
  }

  next(): string {
    this.count++;
    return this.prefix + this.count.toString(RADIX);
  }
}

/** The X-Request-Id of a head that has been parsed; "" if it has none, several, or no sane one. */
export function requestIdOf(parser: RequestParser, head: Buffer, headAt: number): string {
  const { headers, headerCount } = parser;
  let id = "";
  for (let at = 0; at < headerCount * 4; at += 4) {
    const nameStart = headers[at]!;
    const nameEnd = headers[at + 1]!;
    if (nameEnd - nameStart !== NAME.length) continue;
    if (!equalsFolded(head, headAt + nameStart, headAt + nameEnd, NAME)) continue;
    const start = headAt + headers[at + 2]!;
    const end = headAt + headers[at + 3]!;
    if (id !== "" || !isSane(head, start, end)) return "";
    id = latin1Slice(head, start, end);
  }
  return id;
}

function isSane(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || end - start > REQUEST_ID_CHARACTERS_MAX) return false;
  for (let at = start; at < end; at++) {
    if (SANE[bytes[at]!] === 0) return false;
  }
  return true;
}
