import { describe, expect, test } from "bun:test";
import { processesFor, shareOf, sharePlan } from "../../src/webbench/share-plan.ts";
import { originOf, shareFor } from "./load-world.ts";

const plan = shareFor(originOf(1), { clients: 10, count: 1003, connectionsPerSecond: 9 });

describe("sharePlan", () => {
  test.each([1, 2, 3, 7, 10])("loses nothing over %p processes", (processes) => {
    const shares = sharePlan(plan, processes);
    const sum = (read: (share: (typeof shares)[0]) => number): number =>
      shares.reduce((total, share) => total + read(share), 0);
    expect(sum(({ clients }) => clients)).toBe(10);
    expect(sum(({ count }) => count)).toBe(1003);
    expect(sum(({ startAt }) => startAt)).toBe(10);
    expect(sum(({ stages }) => stages[0]!.to)).toBe(10);
    expect(sum(({ connectionsPerSecond }) => connectionsPerSecond)).toBeCloseTo(9, 9);
    expect(Math.min(...shares.map(({ clients }) => clients))).toBeGreaterThan(0);
    expect(shares.map(({ index }) => index)).toEqual([...shares.keys()]);
  });

  test("divides a rate into fractions", () => {
    const open = {
      ...plan,
      open: { poisson: false, seed: 1 },
      startAt: 100,
      stages: [{ ms: 1, to: 1 }],
    };
    expect(sharePlan(open, 3).map(({ startAt }) => startAt)).toEqual([100 / 3, 100 / 3, 100 / 3]);
  });
});

test("shareOf gives the first ones what is left over", () => {
  expect([0, 1, 2].map((index) => shareOf(11, index, 3))).toEqual([4, 4, 3]);
});

test("processesFor leaves nobody without a client or a request", () => {
  expect(processesFor(plan, 64)).toBe(10);
  expect(processesFor(plan, 2)).toBe(2);
  expect(processesFor({ ...plan, count: 3 }, 8)).toBe(3);
  expect(processesFor({ ...plan, count: 0, clients: 1 }, 8)).toBe(1);
});
