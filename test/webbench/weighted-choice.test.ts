import { expect, test } from "bun:test";
import { AssertionError } from "../../src/core/assert.ts";
import { WeightedChoice } from "../../src/webbench/weighted-choice.ts";

test("WeightedChoice is exact after every round, and smooth within it", () => {
  const choice = new WeightedChoice([5, 1, 2]);
  for (let round = 0; round < 3; round++) {
    const counts = [0, 0, 0];
    let longest = 0;
    let run = 0;
    let last = -1;
    for (let turn = 0; turn < 8; turn++) {
      const next = choice.next();
      counts[next]!++;
      run = next === last ? run + 1 : 1;
      longest = Math.max(longest, run);
      last = next;
    }
    expect(counts).toEqual([5, 1, 2]);
    expect(longest).toBeLessThanOrEqual(2);
  }
});

test("WeightedChoice needs weights above 0", () => {
  for (const weights of [[], [0], [1, -1]]) {
    expect(() => new WeightedChoice(weights)).toThrow(AssertionError);
  }
});
