import { describe, expect, test } from "bun:test";
import { createLog } from "../../src/core/log.ts";
import { MIB } from "../../src/core/limits.ts";
import { SharedArena } from "../../src/master/shared-arena.ts";
import { Arena } from "../../src/memory/arena.ts";

function create(slotCount: number): { arena: SharedArena; lines: string[] } {
  const lines: string[] = [];
  const log = createLog({ level: "debug", write: (line) => lines.push(line) });
  return { arena: new SharedArena(32 * MIB, slotCount, log), lines };
}

describe("SharedArena", () => {
  test("gives each life a number of its own, and null when there are too many", () => {
    const { arena } = create(1);
    const grants = [arena.grant(), arena.grant(), arena.grant()];
    expect(new Set(grants.map((grant) => grant!.worker)).size).toBe(3);
    expect(grants.every((grant) => grant!.worker > 0)).toBe(true);
    expect(arena.grant()).toBeNull();
    arena.ended(grants[1]!, true);
    expect(arena.grant()!.worker).toBe(grants[1]!.worker);
  });

  test("has back what a life left, and says so if it died", () => {
    const { arena, lines } = create(1);
    const grant = arena.grant()!;
    const worker = Arena.attach(grant.handle, { worker: grant.worker });
    for (let count = 0; count < 10; count++) expect(worker.acquire(64 * 1024)).toBeGreaterThan(0);
    expect(arena.bytesInUse).toBeGreaterThanOrEqual(640 * 1024);
    arena.ended(grant, false);
    expect(arena.bytesInUse).toBe(0);
    expect(lines.join("")).toContain("recovered 10 buffers of");
    const again = arena.grant()!;
    expect(Arena.attach(again.handle, { worker: again.worker }).acquire(4096)).toBeGreaterThan(0);
  });

  test("says nothing of a life that ended as it was asked to", () => {
    const { arena, lines } = create(2);
    const grant = arena.grant()!;
    Arena.attach(grant.handle, { worker: grant.worker }).acquire(4096);
    arena.ended(grant, true);
    expect(arena.bytesInUse).toBe(0);
    expect(lines).toEqual([]);
  });

  test("ends when it was told to and no life is left, and grants nothing from then on", () => {
    const { arena } = create(1);
    const grant = arena.grant()!;
    const worker = Arena.attach(grant.handle, { worker: grant.worker });
    worker.acquire(4096);
    arena.close();
    expect(arena.grant()).toBeNull();
    expect(worker.view(worker.acquire(4096), 8).fill(1)[7]).toBe(1);
    arena.ended(grant, false);
    expect(arena.bytesInUse).toBe(0);
    arena.tick();
    arena.close();
  });

  test("has one limit for all lives", () => {
    const { arena } = create(2);
    const [one, two] = [arena.grant()!, arena.grant()!].map((grant) =>
      Arena.attach(grant.handle, { worker: grant.worker }),
    );
    let blocks = 0;
    while (one!.acquire(1 * MIB) !== 0) blocks++;
    expect(blocks).toBeGreaterThan(20);
    expect(blocks).toBeLessThanOrEqual(32);
    expect(two!.acquire(1 * MIB)).toBe(0);
  });
});
