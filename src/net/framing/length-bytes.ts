// Lengths as bytes: unsigned integers of 1, 2, 3, 4 or 8 bytes in either order, and varints (base
// 128, low group first, the high bit says that more follow). Pure functions on positions; the
// caller has made sure that the bytes are there.

export type LengthWidth = 1 | 2 | 3 | 4 | 8;

export const LENGTH_WIDTHS: readonly LengthWidth[] = [1, 2, 3, 4, 8];

/** The widest varint: 5 groups of 7 bits hold 32. */
export const VARINT_BYTES_MAX = 5;

/** Results of readVarint that are no length. */
export const VARINT_MORE = -1;
export const VARINT_INVALID = -2;

const TWO_TO_32: number = 2 ** 32;

/** Exact to 2^53; beyond it only "too long" matters, and that survives the rounding. */
export function readLength(
  bytes: Uint8Array,
  at: number,
  width: LengthWidth,
  little: boolean,
): number {
  if (width === 8) {
    const first = readLength(bytes, at, 4, little);
    const second = readLength(bytes, at + 4, 4, little);
    return little ? second * TWO_TO_32 + first : first * TWO_TO_32 + second;
  }
  let value = 0;
  for (let index = 0; index < width; index++) {
    value = (value << 8) | bytes[little ? at + width - 1 - index : at + index]!;
  }
  return value >>> 0;
}

export function writeLength(
  bytes: Uint8Array,
  at: number,
  width: LengthWidth,
  little: boolean,
  value: number,
): void {
  if (width === 8) {
    const high = Math.floor(value / TWO_TO_32);
    writeLength(bytes, at, 4, little, little ? value : high);
    writeLength(bytes, at + 4, 4, little, little ? high : value);
    return;
  }
  for (let index = 0, rest = value | 0; index < width; index++, rest >>>= 8) {
    bytes[little ? at + index : at + width - 1 - index] = rest;
  }
}

/** The largest value that fits and is exact. */
export function lengthMax(width: LengthWidth): number {
  return width === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (8 * width) - 1;
}

/** The varint at `at`; VARINT_MORE if it does not end before `end`; or VARINT_INVALID. */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let index = 0; index < VARINT_BYTES_MAX; index++) {
    if (at + index >= end) return VARINT_MORE;
    const byte = bytes[at + index]!;
    if (index === VARINT_BYTES_MAX - 1 && byte > 0x0f) return VARINT_INVALID;
    value |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return value >>> 0;
  }
  return VARINT_INVALID;
}

/** Bytes of the varint at `at`, which readVarint has found complete. */
export function varintWidthAt(bytes: Uint8Array, at: number): number {
  let width = 1;
  while (bytes[at + width - 1]! >= 0x80) width++;
  return width;
}

/** Writes the shortest varint and returns the position after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let position = at;
  let rest = value;
  while (rest >= 0x80) {
    bytes[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[position++] = rest;
  return position;
}
