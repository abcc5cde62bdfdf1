import { expect, test } from "bun:test";
import {
  choiceOption,
  maxFrameBytesOption,
  wholeOption,
} from "../../../src/net/framing/framing-options.ts";

test("wholeOption takes whole numbers within the bounds and names the option otherwise", () => {
  expect(wholeOption("line", "size", 1, 1, 3)).toBe(1);
  expect(wholeOption("line", "size", 3, 1, 3)).toBe(3);
  for (const value of [0, 4, 1.5, NaN, Infinity, "2", null, undefined, 2n, {}]) {
    expect(() => wholeOption("line", "size", value, 1, 3)).toThrow(
      new RangeError(`Cannot use line framing with size ${String(value)}: it must be 1..3`),
    );
  }
});

test("maxFrameBytesOption has a default and a limit", () => {
  expect(maxFrameBytesOption("line", undefined)).toBe(1 << 20);
  expect(maxFrameBytesOption("line", 1 << 30)).toBe(1 << 30);
  expect(() => maxFrameBytesOption("line", (1 << 30) + 1)).toThrow(RangeError);
});

test("choiceOption takes one of the choices and names them all otherwise", () => {
  expect(choiceOption("line", "ending", "lf", ["lf", "crlf"])).toBe("lf");
  expect(() => choiceOption("line", "ending", "LF", ["lf", "crlf"])).toThrow(
    new RangeError("Cannot use line framing with ending LF: it must be one of lf, crlf"),
  );
});
