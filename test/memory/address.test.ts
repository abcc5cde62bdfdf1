import { expect, test } from "bun:test";

import {
  PAGE_BYTES,
  PAGE_GRANULES,
  PAGES_MAX,
  addressOf,
  pageOf,
  pagesFor,
} from "../../src/memory/address.ts";

test("pageOf undoes addressOf up to the last page of 16 GiB, in a positive int32", () => {
  for (const page of [1, 2, 1023, 1 << 19, PAGES_MAX - 1]) {
    const address = addressOf(page);
    expect(address).toBeGreaterThan(0);
    expect(address | 0).toBe(address);
    expect(pageOf(address)).toBe(page);
    expect(pageOf(address + PAGE_GRANULES - 1)).toBe(page);
  }
});

test("pagesFor rounds up", () => {
  expect(pagesFor(1)).toBe(1);
  expect(pagesFor(PAGE_BYTES)).toBe(1);
  expect(pagesFor(PAGE_BYTES + 1)).toBe(2);
});
