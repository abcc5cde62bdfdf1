import { describe, expect, test } from "bun:test";

import { PAGE_BYTES, SMALL_BYTES_MAX } from "../../src/memory/address.ts";
import {
  alignedSizes,
  buildSizeClasses,
  geometricSizes,
  lookupIndex,
} from "../../src/memory/size-classes.ts";

const TABLES = [
  { name: "aligned", sizes: alignedSizes() },
  { name: "geometric", sizes: geometricSizes(4) },
];

describe.each(TABLES)("size classes, $name", ({ sizes }) => {
  const classes = buildSizeClasses(sizes);

  test("every request gets the smallest class that holds it", () => {
    for (let bytes = 0; bytes <= SMALL_BYTES_MAX; bytes++) {
      const index = classes.lookup[lookupIndex(bytes)]!;
      const fits = classes.bytes[index]! >= bytes;
      const smallest = index === 1 || classes.bytes[index - 1]! < bytes;
      if (!fits || !smallest) throw new Error(`request ${bytes} got class ${index}`);
    }
  });

  test("every span wastes at most 1/8 and holds a quarter of a batch", () => {
    for (let index = 1; index <= classes.count; index++) {
      const spanBytes = classes.spanPages[index]! * PAGE_BYTES;
      const waste = spanBytes - classes.spanBlocks[index]! * classes.bytes[index]!;
      expect(waste).toBeLessThanOrEqual(spanBytes / 8);
      expect(waste).toBeLessThan(classes.bytes[index]!);
      expect(classes.spanBlocks[index]!).toBeGreaterThanOrEqual(classes.batch[index]! >> 2);
      expect(classes.spanBlocks[index]!).toBeGreaterThan(0);
    }
  });

  test("every size is whole granules", () => {
    for (let index = 1; index <= classes.count; index++) {
      expect(classes.granules[index]! * 8).toBe(classes.bytes[index]!);
    }
  });

  test("tiny classes are those below a mark cell", () => {
    expect(classes.bytes[classes.tinyLast]!).toBe(56);
    expect(classes.bytes[classes.tinyLast + 1]!).toBe(64);
  });
});

test("alignedSizes makes 240 classes that waste at most 12.5 % above 128 bytes", () => {
  const classes = buildSizeClasses(alignedSizes());
  expect(classes.count).toBe(240);
  for (let bytes = 129; bytes <= SMALL_BYTES_MAX; bytes++) {
    const size = classes.bytes[classes.lookup[lookupIndex(bytes)]!]!;
    if ((size - bytes) / size > 0.125) throw new Error(`request ${bytes} wastes ${size - bytes}`);
  }
});

test("geometricSizes makes four classes a doubling that waste at most 20 %", () => {
  const classes = buildSizeClasses(geometricSizes(4));
  expect(classes.count).toBeLessThan(64);
  for (let bytes = 129; bytes <= SMALL_BYTES_MAX; bytes++) {
    const size = classes.bytes[classes.lookup[lookupIndex(bytes)]!]!;
    if ((size - bytes) / size > 0.2) throw new Error(`request ${bytes} wastes ${size - bytes}`);
  }
});

test("buildSizeClasses refuses a table that does not end at 64 KiB or has no tiny class", () => {
  expect(() => buildSizeClasses([56, 64, 1024])).toThrow("the last class");
  expect(() => buildSizeClasses([64, 65_536])).toThrow("tiny");
  expect(() => buildSizeClasses([])).toThrow();
});
