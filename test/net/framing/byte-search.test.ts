import { expect, test } from "bun:test";
import { indexOfByte } from "../../../src/net/framing/byte-search.ts";

const LF = 10;
const LENGTHS = [0, 1, 31, 32, 33, 34, 100, 5_000, 10_000];

test("indexOfByte finds the first one between start and end", () => {
  for (const length of LENGTHS) {
    for (const room of [0, 1, 4_096, 4_097, 9_000]) {
      for (const start of [0, 7]) {
        const end = start + length;
        const bytes = Buffer.alloc(end + room, 97);
        bytes.fill(LF, 0, start).fill(LF, end);
        expect(indexOfByte(bytes, LF, start, end)).toBe(-1);
        for (const at of [0, 31, 32, 33, length - 1].filter((it) => it >= 0 && it < length)) {
          bytes[start + at] = LF;
          expect(indexOfByte(bytes, LF, start, end)).toBe(start + at);
          bytes[start + at] = 97;
        }
      }
    }
  }
});
