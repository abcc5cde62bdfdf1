import { expect, test } from "bun:test";

import { LeakTracker } from "../../src/memory/leak-tracker.ts";

const always = (): boolean => true;

test("LeakTracker forgets what is released, here or elsewhere", () => {
  const tracker = new LeakTracker("all");
  for (let address = 1; address <= 4; address++) tracker.acquired(address, 100);
  tracker.released(1);
  expect(total(tracker.report(always))).toBe(3);
  expect(total(tracker.report((address) => address !== 2))).toBe(2);
  expect(total(tracker.report(always))).toBe(2);
});

test("LeakTracker groups by place, most bytes first", () => {
  const tracker = new LeakTracker("all");
  for (let address = 1; address <= 2; address++) tracker.acquired(address, 10);
  tracker.acquired(3, 100);
  const reports = tracker.report(always);
  expect(reports.map(({ bytes }) => bytes)).toEqual([100, 20]);
  expect(reports[0]!.site).toContain("leak-tracker.test.ts");
});

test("LeakTracker takes one in 128 when it samples, and says so", () => {
  const tracker = new LeakTracker("sampled");
  for (let address = 1; address <= 1280; address++) tracker.acquired(address, 8);
  expect(total(tracker.report(always))).toBe(10);
  expect(tracker.report(always)[0]!.scale).toBe(128);
});

test("LeakTracker counts an address that comes again only once", () => {
  const tracker = new LeakTracker("all");
  for (let round = 0; round < 5; round++) tracker.acquired(7, 10);
  expect(total(tracker.report(always))).toBe(1);
});

function total(reports: readonly { blocks: number }[]): number {
  return reports.reduce((sum, { blocks }) => sum + blocks, 0);
}
