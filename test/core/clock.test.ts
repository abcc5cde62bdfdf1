// systemClock counts on, and does not follow the time of day.

import { expect, test } from "bun:test";
import { systemClock } from "../../src/core/clock.ts";

test("systemClock never goes back and does not stand still", () => {
  const startMs = systemClock.nowMs();
  let lastMs = startMs;
  while (lastMs === startMs) {
    const nowMs = systemClock.nowMs();
    expect(nowMs).toBeGreaterThanOrEqual(lastMs);
    lastMs = nowMs;
  }
  expect(lastMs).toBeGreaterThan(startMs);
});

test("systemClock is of this process, not of the calendar", () => {
  expect(systemClock.nowMs()).toBeLessThan(Date.now() / 2);
});
