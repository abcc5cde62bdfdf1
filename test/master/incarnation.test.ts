import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, fstatSync, openSync } from "node:fs";
import { CLOSE_WORKER_LOST } from "../../src/core/close-reason.ts";
import { COUNT_CLOSED_BASE, COUNT_OPEN, COUNT_REQUESTS } from "../../src/core/counters.ts";
import { MillraceError } from "../../src/core/errors.ts";
import { Incarnation } from "../../src/master/incarnation.ts";
import type { Orphan } from "../../src/net/uring/descriptor-ledger.ts";
import { SocketTable } from "../../src/master/socket-table.ts";
import { silentLog } from "../../src/core/log.ts";
import { resolveSettings } from "../../src/server/settings.ts";
import { StatsBoard } from "../../src/thread/stats-board.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const ENTRY = new URL("../support/fake-worker.ts", import.meta.url);
const settings = resolveSettings({ workers: 1 }, { processors: 1, fdLimit: 1000 });
const sockets = new SocketTable({ slotCount: 1, backlog: 8, log: silentLog });
const lives: Incarnation[] = [];

function create(search = "", readyTimeoutMs = 30_000) {
  const board = new StatsBoard();
  const deaths: string[] = [];
  const orphans: Orphan[] = [];
  const life = new Incarnation({
    entry: ENTRY,
    source: { kind: "module", url: `file:///x?${search}` },
    settings,
    logLevel: "silent",
    workerIndex: 0,
    generation: 1,
    board,
    readyTimeoutMs,
    onDeath: (reason) => void deaths.push(reason),
    onOrphans: (left) => void orphans.push(...left),
  });
  lives.push(life);
  return { board, deaths, life, orphans };
}

async function startLife(life: Incarnation, orphans: readonly Orphan[] = []): Promise<number> {
  const endpoints = await sockets.open(await life.load());
  await life.start(sockets.grants(endpoints, 0), orphans);
  const { address } = endpoints[0]!;
  return address.kind === "inet" ? address.port : -1;
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

async function failureOf(step: Promise<unknown>): Promise<MillraceError> {
  const error = await step.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(MillraceError);
  return error as MillraceError;
}

/** Opens a connection and sends a request, which may fell the worker. */
async function ask(port: number, path: string): Promise<Bun.Socket> {
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: () => undefined },
  });
  socket.write(`GET ${path} HTTP/1.1\r\n\r\n`);
  return socket;
}

afterEach(async () => {
  await Promise.all(lives.splice(0).map((life) => life.close()));
  sockets.closeAll();
});

describe("Incarnation", () => {
  test("goes from loading to ended by way of ready and leaving", async () => {
    const { deaths, life } = create();
    expect(life.state).toBe("loading");
    expect((await life.load()).map(({ name }) => name)).toEqual(["main"]);
    expect(life.state).toBe("loaded");
    await startLife(life);
    expect(life.state).toBe("ready");
    const drained = life.drain(1, 1_000);
    expect(life.state).toBe("leaving");
    await life.detached;
    await drained;
    expect(life.state).toBe("ended");
    expect(deaths).toEqual([]);
  });

  test.each([
    ["load=throw", "ERR_MODULE", "Error: bad module at "],
    ["load=module", "ERR_MODULE", "Cannot load x: no usable export"],
    ["load=exit", "ERR_WORKER", "worker 0 ended before it was ready: process.exit(5)"],
  ])("says why it could not load: %s", async (search, code, message) => {
    const { deaths, life } = create(search);
    const error = await failureOf(life.load());
    expect(error.code).toBe(code as MillraceError["code"]);
    expect(error.message).toStartWith(message);
    await life.ended;
    expect(deaths).toEqual([]);
  });

  test.each([
    ["setup=throw", "Error: no database at "],
    ["setup=exit", "worker 0 ended before it was ready: process.exit(6)"],
  ])("says why it could not start: %s", async (search, message) => {
    const { deaths, life } = create(search);
    expect((await failureOf(startLife(life))).message).toStartWith(message);
    await life.ended;
    expect(deaths).toEqual([]);
  });

  test.each([
    ["/throw", "TypeError: thrown on demand"],
    ["/exit/0", "process.exit(0)"],
    ["/exit/7", "process.exit(7)"],
  ])("reports its death once it was ready: %s", async (path, reason) => {
    const { board, deaths, life } = create();
    await ask(await startLife(life), path);
    await life.ended;
    expect(deaths).toEqual([reason]);
    expect(board.totals()[COUNT_CLOSED_BASE + CLOSE_WORKER_LOST]).toBe(1);
    expect(board.totals()[COUNT_OPEN]).toBe(0);
  });

  test("counts what it had open as lost when it crashes while it drains", async () => {
    const { board, deaths, life } = create();
    const socket = await ask(await startLife(life), "/");
    while (life.row[COUNT_REQUESTS] === 0) await Bun.sleep(1);
    const drained = life.drain(10_000, 10_000);
    await life.detached;
    socket.write("GET /exit/4 HTTP/1.1\r\n\r\n");
    await drained;
    expect(board.totals()[COUNT_CLOSED_BASE + CLOSE_WORKER_LOST]).toBe(1);
    expect(deaths).toEqual([]); // its slot is served by another already
  });

  test.each([
    ["load=hang", "worker 0 was not loaded within 500 ms"],
    ["setup=hang", "worker 0 was not ready within 500 ms"],
  ])("is given up, and leaves, when it takes too long: %s", async (search, message) => {
    const { deaths, life } = create(search, 500);
    expect((await failureOf(startLife(life))).message).toBe(message);
    await life.ended;
    expect(deaths).toEqual([]);
  });

  test("is not terminated while it loads, but leaves as soon as it hears", async () => {
    const { life } = create("load=block", 40);
    await failureOf(life.load());
    await life.close();
    expect(life.state).toBe("loading");
    await life.ended;
  });

  test("ends by force when it does not hear that it should leave", async () => {
    const { deaths, life } = create();
    await ask(await startLife(life), "/spin/60000");
    while (life.row[COUNT_REQUESTS] === 0) await Bun.sleep(1);
    await life.drain(1, 1);
    expect(life.state).toBe("ended");
    expect(deaths).toEqual([]);
  });

  // A number that two hold is closed twice, the second time when it is someone else's.
  test.each([
    ["setup=throw", true],
    ["setup=exit", true],
    ["adopt=exit", false],
    ["", false],
  ])("orphans belong to it or come back, never both: %s", async (search, comesBack) => {
    const { life, orphans } = create(search);
    const orphan = { listener: 0, fd: openSync("/dev/null", "r") };
    await startLife(life, [orphan]).catch(() => undefined);
    if (life.state !== "ended") expect(orphans).toEqual([]); // the thread may still use it
    await life.close();
    await life.ended;
    expect(orphans).toEqual(comesBack ? [orphan] : []);
    expect(isOpen(orphan.fd)).toBe(comesBack);
    if (comesBack) closeSync(orphan.fd);
  });

  test("gives orphans back that come when it has ended", async () => {
    const { life, orphans } = create();
    await life.close();
    await life.ended;
    const orphan = { listener: 0, fd: openSync("/dev/null", "r") };
    await failureOf(life.start([], [orphan]));
    expect(orphans).toEqual([orphan]);
    closeSync(orphan.fd);
  });

  test("can be told to leave at any time, and twice", async () => {
    const { life } = create();
    const loading = failureOf(life.load());
    await Promise.all([life.drain(1, 1_000), life.close()]);
    expect((await loading).code).toBe("ERR_CLOSED");
    await life.ended;
    await life.drain(1, 1);
    expect((await failureOf(life.start([]))).code).toBe("ERR_CLOSED");
  });
});
