// MillraceError and messageOf: what users see, with a code for programs and a cause for both.

import { describe, expect, test } from "bun:test";
import { framesOf, messageOf, MillraceError } from "../../src/core/errors.ts";

describe("MillraceError", () => {
  test("carries code, message and cause", () => {
    const cause = new Error("EADDRINUSE");
    const error = new MillraceError("ERR_LISTEN", "Cannot listen on :80", cause);
    expect([error.name, error.code, error.message]).toEqual([
      "MillraceError",
      "ERR_LISTEN",
      "Cannot listen on :80",
    ]);
    expect(error.cause).toBe(cause);
    expect(error instanceof Error).toBe(true);
  });

  test("has no cause unless one is given, but takes null for one", () => {
    expect("cause" in new MillraceError("ERR_USAGE", "x")).toBe(false);
    expect(new MillraceError("ERR_USAGE", "x", null).cause).toBeNull();
  });
});

describe("messageOf", () => {
  test("reads anything that can be thrown", () => {
    const thrown = [new TypeError("bad"), "text", undefined, null, 7, { a: 1 }, Symbol("s")];
    expect(thrown.map(messageOf)).toEqual([
      ...["bad", "text", "undefined", "null", "7", "[object Object]", "Symbol(s)"],
    ]);
  });

  test("gives no stack", () => {
    expect(messageOf(new Error("one line"))).toBe("one line");
  });
});

describe("framesOf", () => {
  test("gives the frames alone, nearest first", () => {
    const frames = framesOf(new Error("two\nlines at work"));
    expect(frames[0]).toContain("errors.test.ts");
    expect(frames.every((frame) => frame.startsWith("at "))).toBe(true);
  });

  test("has none for what carries no stack", () => {
    const bare = new Error("x");
    delete bare.stack;
    expect([framesOf(bare), framesOf("at home"), framesOf(null)]).toEqual([[], [], []]);
  });
});
