import { describe, expect, test } from "bun:test";
import {
  FRAMING_BAD_LENGTH,
  FRAMING_OK,
  FRAMING_TOO_LONG,
} from "../../../src/net/framing/framing.ts";
import { lengthField, type LengthFieldOptions } from "../../../src/net/framing/length-field.ts";
import { decodeEveryCut, expectRoundTrip, fromHex } from "./replay-frames.ts";

/** [name, options, the stream, what comes of it] */
const VECTORS: [string, LengthFieldOptions, string, string][] = [
  ["a varint", { bytes: "varint" }, "00 01aa 82 00bbcc", "- aa bbcc +0"],
  ["a varint that counts more", { bytes: "varint", adjustment: -1 }, "01 02aa", "- aa +0"],
  ["a packet of MQTT", { bytes: "varint", offset: 1 }, "c000 3003aabbcc", "c000 3003aabbcc +0"],
  ["an unfinished varint", { bytes: "varint" }, "80ff", "+2"],
  ["an unfinished varint behind a head", { bytes: "varint", offset: 2 }, "c0", "+1"],
];

const HOSTILE: [string, LengthFieldOptions, string, number][] = [
  ["a varint of six bytes", { bytes: "varint" }, "808080808000", FRAMING_BAD_LENGTH],
  ["a varint of 33 bits", { bytes: "varint" }, "ffffffff1f", FRAMING_BAD_LENGTH],
  ["a varint of 2^32 - 1", { bytes: "varint" }, "ffffffff0f", FRAMING_TOO_LONG],
  ["a varint below its adjustment", { bytes: "varint", adjustment: -2 }, "01", FRAMING_BAD_LENGTH],
  ["a varint over the maximum", { bytes: "varint", maxFrameBytes: 3 }, "04", FRAMING_TOO_LONG],
  [
    "a head that pushes it over the maximum",
    { bytes: "varint", offset: 1, maxFrameBytes: 4 },
    "c003",
    FRAMING_TOO_LONG,
  ],
];

describe("a varint length", () => {
  for (const [name, options, stream, story] of VECTORS) {
    test(`decodes ${name}`, () => {
      expect(decodeEveryCut(lengthField(options), fromHex(stream))).toBe(story);
    });
  }

  for (const [name, options, stream, code] of HOSTILE) {
    test(`refuses ${name}`, () => {
      expect(decodeEveryCut(lengthField(options), fromHex(stream))).toBe(`error ${code}`);
    });
  }

  test("packets of MQTT only when their own length is right", () => {
    const framing = lengthField({ bytes: "varint", offset: 1, maxFrameBytes: 300 });
    expectRoundTrip(framing, [fromHex("c000"), fromHex("3003aabbcc")]);
    expect(framing.check(fromHex("3003aabb"), 0, 4)).toBe(FRAMING_BAD_LENGTH);
    expect(framing.check(fromHex("3001aabb"), 0, 4)).toBe(FRAMING_BAD_LENGTH);
    expect(framing.check(fromHex("30"), 0, 1)).toBe(FRAMING_BAD_LENGTH);
  });

  test("counts what it sends as it counts what it receives", () => {
    const more = lengthField({ bytes: "varint", adjustment: 2 });
    expect(more.check(new Uint8Array(1), 0, 1)).toBe(FRAMING_BAD_LENGTH);
    expect(more.check(new Uint8Array(2), 0, 2)).toBe(FRAMING_OK);
    expectRoundTrip(more, [fromHex("aabb"), fromHex("aabbcc")]);
    const small = lengthField({ bytes: "varint", maxFrameBytes: 3 });
    expect(small.check(new Uint8Array(4), 0, 4)).toBe(FRAMING_TOO_LONG);
  });
});
