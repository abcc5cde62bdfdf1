import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MillraceError } from "../../src/core/errors.ts";
import { createLog, silentLog } from "../../src/core/log.ts";
import { SocketTable, type Endpoint } from "../../src/master/socket-table.ts";
import type { ListenerSpec } from "../../src/master/worker-server.ts";
import { loadLibc } from "../../src/net/libc.ts";

const ANY: ListenerSpec = { kind: "http", host: "127.0.0.1", port: 0, name: "a" };
const unixPath = join(mkdtempSync(join(tmpdir(), "millrace-")), "s");
const tables: SocketTable[] = [];

function create(slotCount = 2): SocketTable {
  const table = new SocketTable({ slotCount, backlog: 8, log: silentLog });
  tables.push(table);
  return table;
}

function portOf(endpoint: Endpoint | undefined): number {
  return endpoint?.address.kind === "inet" ? endpoint.address.port : -1;
}

const descriptors = () => readdirSync("/proc/self/fd").length;

async function answers(port: number): Promise<boolean> {
  try {
    const socket = { data: () => undefined };
    (await Bun.connect({ hostname: "127.0.0.1", port, socket })).terminate();
    return true;
  } catch {
    return false;
  }
}

afterEach(() => {
  for (const table of tables.splice(0)) table.closeAll();
});

describe.skipIf(loadLibc() === null)("SocketTable", () => {
  test("gives each slot a socket of its own on one port", async () => {
    const table = create(3);
    const endpoints = await table.open([ANY]);
    const grants = [0, 1, 2].map((slot) => table.grants(endpoints, slot)[0]);
    expect(grants.every((grant) => grant?.kind === "descriptor")).toBe(true);
    expect(new Set(grants.map((grant) => JSON.stringify(grant))).size).toBe(3);
    expect(portOf(endpoints[0])).toBeGreaterThan(0);
  });

  test("knows an address again: a reload gets the same sockets", async () => {
    const table = create();
    const first = await table.open([ANY, { ...ANY, name: "b" }]);
    const open = descriptors();
    const again = await table.open([{ ...ANY, name: "b" }, ANY]);
    expect(again.map(portOf)).toEqual(first.map(portOf).toReversed());
    expect(portOf(first[0])).not.toBe(portOf(first[1]));
    expect(descriptors()).toBe(open);
  });

  test("opens all or nothing", async () => {
    const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const table = create();
    const before = descriptors();
    const taken = { ...ANY, port: other.port, name: "b" };
    await expect(table.open([ANY, taken])).rejects.toThrow("EADDRINUSE");
    expect(descriptors()).toBe(before);
    other.stop(true);
  });

  test("leaves what was open alone when something else cannot be opened", async () => {
    const table = create();
    const endpoints = await table.open([ANY]);
    const bad = { ...ANY, host: "192.0.2.1", name: "b" };
    await expect(table.open([ANY, bad])).rejects.toBeInstanceOf(MillraceError);
    expect(await answers(portOf(endpoints[0]))).toBe(true);
  });

  test("closes what is no longer wanted", async () => {
    const table = create();
    const [a, b] = await table.open([ANY, { ...ANY, name: "b" }]);
    table.retain([b!]);
    expect(await answers(portOf(a))).toBe(false);
    expect(await answers(portOf(b))).toBe(true);
    table.closeAll();
    expect(await answers(portOf(b))).toBe(false);
  });

  test("lends one Unix socket to all slots", async () => {
    const table = create();
    const endpoints = await table.open([{ ...ANY, unix: unixPath }]);
    expect(table.grants(endpoints, 0)).toEqual(table.grants(endpoints, 1));
  });

  test("refuses two listeners on one address, and a host that has none", async () => {
    const table = create();
    const fixed = { ...ANY, port: 4 };
    await expect(table.open([fixed, { ...fixed, name: "b" }])).rejects.toThrow(
      'Cannot listen on 127.0.0.1:4 for "b": the listener "a" has it already',
    );
    const unix = { ...ANY, unix: unixPath };
    await expect(table.open([unix, { ...unix, name: "b" }])).rejects.toThrow("has it already");
    await expect(table.open([{ ...ANY, host: "no..such..host" }])).rejects.toThrow("unknown host");
  });
});

describe("SocketTable without the C library", () => {
  function createWithout(): { table: SocketTable; lines: string[] } {
    const lines: string[] = [];
    process.env["MILLRACE_NO_FFI"] = "1";
    const log = createLog({ write: (line) => void lines.push(line) });
    const table = new SocketTable({ slotCount: 2, backlog: 8, log });
    delete process.env["MILLRACE_NO_FFI"];
    return { table, lines };
  }

  test("says so, chooses a port for all slots, and keeps it", async () => {
    const { table, lines } = createWithout();
    expect(lines.length).toBe(1);
    const endpoints = await table.open([ANY]);
    const grant = { kind: "address", host: "127.0.0.1", port: portOf(endpoints[0]) } as const;
    expect(grant.port).toBeGreaterThan(0);
    expect([0, 1].map((slot) => table.grants(endpoints, slot))).toEqual([[grant], [grant]]);
    expect(await table.open([ANY])).toEqual(endpoints);
  });

  test("hears of a port that is taken", async () => {
    const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const { table } = createWithout();
    await expect(table.open([{ ...ANY, port: other.port }])).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${other.port}: `,
    );
    other.stop(true);
  });

  test("gives a Unix path to the first slot only", async () => {
    const { table } = createWithout();
    const endpoints = await table.open([{ ...ANY, unix: unixPath }]);
    expect(table.grants(endpoints, 0)).toEqual([
      { kind: "address", host: "", port: 0, unix: unixPath },
    ]);
    expect(table.grants(endpoints, 1)).toEqual([{ kind: "none" }]);
  });
});
