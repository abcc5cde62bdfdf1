import { describe, expect, test } from "bun:test";
import { encodeFrame } from "../../../src/net/framing/encode-frame.ts";
import { fixedLength } from "../../../src/net/framing/fixed-length.ts";
import { FRAMING_OK, FRAMING_WRONG_LENGTH } from "../../../src/net/framing/framing.ts";
import { latin1 } from "../../support/replay.ts";
import { textStory } from "./replay-frames.ts";

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
