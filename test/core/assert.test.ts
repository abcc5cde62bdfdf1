// assert: our own mistakes throw AssertionError with a constant text.

import { describe, expect, test } from "bun:test";
import { assert, AssertionError, unreachable } from "../../src/core/assert.ts";

describe("assert", () => {
  test("passes on true and throws on false, with the text alone", () => {
    expect(() => assert(true, "never")).not.toThrow();
    expect(() => assert(false, "size differs")).toThrow(new AssertionError("size differs"));
  });

  test("unreachable always throws", () => {
    expect(() => unreachable("no such state")).toThrow(AssertionError);
  });

  test("AssertionError is told apart by its class and by its name", () => {
    const error = new AssertionError("x");
    expect([error instanceof Error, error.name]).toEqual([true, "AssertionError"]);
  });
});
