import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { SystemMemory, canReleasePages } from "../../src/memory/system-memory.ts";

test("SystemMemory gives back exactly the range it is asked to, and it reads as zeros", () => {
  const segments = [new Uint8Array(new SharedArrayBuffer(MIB)), new Uint8Array(0)];
  const [segment] = segments;
  segment!.fill(9);
  const given = new SystemMemory(segments).release(0, 65_536, 131_072);
  expect(given).toBe(canReleasePages());
  if (!given) return;
  expect(segment![65_535]).toBe(9);
  expect(segment!.subarray(65_536, 196_608).every((byte) => byte === 0)).toBe(true);
  expect(segment![196_608]).toBe(9);
});

test("SystemMemory does nothing for a segment it does not know", () => {
  expect(new SystemMemory([]).release(0, 0, 8192)).toBe(false);
});
