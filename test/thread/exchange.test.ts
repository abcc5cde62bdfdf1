import { expect, test } from "bun:test";
import { AssertionError } from "../../src/core/assert.ts";
import { bellOf, Exchange, openBells, openRings } from "../../src/thread/exchange.ts";

const NOTHING = new Uint8Array(0);

test("Exchange gives each member a number, and the numbers of those who left again", () => {
  const exchange = new Exchange(2, 256);
  const [first, second] = [exchange.admit(), exchange.admit()];
  expect([first, second, exchange.admit()]).toEqual([0, 1, -1]);
  exchange.dismiss(first);
  expect(exchange.admit()).toBe(first);
  exchange.dismiss(second);
  expect(() => exchange.dismiss(second)).toThrow(AssertionError);
});

test("Exchange takes a member out of all rings when it is dismissed", () => {
  const exchange = new Exchange(3, 256);
  const rings = openRings(exchange.handle);
  const dead = [exchange.admit(), exchange.admit(), exchange.admit()][2]!;
  for (const ring of rings) ring.activate(dead);
  for (const ring of rings) while (ring.write(1, NOTHING, NOTHING));
  exchange.dismiss(dead);
  for (const ring of rings) expect(ring.write(1, NOTHING, NOTHING)).toBe(true);
});

test("openRings and openBells do not overlap, and a clone of the handle is the same memory", () => {
  const { handle } = new Exchange(4, 256);
  const other = structuredClone(handle);
  const bells = openBells(handle);
  for (let member = 0; member < 4; member++) bells[bellOf(member)] = -1;
  const rings = openRings(handle);
  for (const [member, ring] of rings.entries()) {
    ring.activate(member);
    for (let count = 0; count < 8; count++)
      ring.write(member, new Uint8Array(16).fill(255), NOTHING);
  }
  const tags: number[] = [];
  const visitor = { wants: () => true, receive: (tag: number) => void tags.push(tag) };
  for (const [member, ring] of openRings(other).entries()) ring.read(member, 100, visitor);
  expect(tags).toEqual([0, 1, 2, 3].flatMap((tag) => new Array<number>(8).fill(tag)));
  expect([0, 1, 2, 3].map((member) => bells[bellOf(member)])).toEqual([-1, -1, -1, -1]);
});
