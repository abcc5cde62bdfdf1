// Text from the peer on its way into a log. What could end a field or a line, and what is not
// printable ASCII, is escaped, so that no request can forge an entry or disturb a terminal.
//
//   combined   as nginx does: " and \ and all outside 0x20..0x7e as \xNN
//   json       \" and \\, and all outside 0x20..0x7e as \u00NN: valid JSON whatever the bytes are

import { ascii } from "../http/syntax.ts";

export const ESCAPE_HEX = 0; // combined
export const ESCAPE_JSON = 1;

/** Ends what did not fit. */
const CUT: Uint8Array = ascii("...");
const HEX_UPPER: Uint8Array = ascii("0123456789ABCDEF");
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;
const LETTER_U = 0x75;
const ZERO = 0x30;
const ESCAPE_BYTES_MAX = 6;

/** 1 for bytes that stand for themselves. */
const PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== BACKSLASH ? 1 : 0,
);

/** Writes source[start, end) at `at`, in at most `bytesMax` bytes; returns where it ends. */
export function writeEscaped(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
  bytesMax: number,
  style: number,
): number {
  const plain = PLAIN;
  const limit = at + bytesMax - CUT.length - ESCAPE_BYTES_MAX;
  let out = at;
  for (let from = start; from < end; from++) {
    if (out > limit) return writeBytes(target, out, CUT);
    const byte = source[from]!;
    if (plain[byte] === 1) target[out++] = byte;
    else out = writeEscape(target, out, byte, style);
  }
  return out;
}

function writeEscape(target: Uint8Array, at: number, byte: number, style: number): number {
  let out = at;
  target[out++] = BACKSLASH;
  if (style === ESCAPE_JSON) {
    if (byte === 0x22 || byte === BACKSLASH) {
      target[out++] = byte;
      return out;
    }
    target[out++] = LETTER_U;
    target[out++] = ZERO;
    target[out++] = ZERO;
  } else {
    target[out++] = LETTER_X;
  }
  target[out++] = HEX_UPPER[byte >> 4]!;
  target[out++] = HEX_UPPER[byte & 15]!;
  return out;
}

/** Writes `bytes` at `at`; returns where they end. For short ones cheaper than set(). */
export function writeBytes(target: Uint8Array, at: number, bytes: Uint8Array): number {
  const { length } = bytes;
  for (let index = 0; index < length; index++) target[at + index] = bytes[index]!;
  return at + length;
}
