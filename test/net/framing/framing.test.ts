import { describe, expect, test } from "bun:test";
import { delimiter } from "../../../src/net/framing/delimiter.ts";
import { fixedLength } from "../../../src/net/framing/fixed-length.ts";
import {
  FRAME_MORE,
  FRAME_READY,
  type Framing,
  FRAMING_TEXTS,
  FRAMING_WRONG_LENGTH,
} from "../../../src/net/framing/framing.ts";
import { lengthField, type LengthFieldOptions } from "../../../src/net/framing/length-field.ts";
import { line } from "../../../src/net/framing/line.ts";
import { Random, seedOfRun } from "../../support/random.ts";
import { decodeEveryCut, expectRoundTrip, hexOf } from "./replay-frames.ts";

describe("every framing", () => {
  const random = new Random(seedOfRun());
  const payloads = [3, 3, 3].map((size) => random.bytes(size).map((byte) => (byte & 63) + 64));
  const framings: Framing[] = [
    line(),
    line({ ending: "crlf" }),
    delimiter({ delimiter: "\0\0" }),
    fixedLength({ frameBytes: 3 }),
    lengthField({ bytes: 4 }),
    lengthField({ bytes: "varint" }),
  ];
  for (const framing of framings) {
    test(`${framing.name} encodes what it decodes`, () => expectRoundTrip(framing, payloads));
  }

  test("does not look again at bytes that it has seen", () => {
    for (const framing of [line(), line({ ending: "crlf" }), delimiter({ delimiter: ";" })]) {
      const decoder = framing.createDecoder();
      const bytes = new Uint8Array(200_000).fill(97);
      expect(decoder.next(bytes, 0, 100_000)).toBe(FRAME_MORE);
      for (let at = 0; at < 90_000; at++) bytes[at] = framing.tail[at % framing.tail.length]!;
      expect(decoder.next(bytes, 0, 199_000)).toBe(FRAME_MORE);
      bytes.set(framing.tail, 199_500);
      expect(decoder.next(bytes, 0, bytes.length)).toBe(FRAME_READY);
      expect(decoder.frameEnd).toBe(199_500);
    }
  });

  test("answers any bytes, and the same for any cut of them", () => {
    const seeded = new Random(seedOfRun());
    for (let count = 0; count < 400; count++) {
      const shape = randomLengthField(seeded);
      const framing = seeded.pick([
        () => lengthField(shape),
        () => line({ ending: seeded.pick(["any", "lf", "crlf"]), maxFrameBytes: 6 }),
        () => delimiter({ delimiter: seeded.bytes(2).map(fewBytes), maxFrameBytes: 9 }),
        () => fixedLength({ frameBytes: seeded.between(1, 9) }),
      ])();
      const bytes = seeded.bytes(seeded.below(30)).map(fewBytes);
      try {
        decodeEveryCut(framing, bytes);
      } catch (error) {
        const what = `${framing.name} ${JSON.stringify(shape)} ${hexOf(bytes)}`;
        throw new Error(`seed ${seeded.seed}, number ${count}: ${what}`, { cause: error });
      }
    }
  });

  test("has a text for each code", () => {
    expect(FRAMING_TEXTS.length).toBe(FRAMING_WRONG_LENGTH + 1);
  });
});

/** Few values, so that delimiters and small lengths are frequent. */
function fewBytes(byte: number): number {
  return [0, 0, 1, 2, 3, 4, 10, 13, 128, 255][byte % 10]!;
}

function randomLengthField(random: Random): LengthFieldOptions {
  const bytes = random.pick([1, 2, 3, 4, 8, "varint"] as const);
  const offset = random.pick([0, 0, 1, 3]);
  const shape: LengthFieldOptions = { bytes, offset, maxFrameBytes: random.between(12, 40) };
  shape.adjustment = random.between(-5, 3);
  shape.endian = random.pick(["big", "little"]);
  if (bytes !== "varint") shape.strip = random.below(8);
  return shape;
}
