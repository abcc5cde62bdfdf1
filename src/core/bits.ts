// Arithmetic on powers of two. Every argument is a non-negative int32.

export function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

/** The position of the highest set bit; -1 for 0. */
export function log2Floor(value: number): number {
  return 31 - Math.clz32(value);
}

/** The position of the lowest set bit; -1 for 0. */
export function lowestBit(word: number): number {
  return word === 0 ? -1 : 31 - Math.clz32(word & -word);
}
