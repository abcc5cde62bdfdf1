import { expect, test } from "bun:test";
import { nearestName } from "../../src/cli/nearest-name.ts";

const NAMES = ["port", "host", "workers", "max-connections", "idle-timeout", "head-timeout"];

test.each([
  ["prot", "port"],
  ["por", "port"],
  ["ports", "port"],
  ["worker", "workers"],
  ["max-conections", "max-connections"],
  ["idel-timeout", "idle-timeout"],
  ["maxconnections", "max-connections"],
  ["head-timout", "head-timeout"],
  ["", null],
  ["x", null],
  ["zzzz", null],
  ["verbose", null],
  ["p", null],
])("nearestName of %p is %p", (typed, nearest) => {
  expect(nearestName(typed, NAMES)).toBe(nearest);
});

test("nearestName survives what is long and strange", () => {
  expect(nearestName("x".repeat(5_000), NAMES)).toBeNull();
  expect(nearestName("port\0", NAMES)).toBe("port");
  expect(nearestName("port", [])).toBeNull();
});
