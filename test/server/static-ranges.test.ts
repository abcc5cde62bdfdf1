// Range fields by RFC 9110 section 14: invalid ones are ignored, hostile ones too, and what is left
// is inside the representation and does not overlap.

import { describe, expect, test } from "bun:test";
import {
  contentRange,
  frameRanges,
  parseRanges,
  RANGES_IGNORED,
  RANGES_MAX,
  RANGES_UNSATISFIABLE,
} from "../../src/server/static-ranges.ts";
import { Random, seedOfRun } from "../support/random.ts";

/** "a-b" for each range, the last byte included. */
function shown(field: string, size: number): string {
  const ranges = parseRanges(field, size);
  if (typeof ranges === "number") return ranges === RANGES_IGNORED ? "ignored" : "unsatisfiable";
  return ranges.map(({ start, end }) => `${start}-${end - 1}`).join(" ");
}

describe("parseRanges", () => {
  test.each([
    ["bytes=0-0", "0-0"],
    ["bytes=0-", "0-99"],
    ["bytes=5-9", "5-9"],
    ["bytes=-5", "95-99"],
    ["bytes=-100", "0-99"],
    ["bytes=-101", "0-99"], // a suffix longer than the whole is the whole
    ["bytes=-99999999999999999999999", "0-99"],
    ["bytes=90-200", "90-99"],
    ["bytes=0-99999999999999999999999", "0-99"],
    ["BYTES=1-2", "1-2"],
    ["bytes= 1-2 ,\t4-5", "1-2 4-5"],
    ["bytes=,1-2,,", "1-2"],
    ["bytes=50-60,0-5", "50-60 0-5"],
    ["bytes=0-5,3-9", "0-9"],
    ["bytes=0-4,5-9", "0-9"],
    ["bytes=0-1,8-9,0-9", "0-9"],
    ["bytes=200-300,5-6", "5-6"],
    ["bytes=-0,5-6", "5-6"],
    ["bytes=9007199254740992-9007199254740992,-1", "99-99"], // where adding one does nothing
  ])("reads %p", (field, ranges) => {
    expect(shown(field, 100)).toBe(ranges);
  });

  test.each([
    "",
    "bytes",
    "bytes=",
    "bytes=,",
    "bytes=-",
    "bytes=a-b",
    "bytes=1-2x",
    "bytes=0x1-5",
    "bytes=1.5-2",
    "bytes=+1-2",
    "bytes=--1",
    "bytes=1--2",
    "bytes=5-4",
    "bytes=1 - 2",
    "bytes=1-2;3-4",
    "bytes 1-2",
    "items=0-5",
    "bytes=0-1,x",
    `bytes=${"0-0,".repeat(RANGES_MAX)}2-2`,
    `bytes=0-${"9".repeat(2000)}`,
  ])("ignores %p", (field) => {
    expect(shown(field, 100)).toBe("ignored");
  });

  test.each(["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=500-600,100-"])(
    "finds nothing for %p",
    (field) => {
      expect(parseRanges(field, 100)).toBe(RANGES_UNSATISFIABLE);
    },
  );

  test("gives just the bytes that were asked for, each once", () => {
    const random = new Random(seedOfRun());
    for (let run = 0; run < 5_000; run++) {
      const size = random.between(1, 40);
      const parts = Array.from({ length: random.between(1, 8) }, () => {
        const start = random.below(50);
        return `${start}-${start + random.below(10)}`;
      });
      const wanted = new Set<number>();
      for (const part of parts) {
        const [start, last] = part.split("-").map(Number);
        for (let at = start!; at <= Math.min(last!, size - 1); at++) wanted.add(at);
      }
      const ranges = parseRanges(`bytes=${parts.join(",")}`, size);
      const got: number[] = [];
      if (typeof ranges !== "number") {
        for (const { start, end } of ranges) for (let at = start; at < end; at++) got.push(at);
      }
      const same = got.length === wanted.size && got.every((at) => wanted.has(at));
      if (!same) throw new Error(`seed ${random.seed}: ${parts.join(",")} of ${size}: ${got}`);
    }
  });
});

test("contentRange names a range, or the size where there is none", () => {
  expect(contentRange({ start: 2, end: 5 }, 9)).toBe("bytes 2-4/9");
  expect(contentRange(null, 9)).toBe("bytes */9");
});

test("frameRanges tells the length of the whole", () => {
  const ranges = [
    { start: 0, end: 3 },
    { start: 7, end: 8 },
  ];
  const frame = frameRanges(ranges, 10, "text/plain", "B");
  const text = frame.heads.map((head) => head.toString()).join("|") + frame.tail.toString();
  expect(frame.length).toBe(text.length - 1 + 4);
  expect(text).toContain("\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-2/10");
  expect(text.endsWith("\r\n--B--\r\n")).toBe(true);
});

test("parseRanges gives all of an empty file for its last bytes, and nothing else of it", () => {
  expect(shown("bytes=-5", 0)).toBe("ignored");
  for (const field of ["bytes=0-", "bytes=0-0", "bytes=-0"]) {
    expect(shown(field, 0)).toBe("unsatisfiable");
  }
});
