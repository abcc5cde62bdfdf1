// Bit arithmetic against its definition by counting.

import { describe, expect, test } from "bun:test";
import { isPowerOfTwo, log2Floor, lowestBit } from "../../src/core/bits.ts";

const INT32_MAX = 2 ** 31 - 1;

/** Every power of two of an int32, and its neighbours. */
const NUMBERS: readonly number[] = Array.from({ length: 31 }, (_, bit) => 2 ** bit)
  .flatMap((power) => [power - 1, power, power + 1])
  .concat(INT32_MAX, 12_345_678)
  .filter((value) => value <= INT32_MAX);

describe("isPowerOfTwo", () => {
  test("is true for one bit alone, and not for 0", () => {
    for (const value of NUMBERS) {
      const bits = value.toString(2).replaceAll("0", "").length;
      expect([value, isPowerOfTwo(value)]).toEqual([value, bits === 1]);
    }
  });
});

describe("log2Floor and lowestBit", () => {
  test("give the positions of the outer bits, -1 for 0", () => {
    for (const value of NUMBERS) {
      const text = value === 0 ? "" : value.toString(2);
      const lowest = value === 0 ? -1 : text.length - 1 - text.lastIndexOf("1");
      expect([value, log2Floor(value)]).toEqual([value, text.length - 1]);
      expect([value, lowestBit(value)]).toEqual([value, lowest]);
    }
  });

  test("know the sign bit of a bitmap word", () => {
    expect([log2Floor(-1), log2Floor(1 << 31)]).toEqual([31, 31]);
    expect([lowestBit(-1), lowestBit(1 << 31)]).toEqual([0, 31]);
  });
});
