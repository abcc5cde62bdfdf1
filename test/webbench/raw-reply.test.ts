import { describe, expect, test } from "bun:test";
import {
  DelimiterReply,
  FRAME_BYTES_MAX,
  FRAME_TOO_LARGE,
  FrameReply,
  LengthReply,
} from "../../src/webbench/raw-reply.ts";
import {
  REPLY_DONE,
  REPLY_ERROR,
  REPLY_MORE,
  type ReplyReader,
} from "../../src/webbench/reply-reader.ts";

/** Ends of all whole replies in `bytes`, fed in pieces that end at `cuts`. */
function ends(reader: ReplyReader, bytes: Buffer, cuts: readonly number[]): number[] {
  const found: number[] = [];
  let from = 0;
  let isOpen = false;
  for (const to of [...cuts, bytes.length]) {
    while (from < to) {
      if (!isOpen) reader.begin(0);
      isOpen = true;
      const result = reader.read(bytes, from, to);
      from = reader.position;
      if (result !== REPLY_DONE) {
        expect([result, from]).toEqual([REPLY_MORE, to]);
        continue;
      }
      found.push(from);
      isOpen = false;
    }
  }
  return found;
}

const VECTORS: readonly (readonly [string, () => ReplyReader, Buffer, readonly number[]])[] = [
  ["a length", () => new LengthReply(3), Buffer.from("abcdefgh"), [3, 6]],
  ["a line", () => new DelimiterReply(Buffer.from("\n")), Buffer.from("a\n\nbc\nd"), [2, 3, 6]],
  // The delimiter begins again within a part of itself.
  ["a delimiter", () => new DelimiterReply(Buffer.from("aab")), Buffer.from("aaab_aab_aa"), [4, 8]],
  ["a periodic one", () => new DelimiterReply(Buffer.from("ababac")), Buffer.from("abababac"), [8]],
  ["frames", () => new FrameReply(2), Buffer.from("\0\x02xy\0\0\0\x01z\0", "latin1"), [4, 6, 9]],
  ["long prefixes", () => new FrameReply(4), Buffer.from("\0\0\0\x01a\0\0\0\0", "latin1"), [5, 9]],
];

describe("raw replies", () => {
  test.each(VECTORS)(
    "end by %s, whole, byte by byte and cut everywhere",
    (_, make, bytes, want) => {
      expect(ends(make(), bytes, [])).toEqual([...want]);
      const every = Array.from({ length: bytes.length - 1 }, (_each, at) => at + 1);
      expect(ends(make(), bytes, every)).toEqual([...want]);
      for (const cut of every) expect(ends(make(), bytes, [cut])).toEqual([...want]);
    },
  );

  test("count their bytes, and are incomplete when the connection ends", () => {
    const reader = new FrameReply(2);
    reader.begin(0);
    expect(reader.read(Buffer.from([0, 3, 1, 2, 3]), 0, 5)).toBe(REPLY_DONE);
    expect(reader.bodyBytes).toBe(5);
    expect(reader.finish()).toBe(REPLY_ERROR);
  });

  test("FrameReply takes an absurd length for a broken stream", () => {
    const reader = new FrameReply(4);
    reader.begin(0);
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(FRAME_BYTES_MAX + 1);
    expect(reader.read(prefix, 0, 4)).toBe(REPLY_ERROR);
    expect(reader.error).toBe(FRAME_TOO_LARGE);
  });
});
