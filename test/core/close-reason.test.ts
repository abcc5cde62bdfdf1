// Close reasons: the numbers are columns on a shared board, so they are pinned here.

import { expect, test } from "bun:test";
import * as reasons from "../../src/core/close-reason.ts";

const { CLOSE_REASON_NAMES } = reasons;
const BY_NAME = Object.entries(reasons).filter(([name]) => /^CLOSE_(?!REASON_NAMES)/.test(name));

test("every reason has the name of its constant, at its own index", () => {
  expect(BY_NAME).toHaveLength(CLOSE_REASON_NAMES.length);
  for (const [name, reason] of BY_NAME) {
    const text = name.replace("CLOSE_", "").toLowerCase().replaceAll("_", "-");
    expect(CLOSE_REASON_NAMES[reason as number]).toBe(text as never);
  }
});

test("reasons are appended, never inserted: the first and the last known ones stay", () => {
  expect(CLOSE_REASON_NAMES.slice(0, 15)).toEqual([
    ...["peer", "local", "reset", "idle", "heartbeat", "head-timeout", "body-timeout"],
    ...["write-stall", "output-overflow", "memory", "protocol", "drain", "handler"],
    ...["worker-lost", "limit"],
  ] as never);
});
