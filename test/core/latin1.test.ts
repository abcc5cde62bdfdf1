// Strings and bytes, one byte a character, at the edges of their ranges.

import { describe, expect, test } from "bun:test";
import { latin1Slice, latin1Write, utf8Write } from "../../src/core/latin1.ts";

const ALL: string = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));

describe("latin1", () => {
  test("every byte is its character, both ways", () => {
    const bytes = Buffer.alloc(258, 0x2e);
    expect(latin1Write(bytes, ALL, 1)).toBe(256);
    for (let code = 0; code < 256; code++) expect(bytes[1 + code]).toBe(code);
    expect(latin1Slice(bytes, 1, 257)).toBe(ALL);
    expect([bytes[0], bytes[257]]).toEqual([0x2e, 0x2e]);
  });

  test("slices nothing, a part, and to the end", () => {
    const bytes = Buffer.from("abc");
    expect([latin1Slice(bytes, 1, 1), latin1Slice(bytes, 1, 2), latin1Slice(bytes, 0, 3)]).toEqual([
      ...["", "b", "abc"],
    ]);
  });

  test("writes what fits and says how much, never past the end", () => {
    const bytes = Buffer.alloc(4, 0x2e);
    expect(latin1Write(bytes, "abcdef", 2)).toBe(2);
    expect(bytes.toString()).toBe("..ab");
    expect(latin1Write(bytes, "", 4)).toBe(0);
  });

  test("works on views of shared memory", () => {
    const bytes = Buffer.from(new SharedArrayBuffer(8));
    expect(latin1Write(bytes, "shared", 1)).toBe(6);
    expect(latin1Slice(bytes, 1, 7)).toBe("shared");
    expect(utf8Write(bytes, "é", 0)).toBe(2);
  });
});

describe("utf8Write", () => {
  test("writes every width and counts bytes, not characters", () => {
    for (const text of ["", "a", "é", "漢", "\u{1f600}", "aé漢\u{1f600}", "x".repeat(1000)]) {
      const bytes = Buffer.alloc(1100, 0x2e);
      const expected = Buffer.from(text);
      expect(utf8Write(bytes, text, 3)).toBe(expected.length);
      expect(Buffer.compare(bytes.subarray(3, 3 + expected.length), expected)).toBe(0);
      expect(bytes[3 + expected.length]).toBe(0x2e);
    }
  });

  test("never splits a character at the end of the room", () => {
    const bytes = Buffer.alloc(4, 0x2e);
    expect(utf8Write(bytes, "ab漢", 0)).toBe(2);
    expect(bytes.toString()).toBe("ab..");
  });

  test("a lone surrogate becomes the replacement character, as byteLength counts it", () => {
    const bytes = Buffer.alloc(8);
    expect(utf8Write(bytes, "\ud800", 0)).toBe(Buffer.byteLength("\ud800"));
    expect(bytes.toString("utf8", 0, 3)).toBe("\ufffd");
  });
});
