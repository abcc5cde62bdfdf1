import { describe, expect, test } from "bun:test";
import { encodeFrame } from "../../../src/net/framing/encode-frame.ts";
import {
  type Framing,
  FRAMING_HOLDS_DELIMITER,
  FRAMING_OK,
  FRAMING_TOO_LONG,
} from "../../../src/net/framing/framing.ts";
import { line, type LineOptions } from "../../../src/net/framing/line.ts";
import { latin1 } from "../../support/replay.ts";
import { textStory } from "./replay-frames.ts";

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

  test("refuses options that cannot work", () => {
    expect(() => line({ ending: "cr" } as unknown as LineOptions)).toThrow(
      new RangeError("Cannot use line framing with ending cr: it must be one of any, lf, crlf"),
    );
    expect(() => line({ maxFrameBytes: 0 })).toThrow(RangeError);
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
