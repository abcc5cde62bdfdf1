import { expect, test } from "bun:test";
import { COUNT_HANDLER_ERRORS, COUNTERS_PER_ROW } from "../../src/core/counters.ts";
import { type ErrorCode, MillraceError } from "../../src/core/errors.ts";
import { isHandlerFault, statusOf } from "../../src/server/answer.ts";
import { GET, worldOf } from "./http-world.ts";

const fault = (code: ErrorCode): MillraceError => new MillraceError(code, "why");

test("statusOf tells the peer's faults, want of memory and the rest apart", () => {
  const statuses: [unknown, number][] = [
    [fault("ERR_BODY_TOO_LARGE"), 413],
    [fault("ERR_BODY_SYNTAX"), 400],
    [fault("ERR_BODY_MALFORMED"), 400],
    [fault("ERR_BODY_ABORTED"), 400],
    [fault("ERR_MEMORY_LIMIT"), 503],
    [fault("ERR_BODY_USED"), 500],
    [fault("ERR_RESPONSE_STATE"), 500],
    [new Error("why"), 500],
    [undefined, 500],
    ["why", 500],
  ];
  for (const [error, status] of statuses) expect(statusOf(error)).toBe(status);
});

test("isHandlerFault counts what the handler did wrong, and not that the peer left", () => {
  const counters = new Float64Array(COUNTERS_PER_ROW);
  const others = [
    fault("ERR_BODY_ABORTED"),
    fault("ERR_BODY_TOO_LARGE"),
    fault("ERR_BODY_MALFORMED"),
    fault("ERR_BODY_SYNTAX"),
    new DOMException("left", "AbortError"),
  ];
  expect(others.map((error) => isHandlerFault(error, counters))).toEqual(others.map(() => false));
  expect(counters[COUNT_HANDLER_ERRORS]).toBe(0);
  const own = [fault("ERR_BODY_USED"), fault("ERR_RESPONSE_STATE"), new Error("why"), null];
  expect(own.map((error) => isHandlerFault(error, counters))).toEqual(own.map(() => true));
  expect(counters[COUNT_HANDLER_ERRORS]).toBe(own.length);
});

test("answers of every size around the cork arrive whole, as text and as bytes", () => {
  for (const size of [0, 1, 4095, 65_300, 65_400, 65_500, 65_536, 65_537, 131_072]) {
    for (const text of ["a".repeat(size), "é".repeat(size >> 1)]) {
      const bytes = Buffer.from(text);
      const world = worldOf((from, to) => (from.path === "/" ? to.text(text) : to.send(bytes)));
      const peer = world.connect().send(GET + GET.replace("/ ", "/b ") + GET);
      const expected = bytes.toString("latin1");
      const bodies = peer.answers().map((answer) => answer.body === expected);
      expect([size, ...bodies]).toEqual([size, true, true, true]);
      peer.leave();
      world.checkEnd();
    }
  }
});
