// What is told of handlers that fail: in both kinds of listeners, and not without end.

import { expect, test } from "bun:test";
import { LINES_PER_WINDOW_MAX } from "../../src/core/limits.ts";
import { createLog } from "../../src/core/log.ts";
import { FailureLog } from "../../src/server/failure-log.ts";
import { HttpWorld } from "./http-world.ts";

test("FailureLog tells text and place, until there are too many", () => {
  const lines: string[] = [];
  const failures = new FailureLog(createLog({ write: (line) => void lines.push(line.slice(25)) }));
  failures.tell(new Error("broken\nin two"), " (request 7)");
  expect(lines[0]).toBe("error a handler failed: broken\\x0ain two (request 7)\n");
  expect(lines[1]).toContain("failure-log.test.ts");
  failures.tell("text");
  const first = lines.length;
  for (let count = 2; count < LINES_PER_WINDOW_MAX + 500; count++) failures.tell("more");
  expect(lines.length).toBe(first + LINES_PER_WINDOW_MAX - 2);
  failures.close();
  expect(lines.at(-1)).toBe("warn 500 more failures of handlers were left out\n");
});

test("a peer that makes a handler fail again and again does not fill the log", () => {
  const world = new HttpWorld({
    fetch: () => {
      throw new Error("broken");
    },
  });
  const peer = world.connect();
  for (let count = 0; count < 200; count++) peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(world.log.filter((line) => line.includes("a handler failed"))).toHaveLength(
    LINES_PER_WINDOW_MAX,
  );
  expect([world.requests, world.responses]).toEqual([200, 200]);
});
