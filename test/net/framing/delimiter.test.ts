import { describe, expect, test } from "bun:test";
import { delimiter, type DelimiterOptions } from "../../../src/net/framing/delimiter.ts";
import {
  FRAMING_HOLDS_DELIMITER,
  FRAMING_OK,
  FRAMING_TOO_LONG,
} from "../../../src/net/framing/framing.ts";
import { Random, seedOfRun } from "../../support/random.ts";
import { latin1 } from "../../support/replay.ts";
import { decodeAll, decodeEveryCut, hexOf, textStory } from "./replay-frames.ts";

const TOO_LONG = `error ${FRAMING_TOO_LONG}`;

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
