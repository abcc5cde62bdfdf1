// Preconditions of a request for a file, in the order of RFC 9110 section 13.2.2: If-Match, else
// If-Unmodified-Since; If-None-Match, else If-Modified-Since; If-Range last. What is asked of them
// stands on bytes of the request; scan() looks at each field name once and the common request,
// which has none of these fields, is done with that.

import { parseHttpDate } from "../http/date.ts";
import { ascii, equalsFolded } from "../http/syntax.ts";
import type { HttpRequest } from "./http-request.ts";

export const HAS_RANGE = 1;
export const HAS_IF_RANGE = 2;
export const HAS_IF_MATCH = 4;
export const HAS_IF_NONE_MATCH = 8;
export const HAS_IF_MODIFIED_SINCE = 16;
export const HAS_IF_UNMODIFIED_SINCE = 32;
export const HAS_ACCEPT_ENCODING = 64;
export const HAS_PRECONDITION: number =
  HAS_IF_MATCH | HAS_IF_NONE_MATCH | HAS_IF_MODIFIED_SINCE | HAS_IF_UNMODIFIED_SINCE;

const NAME_BYTES_MAX = 20;

/** By their length, since it leaves hardly any candidate for a name. */
const CANDIDATES: readonly (readonly [string, number])[] = [
  ["range", HAS_RANGE],
  ["if-range", HAS_IF_RANGE],
  ["if-match", HAS_IF_MATCH],
  ["if-none-match", HAS_IF_NONE_MATCH],
  ["accept-encoding", HAS_ACCEPT_ENCODING],
  ["if-modified-since", HAS_IF_MODIFIED_SINCE],
  ["if-unmodified-since", HAS_IF_UNMODIFIED_SINCE],
];

interface Candidate {
  readonly name: Uint8Array;
  readonly bit: number;
}

const BY_LENGTH: readonly (readonly Candidate[])[] = Array.from(
  { length: NAME_BYTES_MAX },
  (_, length) =>
    CANDIDATES.filter(([name]) => name.length === length).map(([name, bit]) => ({
      name: ascii(name),
      bit,
    })),
);

/** Which of the fields a request has: HAS_... bits. */
export function scanFields(request: HttpRequest): number {
  const { headers, headerCount } = request.parser;
  const { head, headAt } = request;
  let found = 0;
  for (let at = 0; at < headerCount * 4; at += 4) {
    const start = headers[at]!;
    const length = headers[at + 1]! - start;
    if (length >= NAME_BYTES_MAX) continue;
    const candidates = BY_LENGTH[length]!;
    for (let index = 0; index < candidates.length; index++) {
      const { name, bit } = candidates[index]!;
      const from = headAt + start;
      if (equalsFolded(head, from, from + length, name)) found |= bit;
    }
  }
  return found;
}

/** What a representation is known by. */
export interface Validators {
  /** With its quotes, and W/ before them if it is weak. */
  readonly etag: string;
  /** Last-Modified in milliseconds, whole seconds; NaN when there is none. */
  readonly modifiedMs: number;
}

/** 0 when the request is to be carried out, else the status that answers it: 304 or 412. */
export function checkPreconditions(
  request: HttpRequest,
  found: number,
  validators: Validators,
  nowMs: number,
): number {
  const { etag, modifiedMs } = validators;
  if ((found & HAS_IF_MATCH) !== 0) {
    if (!matches(request.header("if-match")!, etag, isSameStrong)) return 412;
  } else if ((found & HAS_IF_UNMODIFIED_SINCE) !== 0) {
    const date = parseHttpDate(request.header("if-unmodified-since")!, nowMs);
    if (modifiedMs > date) return 412; // false for NaN: an invalid date is ignored
  }
  if ((found & HAS_IF_NONE_MATCH) !== 0) {
    if (matches(request.header("if-none-match")!, etag, isSameWeak)) return 304;
  } else if ((found & HAS_IF_MODIFIED_SINCE) !== 0) {
    const date = parseHttpDate(request.header("if-modified-since")!, nowMs);
    if (modifiedMs <= date) return 304;
  }
  return 0;
}

/**
 * Whether If-Range lets the Range count (RFC 9110 13.1.5): an exact match of a strong validator. A
 * date is one when it lies at least a second back, which a file that is not fresh guarantees.
 */
export function rangeApplies(value: string, validators: Validators, nowMs: number): boolean {
  const text = value.trim();
  if (text.startsWith('"') || text.startsWith("W/")) return isSameStrong(text, validators.etag);
  if (validators.etag.startsWith("W/")) return false;
  return parseHttpDate(text, nowMs) === validators.modifiedMs;
}

/** Whether a list of entity tags, or "*", holds ours. A malformed rest of it counts for none. */
function matches(
  field: string,
  etag: string,
  same: (one: string, other: string) => boolean,
): boolean {
  if (field.trim() === "*") return true;
  const tag = /[\s,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")/y;
  for (let match = tag.exec(field); match !== null; match = tag.exec(field)) {
    if (same(match[1]!, etag)) return true;
  }
  return false;
}

function isSameStrong(one: string, other: string): boolean {
  return one === other && !one.startsWith("W/");
}

function isSameWeak(one: string, other: string): boolean {
  return opaque(one) === opaque(other);
}

function opaque(etag: string): string {
  return etag.startsWith("W/") ? etag.slice(2) : etag;
}
