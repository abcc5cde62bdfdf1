import { expect, test } from "bun:test";
import {
  KIND_ACCEPT,
  KIND_FAILURE,
  KIND_NONE,
  KIND_RECEIVE,
  KIND_SEND,
  KIND_WRITABLE,
  kindOf,
  requestTag,
  valueOf,
} from "../../../src/net/uring/request-tag.ts";

test("a tag gives back its kind and its value, up to the largest", () => {
  const kinds = [KIND_ACCEPT, KIND_RECEIVE, KIND_SEND, KIND_WRITABLE, KIND_FAILURE];
  for (const kind of kinds) {
    for (const value of [0, 1, 1023, (1 << 20) - 1, 2 ** 28 - 1]) {
      const tag = requestTag(kind, value);
      expect(tag | 0).toBe(tag); // an int32
      expect([kindOf(tag), valueOf(tag)]).toEqual([kind, value]);
    }
  }
  expect(new Set(kinds).size).toBe(kinds.length);
});

test("nobody's tag is 0, as in memory that was never written", () => {
  expect(requestTag(KIND_NONE, 0)).toBe(0);
  expect(kindOf(0)).toBe(KIND_NONE);
});
