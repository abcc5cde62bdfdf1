import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { arenaShape } from "../../src/memory/arena-layout.ts";
import { LargeBlocks } from "../../src/memory/large-blocks.ts";
import { PageCache } from "../../src/memory/page-cache.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";

function create(): { large: LargeBlocks; pages: PageCache } {
  const memory = SharedMemory.reserve(arenaShape({ bytesMax: 8 * MIB, workers: 1, spread: 2 }));
  const pages = new PageCache(memory, 0);
  pages.format();
  return { large: new LargeBlocks(memory, pages, 0), pages };
}

test.each([65_537, 100_000, MIB, MIB + 1, 5 * MIB])(
  "LargeBlocks serves %d bytes in pages",
  (bytes) => {
    const { large, pages } = create();
    const address = large.allocate(bytes);
    expect(large.isBlock(address)).toBe(true);
    expect(large.bytes(address)).toBeGreaterThanOrEqual(bytes);
    expect(large.bytes(address) - bytes).toBeLessThan(8192);
    expect(large.free(address)).toBe(true);
    expect(large.free(address)).toBe(false);
    expect(pages.committedPages).toBe(pages.freePages);
  },
);

test("LargeBlocks knows no block inside a block, beside it, or nowhere", () => {
  const { large } = create();
  const address = large.allocate(100_000);
  for (const wrong of [0, address + 1, address + 1024, address + 13_312, 2 ** 31 - 1024, -1024]) {
    expect(large.isBlock(wrong)).toBe(false);
    expect(large.free(wrong)).toBe(false);
  }
});

test("LargeBlocks refuses with 0", () => {
  expect(create().large.allocate(9 * MIB)).toBe(0);
});
