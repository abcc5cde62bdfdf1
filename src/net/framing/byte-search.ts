// The first occurrence of a byte in a part of an array. Three ways, each the fastest for its length
// (measured from 8 bytes to 16 KiB): a loop, the native search, and the native search in a view.

const LOOP_BYTES = 32; // up to here a loop is faster than the call of the native search
const OVERRUN_BYTES = 4096; // searching so much behind the end is cheaper than a subarray

/** The first position of `byte` in bytes[start .. end), or -1. */
export function indexOfByte(bytes: Uint8Array, byte: number, start: number, end: number): number {
  const near = Math.min(end, start + LOOP_BYTES);
  for (let at = start; at < near; at++) if (bytes[at] === byte) return at;
  if (near >= end) return -1;
  if (bytes.length - end <= OVERRUN_BYTES) {
    const found = bytes.indexOf(byte, near);
    return found < end ? found : -1;
  }
  const found = bytes.subarray(near, end).indexOf(byte);
  return found < 0 ? -1 : near + found;
}
