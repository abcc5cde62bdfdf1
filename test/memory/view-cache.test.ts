import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { arenaShape } from "../../src/memory/arena-layout.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { ViewCache } from "../../src/memory/view-cache.ts";

const memory = SharedMemory.reserve(arenaShape({ bytesMax: 8 * MIB, workers: 1, spread: 1 }));

test("ViewCache gives the right window for every address, cached or not", () => {
  const views = new ViewCache(memory);
  for (let round = 0; round < 2; round++) {
    for (let address = 1024; address < 1_000_000; address += 1031) {
      const view = views.get(address, 24);
      expect(view.length).toBe(24);
      expect(view.byteOffset).toBe(address * 8);
    }
  }
});

test("ViewCache keeps a view, and drops it for another length", () => {
  const views = new ViewCache(memory);
  const view = views.get(2048, 64);
  expect(views.get(2048, 64)).toBe(view);
  expect(views.get(2048, 65)).not.toBe(view);
  expect(views.get(2048, 64)).not.toBe(view);
});
