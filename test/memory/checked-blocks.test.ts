// The security checklist, as a table that is run: what is caught at once, what is caught later
// (when the block is released or leaves quarantine), and what is not caught. src/memory/README.md
// prints it.

import { describe, expect, test } from "bun:test";

import { MIB } from "../../src/core/limits.ts";
import { Arena } from "../../src/memory/arena.ts";
import { BlockError } from "../../src/memory/block-error.ts";

type Verdict = "caught" | "late" | "not caught" | "harmless";

interface Case {
  name: string;
  /** In any arena, and in one with `checked: true`. */
  plain: Verdict;
  checked: Verdict;
  run: (arena: Arena) => void;
}

const view = (arena: Arena, address: number, bytes: number): Buffer => arena.view(address, bytes);

/** Blocks that are surely neighbours in their span. */
function neighbours(arena: Arena, bytes: number): [number, number] {
  const blocks = Array.from({ length: 64 }, () => arena.acquire(bytes)).sort((a, b) => a - b);
  const size = arena.sizeOf(blocks[0]!) / 8;
  const at = blocks.findIndex((address, index) => blocks[index + 1] === address + size);
  return [blocks[at]!, blocks[at + 1]!];
}

/** Writes outside of a block, as a stray write through a larger view would. */
function poke(arena: Arena, address: number, offset: number, bytes: number): void {
  new Uint8Array(arena.handle.segments[0]!, address * 8 + offset, bytes).fill(0x41);
}

function churn(arena: Arena, rounds: number, bytes: number): void {
  for (let round = 0; round < rounds; round++) arena.release(arena.acquire(bytes));
}

function twice(arena: Arena, bytes: number, between: () => void = () => {}): void {
  const address = arena.acquire(bytes);
  arena.release(address);
  between();
  arena.release(address);
}

function writeAfterFree(arena: Arena, bytes: number): void {
  const address = arena.acquire(bytes);
  arena.release(address);
  view(arena, address, bytes)[bytes >> 1] = 1;
}

function overflow(arena: Arena, bytes: number, by: number): void {
  const address = arena.acquire(bytes);
  poke(arena, address, bytes, by);
  arena.release(address);
}

function underflow(arena: Arena, by: number): void {
  const [low, high] = neighbours(arena, 240);
  poke(arena, high, -by, by);
  arena.release(high);
  arena.release(low);
}

function staleHandle(arena: Arena, reuse: boolean): void {
  const address = arena.acquire(100);
  const handle = arena.handleOf(address);
  arena.release(address);
  if (reuse) {
    arena.trim();
    for (let tries = 0; tries < 64; tries++) arena.acquire(100);
  }
  arena.resolve(handle);
}

function reuse(arena: Arena, bytes: number): void {
  const address = arena.acquire(bytes);
  arena.release(address);
  arena.acquire(bytes);
  arena.release(address);
}

const CASES: Case[] = [
  { name: "double free", plain: "caught", checked: "caught", run: (a) => twice(a, 64) },
  { name: "double free, tiny", plain: "caught", checked: "caught", run: (a) => twice(a, 8) },
  { name: "double free, large", plain: "caught", checked: "caught", run: (a) => twice(a, 100_000) },
  { name: "double free, huge", plain: "caught", checked: "caught", run: (a) => twice(a, 2 * MIB) },
  {
    name: "double free, 1,024 pairs between",
    plain: "caught",
    checked: "caught",
    run: (a) => twice(a, 512, () => churn(a, 1024, 640)),
  },
  {
    name: "double free, interleaved with another",
    plain: "caught",
    checked: "caught",
    run: (a) => {
      const [one, two] = [a.acquire(64), a.acquire(64)];
      a.release(one);
      a.release(two);
      a.release(one);
    },
  },
  {
    name: "double free after the span went back",
    plain: "caught",
    checked: "caught",
    run: (a) => twice(a, 64, () => void a.trim()),
  },
  {
    name: "double free after one reuse",
    plain: "not caught",
    checked: "caught",
    run: (a) => reuse(a, 64),
  },
  {
    name: "double free after reuse, large",
    plain: "not caught",
    checked: "caught",
    run: (a) => reuse(a, 100_000),
  },
  {
    name: "double free by another worker",
    plain: "caught",
    checked: "caught",
    run: (a) => {
      const address = a.acquire(64);
      Arena.attach(a.handle).release(address);
      a.release(address);
    },
  },
  { name: "free of 0", plain: "caught", checked: "caught", run: (a) => a.release(0) },
  { name: "free of a negative", plain: "caught", checked: "caught", run: (a) => a.release(-64) },
  { name: "free of NaN", plain: "caught", checked: "caught", run: (a) => a.release(Number.NaN) },
  { name: "free of a fraction", plain: "caught", checked: "caught", run: (a) => a.release(0.5) },
  {
    name: "free far outside",
    plain: "caught",
    checked: "caught",
    run: (a) => a.release(2 ** 31 - 8),
  },
  {
    name: "free of never acquired memory",
    plain: "caught",
    checked: "caught",
    run: (a) => a.release(a.acquire(64) + 4 * MIB),
  },
  {
    name: "free just behind a block",
    plain: "caught",
    checked: "caught",
    run: (a) => a.release(a.acquire(65_536) + 8192),
  },
  {
    name: "free inside a block, unaligned",
    plain: "caught",
    checked: "caught",
    run: (a) => a.release(a.acquire(64) + 1),
  },
  {
    name: "free inside a block, multiple of its cell",
    plain: "caught",
    checked: "caught",
    run: (a) => a.release(a.acquire(4096) + 64),
  },
  {
    name: "free inside a large block",
    plain: "caught",
    checked: "caught",
    run: (a) => a.release(a.acquire(100_000) + 1024),
  },
  {
    name: "free of another arena's block",
    plain: "caught",
    checked: "caught",
    run: (a) => a.release(Arena.create({ bytesMax: 64 * MIB, workers: 1 }).acquire(MIB)),
  },
  {
    name: "free with another size",
    plain: "caught",
    checked: "caught",
    run: (a) => a.release(a.acquire(100), 200),
  },
  {
    name: "free with another size, same class",
    plain: "not caught",
    checked: "caught",
    run: (a) => a.release(a.acquire(130), 131),
  },
  {
    name: "free with another size, large",
    plain: "caught",
    checked: "caught",
    run: (a) => a.release(a.acquire(100_000), 200_000),
  },
  {
    name: "overflow by 1 byte",
    plain: "not caught",
    checked: "late",
    run: (a) => overflow(a, 100, 1),
  },
  {
    name: "overflow by 32 bytes",
    plain: "not caught",
    checked: "late",
    run: (a) => overflow(a, 100, 32),
  },
  {
    name: "overflow by 1 byte, large",
    plain: "not caught",
    checked: "late",
    run: (a) => overflow(a, 100_000, 1),
  },
  {
    name: "overflow by 1 MiB",
    plain: "not caught",
    checked: "late",
    run: (a) => overflow(a, 100, MIB),
  },
  {
    name: "underflow by 1 byte",
    plain: "not caught",
    checked: "late",
    run: (a) => underflow(a, 1),
  },
  {
    name: "underflow by 32 bytes",
    plain: "not caught",
    checked: "late",
    run: (a) => underflow(a, 32),
  },
  {
    name: "write after free",
    plain: "not caught",
    checked: "late",
    run: (a) => {
      writeAfterFree(a, 100);
      a.trim();
    },
  },
  {
    name: "write after free, large",
    plain: "not caught",
    checked: "late",
    run: (a) => {
      writeAfterFree(a, 66_000);
      a.trim();
    },
  },
  {
    name: "write after free and many reuses",
    plain: "not caught",
    checked: "late",
    run: (a) => {
      writeAfterFree(a, 100);
      churn(a, 2000, 100);
    },
  },
  {
    name: "use of a handle after release",
    plain: "caught", // there are no handles to misuse
    checked: "caught",
    run: (a) => staleHandle(a, false),
  },
  {
    name: "use of a handle after reuse",
    plain: "caught",
    checked: "caught",
    run: (a) => staleHandle(a, true),
  },
  {
    name: "read after free through an old view",
    plain: "not caught",
    checked: "not caught", // but it reads 0xCD
    run: (a) => {
      const address = a.acquire(100);
      const old = view(a, address, 100);
      a.release(address);
      void old[0];
    },
  },
  {
    name: "acquire of an impossible size",
    plain: "caught",
    checked: "caught",
    run: (a) => void a.acquire(2 ** 45),
  },
  {
    name: "acquire above the limit",
    plain: "harmless",
    checked: "harmless",
    run: (a) => expect(a.acquire(60 * MIB)).toBe(0),
  },
  {
    name: "acquire of 0 bytes",
    plain: "harmless",
    checked: "harmless",
    run: (a) => a.release(a.acquire(0), 0),
  },
  {
    name: "a stray write cannot reach the allocator's state",
    plain: "harmless",
    checked: "harmless",
    run: (a) => {
      for (const segment of a.handle.segments) new Uint8Array(segment, 0, MIB).fill(0xff);
      a.acquire(64);
    },
  },
];

function outcome(run: (arena: Arena) => void, checked: boolean): "thrown" | "silent" {
  const arena = Arena.create({ bytesMax: 32 * MIB, workers: 3, checked });
  try {
    run(arena);
    return "silent";
  } catch (error) {
    const expected = [BlockError, RangeError, TypeError].some((kind) => error instanceof kind);
    if (!expected) throw error;
    return "thrown";
  }
}

test("the checklist has 40 cases", () => {
  expect(CASES).toHaveLength(40);
});

describe.each([false, true])("checklist, checked: %p", (checked) => {
  test.each(CASES)("$name", ({ run, plain, checked: verdict }) => {
    const wanted = checked ? verdict : plain;
    const found = wanted === "caught" || wanted === "late" ? "thrown" : "silent";
    expect(outcome(run, checked)).toBe(found);
  });
});

test("the table in src/memory/README.md is this one", async () => {
  const text = await Bun.file(new URL("../../src/memory/README.md", import.meta.url)).text();
  for (const { name, plain, checked } of CASES) {
    expect(text).toContain(`| ${name} | ${plain} | ${checked} |`);
  }
});

describe("a checked arena", () => {
  const create = (): Arena => Arena.create({ bytesMax: 32 * MIB, checked: true });

  test("fills new blocks with 0xAB and released ones with 0xCD", () => {
    const arena = create();
    const address = arena.acquire(100);
    const bytes = arena.view(address, 100);
    expect(() => arena.view(address, 101)).toThrow("behind its end");
    expect(bytes.every((byte) => byte === 0xab)).toBe(true);
    arena.release(address);
    expect(bytes.every((byte) => byte === 0xcd)).toBe(true);
    expect(() => arena.view(address, 100)).toThrow("released already");
  });

  test("keeps a released block out of use for a while", () => {
    const arena = create();
    const address = arena.acquire(100);
    arena.release(address);
    for (let index = 0; index < 500; index++) expect(arena.acquire(100)).not.toBe(address);
  });

  test("resolves the handle of a live block, in every worker", () => {
    const arena = create();
    const address = arena.acquire(100);
    const handle = arena.handleOf(address);
    expect(arena.resolve(handle)).toBe(address);
    expect(Arena.attach(arena.handle).resolve(handle)).toBe(address);
  });

  test.each([-1, 0, 0.5, Number.NaN, 2 ** 31, 2 ** 53])("does not resolve %d", (handle) => {
    expect(() => create().resolve(handle)).toThrow(BlockError);
  });

  test("gives quarantined blocks back before it refuses a request", () => {
    const arena = create();
    for (let index = 0; index < 9; index++) arena.release(arena.acquire(MIB));
    expect(arena.acquire(28 * MIB)).toBeGreaterThan(0);
  });
});
