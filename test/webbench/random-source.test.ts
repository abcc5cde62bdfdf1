import { expect, test } from "bun:test";
import { randomSource } from "../../src/webbench/random-source.ts";

test("randomSource repeats itself for a seed, differs between seeds, and covers [0, 1)", () => {
  const take = (seed: number): number[] => {
    const random = randomSource(seed);
    return Array.from({ length: 10_000 }, random);
  };
  const numbers = take(1);
  expect(take(1)).toEqual(numbers);
  expect(take(2)).not.toEqual(numbers);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  for (let tenth = 0; tenth < 10; tenth++) {
    const count = numbers.filter((number) => Math.floor(number * 10) === tenth).length;
    expect(Math.abs(count - 1_000)).toBeLessThan(150);
  }
});
