import { afterEach, describe, expect, test } from "bun:test";

import { GIB, KIB, MIB } from "../../src/core/limits.ts";
import { PAGE_BYTES } from "../../src/memory/address.ts";
import { auditArena } from "../../src/memory/arena-audit.ts";
import { accountedBytes } from "../../src/memory/arena-stats.ts";
import { Arena } from "../../src/memory/arena.ts";
import { BlockError, type BlockFault } from "../../src/memory/block-error.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { canReleasePages } from "../../src/memory/system-memory.ts";

const SIZES = [0, 1, 8, 9, 56, 57, 64, 65, 1024, 1025, 4096, 65_536, 65_537, MIB, MIB + 1, 3 * MIB];

let audited: Arena | undefined;

function create(options: Parameters<typeof Arena.create>[0] = {}): Arena {
  audited = Arena.create({ bytesMax: 16 * MIB, workers: 4, ...options });
  return audited;
}

afterEach(() => {
  if (audited !== undefined) auditArena(new SharedMemory(audited.handle));
  audited = undefined;
});

function faultOf(run: () => void): BlockFault | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof BlockError) return error.fault;
    throw error;
  }
  return undefined;
}

describe("Arena", () => {
  test.each(SIZES)("acquire(%d) gives a block of at least that size, alone", (bytes) => {
    const arena = create();
    const addresses = [arena.acquire(bytes), arena.acquire(bytes)];
    for (const [index, address] of addresses.entries()) {
      expect(address).toBeGreaterThan(0);
      expect(arena.sizeOf(address)).toBeGreaterThanOrEqual(bytes);
      arena.view(address, bytes).fill(index + 1);
    }
    expect(arena.view(addresses[0]!, bytes).every((byte) => byte === 1)).toBe(true);
    for (const address of addresses) arena.release(address);
    expect(arena.bytesInUse).toBe(0);
  });

  test("acquire reuses what was released last", () => {
    const arena = create();
    const address = arena.acquire(4096);
    arena.release(address);
    expect(arena.acquire(4096)).toBe(address);
  });

  test("bytesInUse counts real sizes", () => {
    const arena = create();
    arena.acquire(129);
    expect(arena.bytesInUse).toBe(144);
    arena.acquire(65_537);
    expect(arena.bytesInUse).toBe(144 + 9 * PAGE_BYTES);
  });

  test("view gives the same object for the same range, and another for another", () => {
    const arena = create();
    const address = arena.acquire(100);
    const view = arena.view(address, 100);
    expect(arena.view(address, 100)).toBe(view);
    expect(arena.view(address, 50)).not.toBe(view);
    expect(arena.view(address, 50)).toHaveLength(50);
  });

  test("a block can be released through another door than its own, at any size", () => {
    const arena = create();
    const other = Arena.attach(arena.handle);
    for (const bytes of SIZES) {
      const address = arena.acquire(bytes);
      arena.view(address, 1)[0] = 77;
      expect(other.view(address, 1)[0]).toBe(77);
      other.release(address);
      expect(arena.isLive(address)).toBe(false);
    }
    expect(arena.bytesInUse).toBe(0);
  });

  test("addresses stay positive and distinct over four segments", () => {
    const arena = create({ bytesMax: 20 * MIB, segmentShift: 20 });
    const seen = new Set<number>();
    for (let address = arena.acquire(60_000); address !== 0; address = arena.acquire(60_000)) {
      expect(address).toBeGreaterThan(0);
      expect(seen.has(address)).toBe(false);
      seen.add(address);
      arena.view(address, 60_000).fill(seen.size & 0xff);
    }
    expect(seen.size).toBeGreaterThan(250);
    let index = 0;
    for (const address of seen) {
      expect(arena.view(address, 60_000)[59_999]).toBe(++index & 0xff);
      arena.release(address);
    }
  });

  test("an arena of 15 GiB costs next to nothing until it is used, and reaches its end", () => {
    const arena = Arena.create({ bytesMax: 15 * GIB, workers: 1 });
    const held: number[] = [];
    for (let address = arena.acquire(GIB); address !== 0; address = arena.acquire(GIB)) {
      arena.view(address, GIB)[GIB - 1] = held.push(address);
    }
    expect(arena.handle.segments).toHaveLength(4);
    expect(held).toHaveLength(12); // three in each segment: the first page of it is a guard
    held.forEach((address, index) => {
      expect(address).toBeGreaterThan(0);
      expect(arena.view(address, GIB)[GIB - 1]).toBe(index + 1);
      arena.release(address);
    });
    expect(arena.stats().committedBytes).toBe(0);
  });

  test("stats adds up to the reserved bytes in every state", () => {
    const arena = create();
    const held: number[] = [];
    for (const bytes of SIZES) {
      held.push(arena.acquire(bytes));
      const stats = arena.stats();
      expect(accountedBytes(stats)).toBe(stats.reservedBytes);
    }
    for (const address of held) arena.release(address);
    arena.trim();
    const stats = arena.stats();
    expect(accountedBytes(stats)).toBe(stats.reservedBytes);
    expect(stats.committedBytes).toBe(0);
  });
});

describe("Arena at its limit", () => {
  test.each([24, 64, 4096, 65_536, 65_537, MIB, 2 * MIB])(
    "refuses blocks of %d with 0, and serves again after a release",
    (bytes) => {
      const arena = create({ bytesMax: 8 * MIB });
      const held: number[] = [];
      for (let address = arena.acquire(bytes); address !== 0; address = arena.acquire(bytes)) {
        held.push(address);
      }
      const { committedBytes, limitBytes, liveBytes, refused } = arena.stats();
      expect(committedBytes).toBeLessThanOrEqual(limitBytes);
      expect(liveBytes).toBeGreaterThan(limitBytes * 0.85);
      expect(refused).toBe(1);
      arena.release(held.pop()!);
      expect(arena.acquire(bytes)).toBeGreaterThan(0);
    },
  );

  test("a request above the limit is refused, above what can be addressed a RangeError", () => {
    const arena = create();
    expect(arena.acquire(arena.bytesMax + 1)).toBe(0);
    expect(() => arena.acquire(2 ** 40)).toThrow(RangeError);
  });

  test.each([-1, 1.5 * 2 ** 20 + 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "acquire(%d) throws RangeError",
    (bytes) => {
      expect(() => create().acquire(bytes)).toThrow(RangeError);
    },
  );

  test("what other threads have cached comes back once they tick", () => {
    const arena = create({ bytesMax: 8 * MIB });
    const other = Arena.attach(arena.handle);
    const held = Array.from({ length: 200 }, () => other.acquire(4096));
    for (const address of held) other.release(address);
    let refused = arena.acquire(7.9 * MIB - ((7.9 * MIB) % 1));
    if (refused === 0) {
      other.tick();
      refused = arena.acquire(7.9 * MIB - ((7.9 * MIB) % 1));
    }
    expect(refused).toBeGreaterThan(0);
  });

  test("onPressure is asked for idle blocks before a request is refused", () => {
    const idle: number[] = [];
    const arena = create({
      bytesMax: 4 * MIB,
      onPressure: () => idle.splice(0).forEach((address) => arena.release(address)),
    });
    for (let index = 0; index < 20; index++) idle.push(arena.acquire(100 * KIB));
    const address = arena.acquire(3 * MIB);
    expect(address).toBeGreaterThan(0);
    expect(idle).toHaveLength(0);
  });

  test("pieces do not stand in the way of a large block: every second of 64 KiB is freed", () => {
    const arena = create({ bytesMax: 16 * MIB });
    const held: number[] = [];
    for (let address = arena.acquire(65_536); address !== 0; address = arena.acquire(65_536)) {
      held.push(address);
    }
    held.forEach((address, index) => index % 2 === 0 && arena.release(address));
    const address = arena.acquire(MIB);
    if (canReleasePages()) expect(address).toBeGreaterThan(0);
  });
});

describe("Arena finds wrong releases", () => {
  const cases: [string, (arena: Arena) => void, BlockFault][] = [
    ["twice", (a) => twice(a, 64), "double-free"],
    ["twice, tiny", (a) => twice(a, 8), "double-free"],
    ["twice, large", (a) => twice(a, 100_000), "double-free"],
    ["twice, huge", (a) => twice(a, 2 * MIB), "double-free"],
    ["twice, span gone", (a) => releaseAfterTrim(a, 64), "double-free"],
    ["inside", (a) => a.release(a.acquire(64) + 1), "interior-free"],
    ["inside, whole cell on", (a) => a.release(a.acquire(4096) + 8), "interior-free"],
    ["inside, tiny", (a) => a.release(a.acquire(56) + 1), "interior-free"],
    ["inside, large", (a) => a.release(a.acquire(100_000) + 1024), "interior-free"],
    ["inside, page of large", (a) => a.release(a.acquire(100_000) + 2048), "interior-free"],
    ["zero", (a) => a.release(0), "foreign-free"],
    ["guard page", (a) => a.release(8), "foreign-free"],
    ["negative", (a) => a.release(-8), "foreign-free"],
    ["fraction", (a) => a.release(0.5), "foreign-free"],
    ["not a number", (a) => a.release(Number.NaN), "foreign-free"],
    ["far out", (a) => a.release(2 ** 31 - 1), "foreign-free"],
    ["beyond an int32", (a) => a.release(a.acquire(64) + 2 ** 32), "foreign-free"],
    ["a fraction behind", (a) => a.release(a.acquire(64) + 0.5), "foreign-free"],
    ["a fraction behind, tiny", (a) => a.release(a.acquire(8) + 0.5), "foreign-free"],
    ["a fraction behind, large", (a) => a.release(a.acquire(MIB) + 0.5), "foreign-free"],
    ["with another size", (a) => a.release(a.acquire(100), 300), "size-mismatch"],
    ["with another size, large", (a) => a.release(a.acquire(100_000), 300_000), "size-mismatch"],
  ];
  test.each(cases)("%s", (_name, wrong, fault) => {
    const arena = create();
    expect(faultOf(() => wrong(arena))).toBe(fault);
  });

  test("through another door than the one that released it first", () => {
    const arena = create();
    const other = Arena.attach(arena.handle);
    const address = arena.acquire(512);
    other.release(address);
    expect(faultOf(() => arena.release(address))).toBe("double-free");
  });

  function twice(arena: Arena, bytes: number): void {
    const address = arena.acquire(bytes);
    arena.release(address);
    arena.release(address);
  }

  function releaseAfterTrim(arena: Arena, bytes: number): void {
    const address = arena.acquire(bytes);
    arena.release(address);
    arena.trim();
    arena.release(address);
  }
});

describe("Arena across workers", () => {
  test("a worker number is taken once", () => {
    const arena = create({ workers: 2 });
    expect(() => Arena.attach(arena.handle, { worker: 0 })).toThrow("number is taken");
    const other = Arena.attach(arena.handle, { worker: 1 });
    expect(() => Arena.attach(arena.handle)).toThrow("all 2 worker numbers are taken");
    other.detach();
    Arena.attach(arena.handle, { worker: 1 });
  });

  test.each([-1, 2, 0.5])("attach refuses worker %d", (worker) => {
    expect(() => Arena.attach(create({ workers: 2 }).handle, { worker })).toThrow(RangeError);
  });

  test("recover frees what the dead worker owned, not what it disowned or others adopted", () => {
    const arena = create();
    const dead = Arena.attach(arena.handle, { worker: 3 });
    const [lost, given, adopted] = [dead.acquire(64), dead.acquire(8), dead.acquire(100_000)];
    dead.disown(given!);
    arena.adopt(adopted!);
    const report = arena.recover(3);
    expect(report.ownedBlocks).toBe(1);
    expect(arena.isLive(lost!)).toBe(false);
    expect(arena.isLive(given!)).toBe(true);
    expect(arena.isLive(adopted!)).toBe(true);
    expect(arena.ownerOf(given!)).toBe(-1);
    expect(arena.ownerOf(adopted!)).toBe(0);
  });

  test("recover of a worker that left finds nothing; of oneself or nobody it throws", () => {
    const arena = create();
    Arena.attach(arena.handle, { worker: 1 }).detach();
    expect(arena.recover(1).ownedBlocks).toBe(0);
    expect(() => arena.recover(0)).toThrow(RangeError);
    expect(() => arena.recover(4)).toThrow(RangeError);
  });

  test("an idle worker hands its cache back within three ticks", () => {
    const arena = create();
    const held = Array.from({ length: 300 }, () => arena.acquire(512));
    for (const address of held) arena.release(address);
    expect(arena.stats().cachedBytes).toBeGreaterThan(0);
    for (let tick = 0; tick < 3; tick++) arena.tick();
    expect(arena.stats().cachedBytes).toBe(0);
  });

  test("tick leaves most of the blocks that are in use between ticks", () => {
    const arena = create();
    let held: number[] = [];
    for (let tick = 0; tick < 10; tick++) {
      held = Array.from({ length: 100 }, () => arena.acquire(512));
      for (const address of held) arena.release(address);
      arena.tick();
    }
    expect(arena.stats().cachedBytes).toBeGreaterThanOrEqual(60 * 512);
  });

  test("free spans of 1 MiB go back to the system after they were idle", () => {
    const arena = create({ bytesMax: 64 * MIB });
    const held = Array.from({ length: 700 }, () => arena.acquire(65_536));
    for (const address of held) arena.release(address);
    let given = 0;
    for (let tick = 0; tick < 40; tick++) given += arena.tick();
    expect(given).toBeGreaterThan(30 * MIB);
  });

  test("cache budgets are stolen from a worker that hoards", () => {
    const arena = create({ bytesMax: 16 * MIB });
    const other = Arena.attach(arena.handle, { worker: 1 });
    const churn = (door: Arena): void => {
      for (let round = 0; round < 40; round++) {
        const held = Array.from({ length: 60 }, () => door.acquire(32 * KIB));
        for (const address of held) door.release(address);
      }
    };
    churn(arena);
    const before = arena.stats().workers[0]!.budgetBytes;
    churn(other);
    const [hoarder, thief] = arena.stats().workers;
    expect(hoarder!.budgetBytes).toBeLessThan(before);
    expect(thief!.budgetBytes).toBeGreaterThan(0);
  });
});

test.each([{ bytesMax: 10 }, { bytesMax: 2 ** 40 }, { workers: 0 }, { workers: 251 }])(
  "create(%p) throws RangeError",
  (options) => {
    expect(() => Arena.create(options)).toThrow(RangeError);
  },
);

test("LeakTracker names the place that acquired what is still out", () => {
  const arena = create({ leaks: "all" });
  const kept = Array.from({ length: 2 }, () => leakHere(arena));
  arena.release(arena.acquire(100));
  const [report] = arena.leaks();
  expect(report!.blocks).toBe(2);
  expect(report!.bytes).toBe(400);
  expect(report!.site).toContain("leakHere");
  Arena.attach(arena.handle).release(kept[0]!);
  expect(arena.leaks()[0]!.blocks).toBe(1);
});

test("LeakTracker samples one acquire in 128", () => {
  const arena = create({ leaks: "sampled" });
  for (let index = 0; index < 1280; index++) arena.acquire(64);
  expect(arena.leaks()[0]!.blocks).toBe(10);
  expect(arena.leaks()[0]!.scale).toBe(128);
});

function leakHere(arena: Arena): number {
  const address = arena.acquire(200);
  expect(address).not.toBe(0); // not a tail call, whose frame would be gone
  return address;
}
