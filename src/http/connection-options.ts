// Connection and Expect: lists of options, letters without case (RFC 9110 7.6.1, 10.1.1). Unknown
// options and empty members are skipped, as the RFC asks of a recipient.

import { skipSpace, trimSpace } from "./framing.ts";
import { ascii, equalsFolded } from "./syntax.ts";

export const OPTION_CLOSE = 1;
export const OPTION_KEEP_ALIVE = 2;
export const OPTION_UPGRADE = 4;

const COMMA = 0x2c;
const CLOSE: Uint8Array = ascii("close");
const KEEP_ALIVE: Uint8Array = ascii("keep-alive");
const UPGRADE: Uint8Array = ascii("upgrade");
const CONTINUE: Uint8Array = ascii("100-continue");

/** The OPTION_ bits of a Connection value. */
export function connectionOptions(bytes: Uint8Array, start: number, end: number): number {
  let options = 0;
  let at = start;
  while (at < end) {
    const from = skipSpace(bytes, at, end);
    at = from;
    while (at < end && bytes[at] !== COMMA) at++;
    options |= optionOf(bytes, from, trimSpace(bytes, from, at));
    at++;
  }
  return options;
}

function optionOf(bytes: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 5:
      return equalsFolded(bytes, start, end, CLOSE) ? OPTION_CLOSE : 0;
    case 7:
      return equalsFolded(bytes, start, end, UPGRADE) ? OPTION_UPGRADE : 0;
    case 10:
      return equalsFolded(bytes, start, end, KEEP_ALIVE) ? OPTION_KEEP_ALIVE : 0;
    default:
      return 0;
  }
}

export const EXPECT_NOTHING = 0;
export const EXPECT_CONTINUE = 1;
export const EXPECT_UNKNOWN = 2;

/** What an Expect value asks for; one unknown member makes it unknown. */
export function expectationOf(bytes: Uint8Array, start: number, end: number): number {
  let expectation = EXPECT_NOTHING;
  let at = start;
  while (at < end) {
    const from = skipSpace(bytes, at, end);
    at = from;
    while (at < end && bytes[at] !== COMMA) at++;
    const to = trimSpace(bytes, from, at);
    if (to > from) {
      if (!equalsFolded(bytes, from, to, CONTINUE)) return EXPECT_UNKNOWN;
      expectation = EXPECT_CONTINUE;
    }
    at++;
  }
  return expectation;
}
