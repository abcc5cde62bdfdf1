// The runtime's own ways between strings and bytes, one byte a character. They are on every Buffer,
// and several times faster than what takes an encoding's name, but missing in its types: here, and
// only here, they are given some.

interface NativeBuffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number): number;
  utf8Write(text: string, offset: number): number;
}

/** bytes[start, end) as a string. */
export function latin1Slice(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as NativeBuffer).latin1Slice(start, end);
}

/** Writes characters up to U+00FF at `offset`; returns how many. */
export function latin1Write(bytes: Buffer, text: string, offset: number): number {
  return (bytes as unknown as NativeBuffer).latin1Write(text, offset);
}

/** Writes `text` as UTF-8 at `offset`; returns how many bytes that took. */
export function utf8Write(bytes: Buffer, text: string, offset: number): number {
  return (bytes as unknown as NativeBuffer).utf8Write(text, offset);
}
