// ConnectionTable against a model: slots are dense, used again, and never confused.

import { describe, expect, test } from "bun:test";
import { CLOSE_LOCAL } from "../../src/core/close-reason.ts";
import type { Connection } from "../../src/net/connection.ts";
import { ConnectionTable } from "../../src/net/connection-table.ts";
import { NetWorld } from "../support/net-world.ts";
import { Random, seedOfRun } from "../support/random.ts";

/** The table looks at nothing else of a connection. */
function stub(slot: number, generation: number): Connection {
  return { slot, generation } as unknown as Connection;
}

function add(table: ConnectionTable): Connection {
  const slot = table.nextSlot();
  const connection = stub(slot, table.generationOf(slot));
  table.put(connection);
  return connection;
}

describe("ConnectionTable", () => {
  test("finds what was put, by slot and by generation, and nothing that is gone", () => {
    const table = new ConnectionTable();
    const first = add(table);
    expect([first.slot, first.generation, table.size]).toEqual([0, 0, 1]);
    expect(table.find(0, 0)).toBe(first);
    table.remove(first);
    expect([table.find(0, 0), table.at(0), table.size]).toEqual([null, null, 0]);
    const second = add(table);
    expect([second.slot, second.generation]).toEqual([0, 1]);
    expect(table.find(0, 0)).toBeNull();
    expect(table.find(0, 1)).toBe(second);
    expect([table.at(7), table.find(7, 0), table.generationOf(1 << 20)]).toEqual([null, null, 0]);
  });

  test("grows past every capacity without moving a connection", () => {
    const table = new ConnectionTable();
    const all = Array.from({ length: 1000 }, () => add(table));
    all.forEach((connection, slot) => expect(table.at(slot)).toBe(connection));
    table.checkInvariants();
    for (const connection of all) table.remove(connection);
    table.checkInvariants();
    expect(table.size).toBe(0);
    const again = Array.from({ length: 1000 }, () => add(table));
    expect(new Set(again.map(({ slot }) => slot)).size).toBe(1000);
    expect(again.every(({ generation }) => generation === 1)).toBe(true);
    table.checkInvariants();
  });

  test("refuses a wrong slot, a stale generation, a second put and a second removal", () => {
    const table = new ConnectionTable();
    expect(() => table.put(stub(1, 0))).toThrow("next slot");
    expect(() => table.put(stub(0, 1))).toThrow("stale generation");
    const connection = add(table);
    expect(() => table.put(connection)).toThrow("next slot");
    expect(() => table.remove(stub(0, 0))).toThrow("not there");
    table.remove(connection);
    expect(() => table.remove(connection)).toThrow("not there");
    table.checkInvariants();
  });

  test("forEach may close the one it visits, and others", () => {
    const world = new NetWorld();
    const peers = Array.from({ length: 10 }, () => world.accept());
    const visited: number[] = [];
    world.reactor.connections.forEach((connection) => {
      visited.push(connection.slot);
      connection.abort(CLOSE_LOCAL);
      peers[connection.slot + 1]?.connection.abort(CLOSE_LOCAL);
    });
    expect(visited).toEqual([0, 2, 4, 6, 8]);
    world.checkAtRest();
  });

  test("behaves as a map of live connections, whatever comes and goes", () => {
    const seed = seedOfRun();
    const random = new Random(seed);
    const table = new ConnectionTable();
    const live: Connection[] = [];
    const gone: Connection[] = [];
    for (let step = 0; step < 5000; step++) {
      const grows = random.below(1000) < (step % 1000 < 500 ? 700 : 300);
      if (live.length === 0 || grows) {
        live.push(add(table));
      } else {
        const at = random.below(live.length);
        const [connection] = live.splice(at, 1);
        table.remove(connection!);
        gone.push(connection!);
      }
      const sample = random.pick(gone.length > 0 ? gone : live);
      const expected = live.includes(sample) ? sample : null;
      const found = table.find(sample.slot, sample.generation);
      if (found !== expected) expect([seed, step, found]).toEqual([seed, step, expected]);
    }
    table.checkInvariants();
    const seen: Connection[] = [];
    table.forEach((connection) => seen.push(connection));
    const bySlot = (one: Connection, two: Connection) => one.slot - two.slot;
    expect(seen).toEqual(live.sort(bySlot));
    expect(table.size).toBe(live.length);
  });
});
