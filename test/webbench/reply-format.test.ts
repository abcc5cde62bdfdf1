import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/core/assert.ts";
import { Http09Reply, HttpReply } from "../../src/webbench/http-reply.ts";
import { DelimiterReply, FrameReply, LengthReply } from "../../src/webbench/raw-reply.ts";
import { newReplyReader, RepeatedReply } from "../../src/webbench/reply-format.ts";

test("newReplyReader knows every format", () => {
  expect(newReplyReader({ kind: "http" })).toBeInstanceOf(HttpReply);
  expect(newReplyReader({ kind: "http09" })).toBeInstanceOf(Http09Reply);
  expect(newReplyReader({ kind: "length", bytes: 4 })).toBeInstanceOf(LengthReply);
  expect(newReplyReader({ kind: "delimiter", base64: "Cg==" })).toBeInstanceOf(DelimiterReply);
  expect(newReplyReader({ kind: "frame", prefixBytes: 4 })).toBeInstanceOf(FrameReply);
  expect(() => newReplyReader({ kind: "none" })).toThrow(AssertionError);
});

describe("RepeatedReply", () => {
  test("matches the very same bytes only", () => {
    const repeated = new RepeatedReply();
    expect(repeated.matches(Buffer.alloc(0))).toBe(false);
    repeated.remember(Buffer.from("answer"), 2, 200, 7);
    expect(repeated.matches(Buffer.from("answer"))).toBe(true);
    expect([repeated.count, repeated.status, repeated.bodyBytes]).toEqual([2, 200, 7]);
    for (const other of ["answeR", "answe", "answer!", ""]) {
      expect(repeated.matches(Buffer.from(other))).toBe(false);
    }
  });

  test("does not hold on to large pieces", () => {
    const repeated = new RepeatedReply();
    const large = Buffer.alloc(1 << 20);
    repeated.remember(large, 1, 200, 0);
    expect(repeated.matches(large)).toBe(false);
  });
});
