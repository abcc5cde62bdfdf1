import { describe, expect, test } from "bun:test";
import {
  LENGTH_WIDTHS,
  lengthMax,
  readLength,
  readVarint,
  VARINT_MORE,
  varintWidthAt,
  writeLength,
  writeVarint,
} from "../../../src/net/framing/length-bytes.ts";

describe("lengths as bytes", () => {
  test("read what they wrote, up to the largest of each width", () => {
    const bytes = new Uint8Array(16);
    for (const width of LENGTH_WIDTHS) {
      const most = lengthMax(width);
      for (const value of [0, 1, 127, 128, 255, 2 ** 16 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, most]) {
        if (value > most) continue;
        for (const little of [false, true]) {
          bytes.fill(0xee);
          writeLength(bytes, 3, width, little, value);
          expect(readLength(bytes, 3, width, little)).toBe(value);
          expect([bytes[2], bytes[3 + width]]).toEqual([0xee, 0xee]);
          expect(bytes[little ? 3 : 2 + width]).toBe(value % 256);
        }
      }
    }
  });

  test("take as few bytes as a varint needs", () => {
    const bytes = new Uint8Array(8);
    for (let power = 0; power <= 32; power++) {
      for (const value of [2 ** power - 1, 2 ** power].filter((it) => it < 2 ** 32)) {
        const end = writeVarint(bytes, 1, value);
        expect(readVarint(bytes, 1, end)).toBe(value);
        expect(readVarint(bytes, 1, end - 1)).toBe(VARINT_MORE);
        expect(varintWidthAt(bytes, 1)).toBe(end - 1);
        expect(end - 1).toBe(Math.max(1, Math.ceil(Math.log2(value + 1) / 7)));
      }
    }
  });
});
