import { expect, test } from "bun:test";
import { LATENCY_NAMES, LineSplitter } from "../../src/webbench/load-report.ts";

test("LineSplitter gives whole lines, wherever the stream is cut", () => {
  const text = '{"a":"\u00fc"}\n\nlast \u20ac\nno end';
  const bytes = Buffer.from(text);
  for (let first = 0; first <= bytes.length; first++) {
    for (const second of [first, bytes.length - 1]) {
      if (second < first) continue;
      const splitter = new LineSplitter();
      const pieces = [
        bytes.subarray(0, first),
        bytes.subarray(first, second),
        bytes.subarray(second),
      ];
      const lines = pieces.flatMap((piece) => splitter.push(piece));
      expect(lines).toEqual(text.split("\n").slice(0, -1));
    }
  }
});

test("LATENCY_NAMES are distinct", () => {
  expect(new Set(LATENCY_NAMES).size).toBe(LATENCY_NAMES.length);
});
