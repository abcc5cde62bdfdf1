// host [":" port] of RFC 3986 3.2, as Host, CONNECT and absolute-form carry it. Stricter than the
// grammar where leniency only helps attackers: no empty host, no comma (a list of hosts in one
// field), no port above 65535, no IPvFuture, no zone id. Userinfo is not part of it.

import { HTTP_HOST_EMPTY, HTTP_HOST_INVALID, HTTP_OK } from "./http-error.ts";
import { CLASSES, HEX, HOST } from "./syntax.ts";

const COLON = 0x3a;
const PERCENT = 0x25;
const BRACKET = 0x5b;
const PORT_MAX = 65535;

/** HTTP_OK, HTTP_HOST_EMPTY or HTTP_HOST_INVALID for bytes[start, end). */
export function authorityError(bytes: Uint8Array, start: number, end: number): number {
  const classes = CLASSES;
  let at = start;
  while (at < end && (classes[bytes[at]!]! & HOST) !== 0) at++;
  if (at < end && bytes[at] !== COLON) at = endOfOther(bytes, start, at, end);
  if (at === start) return at === end || bytes[at] === COLON ? HTTP_HOST_EMPTY : HTTP_HOST_INVALID;
  if (at === end) return HTTP_OK;
  if (at < 0 || bytes[at] !== COLON) return HTTP_HOST_INVALID;
  let port = 0; // an empty one is valid by the grammar (*DIGIT), and so are leading zeros
  for (at++; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return HTTP_HOST_INVALID;
    port = port * 10 + digit;
    if (port > PORT_MAX) return HTTP_HOST_INVALID;
  }
  return HTTP_OK;
}

function endOfOther(bytes: Uint8Array, start: number, at: number, end: number): number {
  if (at === start && bytes[start] === BRACKET) return endOfLiteral(bytes, start, end);
  return endOfName(bytes, start, end);
}

function endOfName(bytes: Uint8Array, start: number, end: number): number {
  const classes = CLASSES;
  let at = start;
  for (;;) {
    while (at < end && (classes[bytes[at]!]! & HOST) !== 0) at++;
    if (at >= end || bytes[at] !== PERCENT) return at;
    if (at + 2 >= end) return at;
    if ((classes[bytes[at + 1]!]! & classes[bytes[at + 2]!]! & HEX) === 0) return at;
    at += 3;
  }
}

// The position after "]", or -1.
function endOfLiteral(bytes: Uint8Array, start: number, end: number): number {
  let close = start + 1;
  while (close < end && bytes[close] !== 0x5d) close++;
  return close < end && isIpv6(bytes, start + 1, close) ? close + 1 : -1;
}

function isIpv6(bytes: Uint8Array, start: number, end: number): boolean {
  let groups = 0;
  let hasGap = false;
  let at = start;
  while (at < end) {
    if (bytes[at] === COLON) {
      const isGap = at + 1 < end && bytes[at + 1] === COLON;
      if (isGap ? hasGap : groups === 0) return false;
      hasGap ||= isGap;
      at += isGap ? 2 : 1;
      if (at === end) return isGap && groups < 8;
    }
    let digits = 0;
    while (at + digits < end && (CLASSES[bytes[at + digits]!]! & HEX) !== 0) digits++;
    if (digits === 0) return false;
    if (at + digits < end && bytes[at + digits] === 0x2e) {
      if (!isIpv4(bytes, at, end)) return false;
      groups += 2;
      break;
    }
    if (digits > 4) return false;
    at += digits;
    groups++;
    if (at < end && bytes[at] !== COLON) return false;
  }
  return hasGap ? groups < 8 : groups === 8;
}

// Four decimal octets without zeros before them (RFC 3986 3.2.2).
function isIpv4(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  for (let part = 0; part < 4; part++) {
    const first = at;
    let value = 0;
    while (at < end && at - first < 4 && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) {
      value = value * 10 + bytes[at]! - 0x30;
      at++;
    }
    const hasLeadingZero = at - first > 1 && bytes[first] === 0x30;
    if (at === first || value > 255 || hasLeadingZero) return false;
    if (part < 3 && (at >= end || bytes[at++] !== 0x2e)) return false;
  }
  return at === end;
}
