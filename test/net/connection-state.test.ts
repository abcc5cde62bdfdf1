import { expect, test } from "bun:test";
import {
  STATE_CLOSED,
  STATE_DRAINING,
  STATE_LINGERING,
  STATE_OPEN,
} from "../../src/net/connection-state.ts";

test("states compare in the order of a life", () => {
  const life = [STATE_OPEN, STATE_DRAINING, STATE_LINGERING, STATE_CLOSED];
  expect(life.toSorted((a, b) => a - b)).toEqual(life);
  expect(new Set(life).size).toBe(4);
});
