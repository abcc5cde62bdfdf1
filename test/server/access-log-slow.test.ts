import { expect, test } from "bun:test";
import { createLog } from "../../src/core/log.ts";
import { SlowRequests } from "../../src/server/access-log-slow.ts";

test("SlowRequests tells what was slow, by how much, and its id", () => {
  const log: string[] = [];
  const slow = new SlowRequests(100, createLog({ write: (line) => void log.push(line.slice(25)) }));
  slow.tell("GET /a\n2026 error forged", 1234.6, "was answered 200", "id-1");
  const what = "GET /a\\x0a2026 error forged was answered 200";
  expect(log).toEqual([`warn slow request: ${what} after 1.235 s (request id-1)\n`]);
});
