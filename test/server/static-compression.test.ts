// Compression on the fly: every coding gives the text back, and what is of no use is not kept.

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, test } from "bun:test";
import { CODING_BR, CODING_GZIP, CODING_ZSTD } from "../../src/server/static-codings.ts";
import { Compressor } from "../../src/server/static-compression.ts";
import { Random, seedOfRun } from "../support/random.ts";

const TEXT = Buffer.from("<p>Hello, World!</p>\n".repeat(500));
const BACK = [null, brotliDecompressSync, zstdDecompressSync, gunzipSync] as const;

describe("Compressor", () => {
  test("makes text smaller in every coding, and nothing else of it", async () => {
    const compressor = new Compressor();
    for (const coding of [CODING_BR, CODING_ZSTD, CODING_GZIP]) {
      const result = (await compressor.compress(TEXT, coding))!;
      expect(result.length).toBeLessThan(TEXT.length / 10);
      expect(BACK[coding]!(result).equals(TEXT)).toBe(true);
    }
  });

  test("gives null for what does not get smaller", async () => {
    const noise = Buffer.from(new Random(seedOfRun()).bytes(10_000));
    const compressor = new Compressor();
    for (const coding of [CODING_BR, CODING_ZSTD, CODING_GZIP]) {
      expect(await compressor.compress(noise, coding)).toBeNull();
    }
  });

  test("is busy while several run, and not after", async () => {
    const compressor = new Compressor();
    expect(compressor.isBusy).toBe(false);
    const running = [1, 2, 3, 4].map(() => compressor.compress(TEXT, CODING_GZIP));
    expect(compressor.isBusy).toBe(true);
    await Promise.all(running);
    expect(compressor.isBusy).toBe(false);
  });
});
