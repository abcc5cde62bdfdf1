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
import { lengthField } from "../../../src/net/framing/length-field.ts";
import { line } from "../../../src/net/framing/line.ts";
import { Random, seedOfRun } from "../../support/random.ts";
import { expectRoundTrip } from "./replay-frames.ts";

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

  test("has a text for each code", () => {
    expect(FRAMING_TEXTS.length).toBe(FRAMING_WRONG_LENGTH + 1);
  });
});
