import { describe, expect, test } from "bun:test";

import { GIB, MIB } from "../../src/core/limits.ts";
import {
  ARENA_BYTES_MAX,
  RECORD_WORDS,
  arenaLayout,
  arenaShape,
} from "../../src/memory/arena-layout.ts";

const SHAPES = [
  arenaShape({ bytesMax: MIB, workers: 1, spread: 1 }),
  arenaShape({ bytesMax: 512 * MIB, workers: 16, spread: 2 }),
  arenaShape({ bytesMax: 20 * MIB, workers: 3, spread: 1, segmentShift: 20 }),
  arenaShape({ bytesMax: ARENA_BYTES_MAX, workers: 250, spread: 2 }),
  arenaShape({ bytesMax: 64 * MIB, workers: 2, spread: 2, scheme: "geometric" }),
];

describe.each(SHAPES)("arenaLayout of %j", (shape) => {
  const layout = arenaLayout(shape);

  test("gives each region words of its own", () => {
    const starts = [
      layout.heap,
      ...layout.classBase,
      ...layout.transferBase.subarray(1),
      ...layout.workerBase,
      layout.records,
      layout.records + (shape.pages + 1) * RECORD_WORDS,
    ];
    for (let index = 1; index < starts.length; index++) {
      expect(starts[index]!).toBeGreaterThan(starts[index - 1]!);
    }
    expect(layout.pageClassByte / 4).toBeGreaterThanOrEqual(starts.at(-1)!);
  });

  test("starts every region on a cache line", () => {
    for (const start of [layout.heap, ...layout.classBase, ...layout.workerBase]) {
      expect(start % 16).toBe(0);
    }
  });

  test("fits every buffer into 4 GiB", () => {
    const { controlBytes, marksBytes, tinyMarksBytes, segmentBytes } = layout;
    for (const bytes of [controlBytes, marksBytes, tinyMarksBytes, ...segmentBytes]) {
      expect(bytes).toBeLessThanOrEqual(4 * GIB);
    }
  });

  test("moves whole batches", () => {
    const { batch, count } = layout.classes;
    for (let index = 1; index <= count; index++) {
      expect(layout.transferMax[index]! % batch[index]!).toBe(0);
      expect(layout.listMax[index]!).toBeGreaterThanOrEqual(batch[index]!);
    }
  });
});

test("arenaShape never promises more pages than it reserves", () => {
  for (const shape of SHAPES) expect(shape.pagesMax).toBeLessThan(shape.pages);
});
