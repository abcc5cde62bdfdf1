import { describe, expect, test } from "bun:test";
import { createLog } from "../../src/core/log.ts";
import { MIB } from "../../src/core/limits.ts";
import { SharedArena } from "../../src/master/shared-arena.ts";
import { CLASS_LOCK, HEAP_LOCK } from "../../src/memory/arena-layout.ts";
import { Arena } from "../../src/memory/arena.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";

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

  test("has both back when one needed a lock that the other died with", () => {
    const { arena } = create(2);
    const [holder, other] = [arena.grant()!, arena.grant()!];
    Arena.attach(holder.handle, { worker: holder.worker });
    const worker = Arena.attach(other.handle, { worker: other.worker });
    expect(worker.acquire(4096)).toBeGreaterThan(0);
    const { words, layout } = new SharedMemory(other.handle);
    for (const base of layout.classBase) words[base + CLASS_LOCK] = holder.worker + 1;
    arena.ended(other, false); // must not throw: this runs in the master's event handler
    expect(arena.bytesInUse).toBeGreaterThan(0);
    arena.ended(holder, false);
    expect(arena.bytesInUse).toBe(0);
    const numbers = [arena.grant(), arena.grant(), arena.grant()].map((grant) => grant!.worker);
    expect(new Set(numbers).size).toBe(3);
  });

  test("tries again at the next tick", () => {
    const { arena } = create(1);
    const grant = arena.grant()!;
    Arena.attach(grant.handle, { worker: grant.worker }).acquire(4096);
    const { words, layout } = new SharedMemory(grant.handle);
    words[layout.heap + HEAP_LOCK] = 3; // of a worker that the master does not know to be dead
    arena.ended(grant, true);
    expect(arena.bytesInUse).toBeGreaterThan(0);
    words[layout.heap + HEAP_LOCK] = 0;
    arena.tick();
    expect(arena.bytesInUse).toBe(0);
  });

  test("says so in an error of ours when the system refuses the memory", () => {
    expect(() => new SharedArena(2 ** 50, 1, createLog({ level: "silent" }))).toThrow(
      "Cannot reserve 1125899906842624 bytes for buffers",
    );
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
