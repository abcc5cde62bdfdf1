import { expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { Arena } from "../../src/memory/arena.ts";
import { BlockError, faultOf } from "../../src/memory/block-error.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { SpanTable } from "../../src/memory/span-table.ts";

test("BlockError says what is wrong with which block, for programs and for people", () => {
  const error = new BlockError("double-free", "release", 4711);
  expect(error.message).toBe("Cannot release block 4711: it was released already");
  expect([error.code, error.fault, error.address]).toEqual(["ERR_BLOCK", "double-free", 4711]);
  expect(error).toBeInstanceOf(Error);
});

test("faultOf tells apart what was released, what is inside, and what never was", () => {
  const arena = Arena.create({ bytesMax: 16 * MIB });
  const memory = new SharedMemory(arena.handle);
  const spans = new SpanTable(memory);
  const [small, large] = [arena.acquire(1024), arena.acquire(500_000)];
  arena.release(small);
  expect(faultOf(memory, spans, small)).toBe("double-free");
  expect(faultOf(memory, spans, small + 3)).toBe("interior-free");
  expect(faultOf(memory, spans, large + 2048 * 20)).toBe("interior-free");
  for (const address of [0, -1, 0.5, Number.NaN, 2 ** 31, 2 ** 40]) {
    expect(faultOf(memory, spans, address)).toBe("foreign-free");
  }
});
