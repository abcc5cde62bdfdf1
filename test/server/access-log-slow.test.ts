import { expect, test } from "bun:test";
import { SLOW_REQUEST_LINES_MAX } from "../../src/core/limits.ts";
import { createLog } from "../../src/core/log.ts";
import { SlowRequests } from "../../src/server/access-log-slow.ts";

function slowRequests(): { slow: SlowRequests; log: string[] } {
  const log: string[] = [];
  const slow = new SlowRequests(100, createLog({ write: (line) => void log.push(line.slice(25)) }));
  return { slow, log };
}

test("SlowRequests tells what was slow, by how much, and its id", () => {
  const { slow, log } = slowRequests();
  slow.tell("GET /a\n2026 error forged", 1234.6, "was answered 200", "id-1");
  const what = "GET /a\\x0a2026 error forged was answered 200";
  expect(log).toEqual([`warn slow request: ${what} after 1.235 s (request id-1)\n`]);
});

test("SlowRequests admits so many in a window, counts the rest, and begins anew", () => {
  const { slow, log } = slowRequests();
  const admitted = (count: number): number =>
    Array.from({ length: count }, () => slow.admit()).filter(Boolean).length;
  expect(admitted(SLOW_REQUEST_LINES_MAX)).toBe(SLOW_REQUEST_LINES_MAX);
  expect(admitted(1000)).toBe(0);
  slow.endWindow();
  expect(log).toEqual(["warn 1000 more slow requests were left out\n"]);
  expect(admitted(SLOW_REQUEST_LINES_MAX)).toBe(SLOW_REQUEST_LINES_MAX);
  slow.endWindow();
  slow.endWindow();
  expect(log).toHaveLength(1);
});
