import { describe, expect, test } from "bun:test";
import { delimiter, type DelimiterOptions } from "../../../src/net/framing/delimiter.ts";
import { encodeFrame } from "../../../src/net/framing/encode-frame.ts";
import { fixedLength } from "../../../src/net/framing/fixed-length.ts";
import {
  FRAME_MORE,
  FRAME_READY,
  type Framing,
  FRAMING_HOLDS_DELIMITER,
  FRAMING_OK,
  FRAMING_TOO_LONG,
  FRAMING_WRONG_LENGTH,
} from "../../../src/net/framing/framing.ts";
import { line, type LineOptions } from "../../../src/net/framing/line.ts";
import { raw } from "../../../src/net/framing/raw.ts";
import { Random, seedOfRun } from "../../support/random.ts";
import { latin1 } from "../../support/replay.ts";
import { decodeAll, decodeEveryCut, expectRoundTrip, hexOf } from "./replay-frames.ts";

const TOO_LONG = `error ${FRAMING_TOO_LONG}`;

/** The outcome, with frames as text: "ab|c|+1". */
function textStory(framing: Framing, stream: string): string {
  return decodeEveryCut(framing, latin1(stream))
    .replaceAll(/\b([0-9a-f]{2})+(?= |$)/g, (hex) => Buffer.from(hex, "hex").toString("latin1"))
    .replaceAll(TOO_LONG, "too-long")
    .replaceAll(" ", "|");
}

describe("line", () => {
  const max5 = (ending: "any" | "lf" | "crlf") => line({ ending, maxFrameBytes: 5 });

  test("any: ends at LF, with or without CR", () => {
    expect(textStory(line(), "ab\r\nc\n\n\r\nde")).toBe("ab|c|-|-|+2");
    expect(textStory(line(), "a\rb\r\r\n")).toBe("a\rb\r|+0");
    expect(textStory(line(), "")).toBe("+0");
  });

  test("any: allows the maximum and no byte more, the end not counted", () => {
    expect(textStory(max5("any"), "12345\n12345\r\n")).toBe("12345|12345|+0");
    expect(textStory(max5("any"), "123456")).toBe("too-long");
    expect(textStory(max5("any"), "12\n12345\rx\n")).toBe("12|too-long");
    expect(textStory(max5("any"), "12345\r")).toBe("+6");
    expect(textStory(max5("any"), "12345\r\r\n")).toBe("too-long");
    expect(textStory(max5("any"), "1234\r\r\n")).toBe("1234\r|+0");
  });

  test("lf: leaves CR alone", () => {
    expect(textStory(line({ ending: "lf" }), "ab\r\nc\n")).toBe("ab\r|c|+0");
    expect(textStory(max5("lf"), "1234\r\n12345\r\n")).toBe("1234\r|too-long");
  });

  test("crlf: a lone LF or CR is part of the line", () => {
    expect(textStory(line({ ending: "crlf" }), "a\nb\rc\r\n\r\r\n")).toBe("a\nb\rc|\r|+0");
    expect(textStory(max5("crlf"), "12345\r\n")).toBe("12345|+0");
    expect(textStory(max5("crlf"), "12345\r\r\n")).toBe("too-long");
  });

  test("does not send what would arrive as something else", () => {
    const check = (framing: Framing, text: string) =>
      framing.check(latin1(text), 0, latin1(text).length);
    expect(check(line(), "a\nb")).toBe(FRAMING_HOLDS_DELIMITER);
    expect(check(line(), "ab\r")).toBe(FRAMING_HOLDS_DELIMITER);
    expect(check(line({ ending: "lf" }), "ab\r")).toBe(FRAMING_OK);
    expect(check(line({ ending: "crlf" }), "a\r\nb")).toBe(FRAMING_HOLDS_DELIMITER);
    expect(check(line({ ending: "crlf" }), "a\nb\r")).toBe(FRAMING_OK);
    expect(check(max5("any"), "123456")).toBe(FRAMING_TOO_LONG);
    expect(() => encodeFrame(line(), latin1("a\nb"))).toThrow(
      new RangeError("Cannot send the frame: it contains the delimiter"),
    );
  });
});

describe("delimiter", () => {
  test("takes any bytes", () => {
    expect(textStory(delimiter({ delimiter: "\0" }), "ab\0\0c")).toBe("ab|-|+1");
    expect(textStory(delimiter({ delimiter: "END" }), "aENDENENDEEND")).toBe("a|EN|E|+0");
    expect(decodeEveryCut(delimiter({ delimiter: "é" }), Buffer.from("aéb\xc3é"))).toBe(
      `61 ${hexOf(Buffer.from("b\xc3"))} +0`,
    );
    const bytes = Uint8Array.of(0xff, 0x00, 0xff);
    expect(
      decodeEveryCut(delimiter({ delimiter: bytes }), Uint8Array.of(1, 255, 255, 0, 255)),
    ).toBe("01ff +0");
  });

  test("keeps its own copy of the delimiter", () => {
    const bytes = latin1("|");
    const framing = delimiter({ delimiter: bytes });
    bytes[0] = 65;
    expect(textStory(framing, "A|")).toBe("A|+0");
  });

  test("finds delimiters that overlap themselves, however they are cut", () => {
    expect(textStory(delimiter({ delimiter: "aab" }), "aaab")).toBe("a|+0");
    expect(textStory(delimiter({ delimiter: "abab" }), "abaabab")).toBe("aba|+0");
    expect(textStory(delimiter({ delimiter: "aaaa" }), "aaaaaaaaa")).toBe("-|-|+1");
  });

  test("counts a half delimiter neither for nor against the maximum", () => {
    const framing = delimiter({ delimiter: "xyz", maxFrameBytes: 3 });
    expect(textStory(framing, "123xyz")).toBe("123|+0");
    expect(textStory(framing, "123xy")).toBe("+5");
    expect(textStory(framing, "123xy1")).toBe("too-long");
    expect(textStory(framing, "1234")).toBe("too-long");
    expect(textStory(framing, "1234xyz")).toBe("too-long");
  });

  test("agrees with a plain search on streams of few letters", () => {
    const random = new Random(seedOfRun());
    for (let count = 0; count < 2_000; count++) {
      const text = Array.from({ length: random.below(40) }, () => random.pick(["a", "b"])).join("");
      const tail = Array.from({ length: random.between(1, 5) }, () => random.pick(["a", "b"]));
      const maxFrameBytes = random.between(1, 12);
      const framing = delimiter({ delimiter: tail.join(""), maxFrameBytes });
      const ends = [random.below(text.length + 1), random.below(text.length + 1), text.length];
      const outcome = decodeAll(
        framing,
        latin1(text),
        ends.toSorted((a, b) => a - b),
      );
      const expected = plainSplit(text, tail.join(""), maxFrameBytes);
      expect({ seed: random.seed, text, tail, maxFrameBytes, outcome }).toEqual({
        seed: random.seed,
        text,
        tail,
        maxFrameBytes,
        outcome: expected,
      });
    }
  });

  test("does not send a payload in which the delimiter begins or lies", () => {
    const random = new Random(seedOfRun());
    for (let count = 0; count < 2_000; count++) {
      const tail = Array.from({ length: random.between(1, 4) }, () => random.pick(["a", "b"]));
      const text = Array.from({ length: random.below(8) }, () => random.pick(["a", "b"])).join("");
      const framing = delimiter({ delimiter: tail.join("") });
      const arrives = decodeAll(framing, latin1(text + tail.join("")), [text.length + tail.length]);
      const isWhole = arrives === `${hexOf(latin1(text))} +0`;
      const code = framing.check(latin1(text), 0, text.length);
      expect({ seed: random.seed, tail, text, code }).toEqual({
        seed: random.seed,
        tail,
        text,
        code: isWhole ? FRAMING_OK : FRAMING_HOLDS_DELIMITER,
      });
    }
  });

  test("refuses options that cannot work", () => {
    const cannot = (options: unknown) => () => delimiter(options as DelimiterOptions);
    expect(cannot({})).toThrow(TypeError);
    expect(cannot({ delimiter: 10 })).toThrow(TypeError);
    expect(cannot({ delimiter: "x", maxFrameBytes: -1 })).toThrow(RangeError);
    expect(cannot({ delimiter: "x".repeat(257) })).toThrow(RangeError);
    expect(cannot({ delimiter: "" })).toThrow(
      new RangeError("Cannot use delimiter framing with 0 bytes of delimiter: it must be 1..256"),
    );
    expect(() => line({ ending: "cr" } as unknown as LineOptions)).toThrow(RangeError);
  });

  test("takes the longest delimiter", () => {
    const framing = delimiter({ delimiter: "a".repeat(256) });
    expect(textStory(framing, `b${"a".repeat(255)}b${"a".repeat(256)}`)).toBe(
      `b${"a".repeat(255)}b|+0`,
    );
  });
});

/** What the framing must do, by the words of its description. */
function plainSplit(text: string, tail: string, maxFrameBytes: number): string {
  const story: string[] = [];
  let from = 0;
  for (;;) {
    const at = text.indexOf(tail, from);
    const frame = text.slice(from, at < 0 ? text.length : at);
    if (at < 0) {
      let begun = 0; // of the rest, how much may yet turn out to be the delimiter
      for (let size = 1; size < tail.length; size++) {
        if (size <= frame.length && tail.startsWith(frame.slice(-size))) begun = size;
      }
      const isOver = frame.length - begun > maxFrameBytes;
      return [...story, isOver ? TOO_LONG : `+${frame.length}`].join(" ");
    }
    if (frame.length > maxFrameBytes) return [...story, TOO_LONG].join(" ");
    story.push(hexOf(latin1(frame)));
    from = at + tail.length;
  }
}

describe("fixedLength", () => {
  test("cuts the stream into equal frames", () => {
    expect(textStory(fixedLength({ frameBytes: 3 }), "abcdefgh")).toBe("abc|def|+2");
    expect(textStory(fixedLength({ frameBytes: 1 }), "ab")).toBe("a|b|+0");
  });

  test("sends nothing of another length", () => {
    const framing = fixedLength({ frameBytes: 3 });
    expect(framing.check(latin1("abc"), 0, 3)).toBe(FRAMING_OK);
    expect(framing.check(latin1("abcd"), 0, 4)).toBe(FRAMING_WRONG_LENGTH);
    expect(framing.check(latin1("abcd"), 1, 3)).toBe(FRAMING_WRONG_LENGTH);
    expect(() => encodeFrame(framing, latin1(""))).toThrow("it does not have the fixed length");
    expect(() => fixedLength({ frameBytes: 0 })).toThrow(RangeError);
    expect(() => fixedLength({ frameBytes: 2.5 })).toThrow(RangeError);
  });
});

describe("raw", () => {
  test("gives what has come, and nothing when nothing has", () => {
    expect(decodeAll(raw(), latin1("abc"), [1, 3])).toBe("61 6263 +0");
    expect(raw().createDecoder().next(new Uint8Array(4), 2, 2)).toBe(FRAME_MORE);
    expect(hexOf(encodeFrame(raw(), latin1("ab")))).toBe("6162");
  });
});

describe("every framing", () => {
  const random = new Random(seedOfRun());
  const payloads = [3, 3, 3].map((size) => random.bytes(size).map((byte) => (byte & 63) + 64));
  const framings: Framing[] = [
    line(),
    line({ ending: "crlf" }),
    delimiter({ delimiter: "\0\0" }),
    fixedLength({ frameBytes: 3 }),
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
});
