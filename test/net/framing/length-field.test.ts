import { describe, expect, test } from "bun:test";
import { encodeFrame } from "../../../src/net/framing/encode-frame.ts";
import {
  FRAME_READY,
  FRAMING_BAD_LENGTH,
  FRAMING_OK,
  FRAMING_TOO_LONG,
} from "../../../src/net/framing/framing.ts";
import { lengthField, type LengthFieldOptions } from "../../../src/net/framing/length-field.ts";
import { Random, seedOfRun } from "../../support/random.ts";
import { latin1 } from "../../support/replay.ts";
import { decodeEveryCut, expectRoundTrip, fromHex, hexOf } from "./replay-frames.ts";

const hello = latin1("HELLO, WORLD");
const helloHex = hexOf(hello);

/** [name, options, the stream, what comes of it]; the frames are those of Netty's documentation. */
const VECTORS: [string, LengthFieldOptions, string, string][] = [
  ["two bytes, stripped", { bytes: 2 }, `000c${helloHex}`, `${helloHex} +0`],
  ["two bytes, kept", { bytes: 2, strip: 0 }, `000c${helloHex}`, `000c${helloHex} +0`],
  [
    "a length that counts itself",
    { bytes: 2, adjustment: -2, strip: 0 },
    `000e${helloHex}`,
    `000e${helloHex} +0`,
  ],
  [
    "a head before the length",
    { bytes: 3, offset: 2 },
    `cafe00000c${helloHex}`,
    `cafe00000c${helloHex} +0`,
  ],
  [
    "a head after the length",
    { bytes: 3, adjustment: 2, strip: 0 },
    `00000ccafe${helloHex}`,
    `00000ccafe${helloHex} +0`,
  ],
  [
    "heads around the length, the first stripped",
    { bytes: 2, offset: 1, adjustment: 1, strip: 3 },
    `ca000cfe${helloHex}`,
    `fe${helloHex} +0`,
  ],
  [
    "a length of the whole frame amid its head",
    { bytes: 2, offset: 1, adjustment: -3, strip: 3 },
    `ca0010fe${helloHex}`,
    `fe${helloHex} +0`,
  ],
  ["one byte, empty and full", { bytes: 1 }, "00 01aa 02bbcc", "- aa bbcc +0"],
  ["little-endian", { bytes: 4, endian: "little" }, "02000000aabb 00000000", "aabb - +0"],
  ["three bytes, little-endian", { bytes: 3, endian: "little" }, "010000aa", "aa +0"],
  ["eight bytes", { bytes: 8 }, "0000000000000002aabb", "aabb +0"],
  ["eight bytes, little-endian", { bytes: 8, endian: "little" }, "0200000000000000aabb", "aabb +0"],
  ["an unfinished head", { bytes: 4 }, "000000", "+3"],
  ["an unfinished frame", { bytes: 2 }, "0001aa 0003bbcc", "aa +4"],
  ["strip beyond the length", { bytes: 1, strip: 3 }, "04aabbccdd", "ccdd +0"],
];

const HOSTILE: [string, LengthFieldOptions, string, number][] = [
  ["over the maximum by one", { bytes: 2, maxFrameBytes: 11 }, "000c", FRAMING_TOO_LONG],
  ["4 GiB", { bytes: 4 }, "ffffffff", FRAMING_TOO_LONG],
  ["2 GiB, the sign of an int32", { bytes: 4 }, "80000000", FRAMING_TOO_LONG],
  ["2^63", { bytes: 8 }, "8000000000000000", FRAMING_TOO_LONG],
  ["2^64 - 1", { bytes: 8 }, "ffffffffffffffff", FRAMING_TOO_LONG],
  ["2^32, whose low half is 0", { bytes: 8 }, "0000000100000000", FRAMING_TOO_LONG],
  ["8 bytes little-endian", { bytes: 8, endian: "little" }, "00000000000000ff", FRAMING_TOO_LONG],
  ["below its own length", { bytes: 2, adjustment: -2 }, "0001", FRAMING_BAD_LENGTH],
  [
    "below its own length, kept",
    { bytes: 2, adjustment: -3, strip: 0 },
    "0001",
    FRAMING_BAD_LENGTH,
  ],
  ["shorter than what is stripped", { bytes: 1, strip: 3 }, "01aa", FRAMING_BAD_LENGTH],
];

describe("lengthField decodes", () => {
  for (const [name, options, stream, story] of VECTORS) {
    test(name, () => {
      expect(decodeEveryCut(lengthField(options), fromHex(stream))).toBe(story);
    });
  }
});

describe("lengthField refuses", () => {
  for (const [name, options, stream, code] of HOSTILE) {
    test(`a length of ${name}`, () => {
      const framing = lengthField(options);
      expect(decodeEveryCut(framing, fromHex(stream))).toBe(`error ${code}`);
      expect(decodeEveryCut(framing, fromHex(`${stream}aabbccddeeff`))).toBe(`error ${code}`);
    });
  }

  test("after frames that were right", () => {
    const framing = lengthField({ bytes: 1, maxFrameBytes: 2 });
    const story = `aa bbcc error ${FRAMING_TOO_LONG}`;
    expect(decodeEveryCut(framing, fromHex("01aa 02bbcc 03ddeeff 01aa"))).toBe(story);
  });
});

describe("lengthField encodes", () => {
  const shapes: LengthFieldOptions[] = [
    ...([1, 2, 3, 4, 8, "varint"] as const).map((bytes) => ({ bytes })),
    { bytes: 4, endian: "little" },
    { bytes: 3, endian: "little", adjustment: -3 },
    { bytes: 2, adjustment: 1, strip: 3 },
    { bytes: 1, strip: 3 },
    { bytes: 8, endian: "little", adjustment: -8 },
  ];
  for (const shape of shapes) {
    test(`what it decodes: ${JSON.stringify(shape)}`, () => {
      const random = new Random(seedOfRun());
      const framing = lengthField({ ...shape, maxFrameBytes: 300 });
      const sizes = [0, 1, 2, 5, 127, 128, 200];
      const least = shape.adjustment === 1 ? 1 : 0;
      const payloads = sizes.map((size) => random.bytes(Math.max(size, least)));
      expectRoundTrip(framing, payloads.slice(0, 4));
      expectRoundTrip(framing, payloads);
    });
  }

  test("the length into a head that the payload brings", () => {
    const framing = lengthField({ bytes: 2, offset: 1 });
    expect(hexOf(encodeFrame(framing, fromHex("ca0000aabb")))).toBe("ca0002aabb");
    expect(framing.check(fromHex("ca00"), 0, 2)).toBe(FRAMING_BAD_LENGTH);
    const half = lengthField({ bytes: 2, offset: 2, strip: 1 });
    expect(hexOf(encodeFrame(half, fromHex("ca0000aabb")))).toBe("00ca0002aabb");
    expectRoundTrip(half, [fromHex("ca0002aabb")]);
  });

  test("a part of an array, and nothing beyond its room", () => {
    const framing = lengthField({ bytes: 4 });
    const target = new Uint8Array(16).fill(0xee);
    expect(framing.check(hello, 2, 5)).toBe(FRAMING_OK);
    expect(framing.encodeHead(target, 5, hello, 2, 5)).toBe(9);
    expect(hexOf(target.subarray(4, 10))).toBe("ee00000003ee");
  });

  test("nothing that its peer would refuse", () => {
    const small = lengthField({ bytes: 1, maxFrameBytes: 1000 });
    expect(small.check(new Uint8Array(255), 0, 255)).toBe(FRAMING_OK);
    expect(small.check(new Uint8Array(256), 0, 256)).toBe(FRAMING_TOO_LONG);
    const capped = lengthField({ bytes: 4, maxFrameBytes: 8 });
    expect(capped.check(new Uint8Array(9), 0, 9)).toBe(FRAMING_TOO_LONG);
    const counting = lengthField({ bytes: 2, adjustment: 2 });
    expect(counting.check(new Uint8Array(1), 0, 1)).toBe(FRAMING_BAD_LENGTH);
    expect(() => encodeFrame(capped, new Uint8Array(9))).toThrow(
      new RangeError("Cannot send the frame: it is longer than maxFrameBytes"),
    );
  });
});

describe("lengthField options", () => {
  const cannot = (options: unknown) => () => lengthField(options as LengthFieldOptions);

  test("say what is wrong with them", () => {
    expect(cannot({ bytes: 5 })).toThrow(
      new RangeError(
        "Cannot use length-field framing with bytes 5: it must be one of 1, 2, 3, 4, 8",
      ),
    );
    expect(cannot({ bytes: 4, maxFrameBytes: 0 })).toThrow(
      new RangeError(
        "Cannot use length-field framing with maxFrameBytes 0: it must be 1..1073741824",
      ),
    );
  });

  test("are refused when they cannot work", () => {
    expect(cannot({})).toThrow(RangeError);
    expect(cannot({ bytes: "4" })).toThrow(RangeError);
    expect(cannot({ bytes: 4, maxFrameBytes: 2 ** 31 })).toThrow(RangeError);
    expect(cannot({ bytes: 4, maxFrameBytes: NaN })).toThrow(RangeError);
    expect(cannot({ bytes: 4, offset: -1 })).toThrow(RangeError);
    expect(cannot({ bytes: 4, offset: 5000 })).toThrow(RangeError);
    expect(cannot({ bytes: 4, adjustment: 0.5 })).toThrow(RangeError);
    expect(cannot({ bytes: 4, strip: -1 })).toThrow(RangeError);
    expect(cannot({ bytes: 4, endian: "middle" })).toThrow(RangeError);
    expect(cannot({ bytes: 8, offset: 8, maxFrameBytes: 10 })).toThrow(RangeError);
    expect(cannot({ bytes: "varint", strip: 1 })).toThrow(TypeError);
    expect(cannot({ bytes: "varint", offset: 4, maxFrameBytes: 4 })).toThrow("head does not fit");
  });
});

test("lengthField finds many frames in one chunk in their places", () => {
  const framing = lengthField({ bytes: 2 });
  const decoder = framing.createDecoder();
  const chunk = new Uint8Array(300 * 4);
  for (let frame = 0; frame < 300; frame++) chunk.set([0, 2, frame & 255, frame >> 8], frame * 4);
  let position = 0;
  for (let frame = 0; frame < 300; frame++) {
    expect(decoder.next(chunk, position, chunk.length)).toBe(FRAME_READY);
    expect(decoder.frameStart).toBe(frame * 4 + 2);
    expect(decoder.frameEnd).toBe(frame * 4 + 4);
    position = decoder.position;
  }
  expect(position).toBe(chunk.length);
});
