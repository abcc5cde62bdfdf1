import { describe, expect, test } from "bun:test";
import { MillraceError } from "../../src/core/errors.ts";
import {
  IO_KINDS,
  type IoKind,
  connectionsPerWorker,
  resolveSettings,
  type ServerSettingsInput,
} from "../../src/server/settings.ts";

const machine = { processors: 4, fdLimit: 1_000 };

describe("resolveSettings", () => {
  test("fills in the defaults and freezes what it made", () => {
    const settings = resolveSettings({}, machine);
    expect(settings.workers).toBe(4);
    expect(settings.maxConnections).toBe(225);
    expect(Object.isFrozen(settings)).toBe(true);
    const { asked, io, ...numbers } = settings;
    expect([asked, io]).toEqual([[], "auto"]);
    expect(Object.values(numbers).every((value) => Number.isSafeInteger(value))).toBe(true);
    expect(structuredClone(settings)).toEqual(settings);
  });

  test("takes what is given, undefined for nothing", () => {
    const settings = resolveSettings({ workers: 2, backlog: undefined, idleTimeoutMs: 0 }, machine);
    expect([settings.workers, settings.idleTimeoutMs, settings.backlog]).toEqual([2, 0, 4_096]);
  });

  test("knows three kinds of io and no other", () => {
    for (const io of IO_KINDS) expect(resolveSettings({ io }, machine).io).toBe(io);
    for (const io of ["epoll", "", "AUTO"]) {
      const attempt = () => resolveSettings({ io: io as IoKind }, machine);
      expect(attempt).toThrow(`io: "${io}" is not one of auto, uring, bun`);
    }
  });

  test("tells what was asked for from what was filled in", () => {
    const { asked } = resolveSettings(
      { headersMax: 100, idleTimeoutMs: 0, port: 1 } as {},
      machine,
    );
    expect([...asked].sort()).toEqual(["headersMax", "idleTimeoutMs"]);
    expect(resolveSettings({ headersMax: undefined }, machine).asked).toEqual([]);
  });

  test("does not take more workers than there may be on a huge machine", () => {
    expect(resolveSettings({}, { processors: 10_000, fdLimit: 1e6 }).workers).toBe(256);
    expect(resolveSettings({}, { processors: 0, fdLimit: 1e6 }).workers).toBe(1);
  });

  test("takes half of a small container's memory for buffers, and no less than the least", () => {
    const limit = (memoryBytes: number) =>
      resolveSettings({}, { ...machine, memoryBytes }).memoryLimitBytes;
    expect(limit(2 ** 28 + 3)).toBe(2 ** 27);
    expect(limit(2 ** 20)).toBe(2 ** 24);
    expect(limit(2 ** 40)).toBe(2 ** 29);
    expect(resolveSettings({}, machine).memoryLimitBytes).toBe(2 ** 29);
  });

  test("refuses more connections than there are descriptors for, with the figures", () => {
    expect(resolveSettings({ maxConnections: 225 }, machine).maxConnections).toBe(225);
    expect(() => resolveSettings({ maxConnections: 226 }, machine)).toThrow(
      "maxConnections: 226 for each of 4 workers is more than 225, which 1000 file descriptors",
    );
  });

  test.each<[keyof ServerSettingsInput, number[]]>([
    ["workers", [0, -1, 1.5, 257, Number.NaN]],
    ["maxConnections", [0, 0.5, Number.POSITIVE_INFINITY]],
    ["memoryLimitBytes", [0, 2 ** 20, -(2 ** 30), Number.NaN]],
    ["idleTimeoutMs", [-1, 2 ** 31, 1.5]],
    ["headTimeoutMs", [-1, 2 ** 31]],
    ["bodyTimeoutMs", [-1, 2 ** 31, 0.5]],
    ["bodyBytesMin", [0, -1, 1.5]],
    ["writeStallMs", [-1, 2 ** 31, 0.5]],
    ["bodyBytesMax", [-1, 2 ** 53]],
    ["drainTimeoutMs", [-1, 2 ** 31]],
    ["backlog", [0, 2 ** 31]],
    ["readyTimeoutMs", [-1, 2 ** 31]],
    ["writeBytesMin", [0, -1, 0.5, Number.POSITIVE_INFINITY]],
    ["targetBytesMax", [0, 2 ** 20 + 1, Number.NaN]],
    ["headBytesMax", [0, 255, 2 ** 20 + 1, 1e99]],
    ["headerBytesMax", [0, 2 ** 20 + 1]],
    ["headersMax", [0, 10_001, 0.5]],
    ["trailerBytesMax", [-1, 2 ** 20 + 1]],
  ])("refuses a %s out of its range", (name, values) => {
    for (const value of values) {
      const attempt = () => resolveSettings({ [name]: value }, machine);
      expect(attempt).toThrow(MillraceError);
      expect(attempt).toThrow(`${name}: ${value} `);
    }
  });
});

test("connectionsPerWorker leaves what the process itself needs, and at least one", () => {
  expect(connectionsPerWorker(128, 2)).toBe(44);
  expect(connectionsPerWorker(64, 1)).toBe(32);
  expect(connectionsPerWorker(40, 2)).toBe(1);
  expect(connectionsPerWorker(20_000, 2)).toBe(9_000);
  expect(connectionsPerWorker(10, 256)).toBe(1);
  expect(connectionsPerWorker(Number.POSITIVE_INFINITY, 1)).toBe(1 << 20);
});
