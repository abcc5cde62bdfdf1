// Limits that depend on each other. What each one does is tested where it is met.

import { describe, expect, test } from "bun:test";
import * as limits from "../../src/core/limits.ts";

describe("limits", () => {
  test("every one is a whole number above 0, or a share", () => {
    for (const [name, value] of Object.entries(limits)) {
      if (typeof value !== "number") continue;
      const isShare = /_SHARE(_|$)/.test(name);
      const isRight = isShare ? value > 0 && value < 1 : Number.isSafeInteger(value) && value > 0;
      expect([name, isRight]).toEqual([name, true]);
    }
  });

  test("io_buf classes ascend, in whole pages, and are a power of two each", () => {
    const classes = limits.IO_BUF_CLASS_BYTES;
    expect(classes[0]).toBe(4096);
    expect(classes.at(-1)).toBe(8 * limits.MIB);
    classes.forEach((bytes, index) => {
      expect(Number.isInteger(Math.log2(bytes))).toBe(true);
      if (index > 0) expect(bytes).toBeGreaterThan(classes[index - 1]!);
    });
  });

  test("water marks stand below each other, and the cap below the least memory", () => {
    expect(limits.OUTPUT_LOW_WATER_BYTES).toBeLessThan(limits.OUTPUT_HIGH_WATER_BYTES);
    expect(limits.OUTPUT_HIGH_WATER_BYTES).toBeLessThan(limits.OUTPUT_CAP_BYTES);
    expect(limits.OUTPUT_CAP_BYTES).toBeLessThanOrEqual(limits.MEMORY_LIMIT_BYTES_MIN);
    expect(limits.MEMORY_LIMIT_BYTES_MIN).toBeLessThan(limits.MEMORY_LIMIT_BYTES_DEFAULT);
  });

  test("what must be held whole fits into the waiting input", () => {
    expect(limits.HEADER_BYTES_MAX).toBeLessThanOrEqual(limits.HEAD_BYTES_MAX);
    expect(limits.TARGET_BYTES_MAX).toBeLessThan(limits.HEAD_BYTES_MAX);
    for (const bytes of [limits.HEAD_BYTES_MAX, limits.CHUNK_LINE_BYTES_MAX]) {
      expect(bytes).toBeLessThan(limits.INPUT_HIGH_WATER_BYTES);
    }
  });

  test("ranges have their default within", () => {
    expect(limits.RESPAWN_BACKOFF_MIN_MS).toBeLessThan(limits.RESPAWN_BACKOFF_MAX_MS);
    expect(limits.DRAIN_QUIET_STOP_MS).toBeLessThan(limits.DRAIN_TIMEOUT_MS);
    expect(limits.LINGER_MS).toBeLessThan(limits.DRAIN_TIMEOUT_MS);
  });
});
