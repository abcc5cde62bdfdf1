import { describe, expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { arenaShape } from "../../src/memory/arena-layout.ts";
import { BlockMarks, MARK_CACHED, MARK_FREE, OWNER_NONE } from "../../src/memory/block-marks.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";

const memory = SharedMemory.reserve(arenaShape({ bytesMax: MIB, workers: 1, spread: 1 }));
const marks = new BlockMarks(memory);

describe.each([false, true])("BlockMarks, tiny: %p", (tiny) => {
  test("is in use at exactly the address it was written for", () => {
    marks.writeInUse(2051, tiny, 17);
    for (let address = 2040; address < 2064; address++) {
      expect(marks.isInUse(address, tiny)).toBe(address === 2051);
    }
    expect(marks.owner(2051, tiny)).toBe(17);
    marks.write(2051, tiny, MARK_CACHED);
    expect(marks.isInUse(2051, tiny)).toBe(false);
  });

  test("holds every owner, none included", () => {
    for (const owner of [0, 1, 249, OWNER_NONE]) {
      marks.writeInUse(4096, tiny, owner);
      expect(marks.owner(4096, tiny)).toBe(owner);
      expect(marks.isInUse(4096, tiny)).toBe(true);
    }
  });

  test("no state but in use looks like it", () => {
    for (let state = 0; state <= 3; state++) {
      marks.write(4096, tiny, state);
      expect(marks.isInUse(4096, tiny)).toBe(false);
    }
  });

  test("replace changes a mark only if it is as seen", () => {
    marks.write(4096, tiny, MARK_FREE);
    expect(marks.replace(4096, tiny, MARK_CACHED, MARK_FREE)).toBe(false);
    expect(marks.replace(4096, tiny, MARK_FREE, MARK_CACHED)).toBe(true);
    expect(marks.read(4096, tiny)).toBe(MARK_CACHED);
  });

  test("clear forgets a page and nothing beside it", () => {
    for (const address of [3064, 3072, 4088, 4096]) marks.write(address, tiny, MARK_FREE);
    marks.clear(3072, 1024, tiny);
    const left = [3064, 3072, 4088, 4096].map((address) => marks.read(address, tiny));
    expect(left).toEqual([MARK_FREE, 0, 0, MARK_FREE]);
  });
});
