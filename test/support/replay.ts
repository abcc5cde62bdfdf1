// Replays one byte vector in every way that a network may cut it: whole, byte by byte, cut once at
// every point, and, if it is short, cut twice at every pair of points. What comes out must always
// be the same. `run` gets the ends of the pieces, ascending, the last being bytes.length.

import { expect } from "bun:test";

const PAIRS_BYTES_MAX = 40;
const EVERY_POINT_BYTES_MAX = 2048; // longer vectors are cut near both ends and sparsely between
// What stands around the bytes, by turns: line ends, and what continues a word or a number.
const POISONS: readonly Uint8Array[] = [latin1("\r\n\r\n\0A: "), latin1('A/?5;a"\r\n')];

/** Runs every cut, asserts that all outcomes equal that of the whole, and returns it. */
export function everyCut(bytes: Uint8Array, run: (ends: readonly number[]) => string): string {
  const length = bytes.length;
  const whole = run([length]);
  const check = (ends: readonly number[]): void => {
    const outcome = run(ends);
    if (outcome !== whole) expect({ ends, outcome }).toEqual({ ends, outcome: whole });
  };
  check(Array.from(bytes, (_, index) => index + 1));
  const points = cutPoints(length);
  for (const point of points) check([point, length]);
  if (length > PAIRS_BYTES_MAX) return whole;
  for (const first of points) {
    for (const second of points) if (second > first) check([first, second, length]);
  }
  return whole;
}

function cutPoints(length: number): number[] {
  const points: number[] = [];
  const isShort = length <= EVERY_POINT_BYTES_MAX;
  for (let point = 1; point < length; point++) {
    if (isShort || point < 64 || length - point < 64 || point % 997 === 0) points.push(point);
  }
  return points;
}

/**
 * bytes[from, to) at `offset` of a new buffer, with other bytes around it: a codec that looks
 * outside its range, or keeps an absolute position, will not give the same outcome.
 */
export function displace(bytes: Uint8Array, from: number, to: number, offset: number): Uint8Array {
  const length = to - from;
  const poison = POISONS[offset & 1]!;
  const moved = new Uint8Array(offset + length + poison.length);
  for (let index = 0; index < offset; index++) moved[index] = poison[index % poison.length]!;
  moved.set(bytes.subarray(from, to), offset);
  moved.set(poison, offset + length);
  return moved;
}

/** Bytes of a string in which each character stands for one byte. */
export function latin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}
