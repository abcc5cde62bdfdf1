import { describe, expect, test } from "bun:test";
import { KIB } from "../../src/core/limits.ts";
import { createCharge, PlainStore } from "../../src/memory/plain-store.ts";

describe("PlainStore", () => {
  test("gives blocks of the size asked for, rounded to KiB, and charges them", () => {
    const store = new PlainStore(64 * KIB);
    const address = store.acquire(1000);
    expect(address).toBeGreaterThan(0);
    expect(store.bytesInUse).toBe(1 * KIB);
    expect(store.view(address, 1000).length).toBe(1000);
    store.release(address);
    expect(store.bytesInUse).toBe(0);
  });

  test("refuses what is over the limit, and charges nothing for it", () => {
    const store = new PlainStore(10 * KIB);
    const first = store.acquire(8 * KIB);
    expect(store.acquire(3 * KIB)).toBe(0);
    expect(store.bytesInUse).toBe(8 * KIB);
    expect(store.acquire(2 * KIB)).toBeGreaterThan(0);
    store.release(first);
    expect(store.bytesInUse).toBe(2 * KIB);
  });

  test("never gives 0 or an address that is in use", () => {
    const store = new PlainStore(1024 * KIB);
    const taken = new Set<number>();
    for (let count = 0; count < 100; count++) {
      const address = store.acquire(KIB);
      expect(address).toBeGreaterThan(0);
      expect(taken.has(address)).toBe(false);
      taken.add(address);
      if (count % 3 === 0) {
        store.release(address);
        taken.delete(address);
      }
    }
    expect(store.bytesInUse).toBe(taken.size * KIB);
  });

  test("catches a double release and a foreign address", () => {
    const store = new PlainStore(64 * KIB);
    const address = store.acquire(KIB);
    store.release(address);
    expect(() => store.release(address)).toThrow("not in use");
    expect(() => store.release(77)).toThrow("not in use");
    expect(() => store.view(0, 1)).toThrow("not in use");
  });

  test("shares one limit with the other stores of the process", () => {
    const charge = createCharge();
    const one = new PlainStore(10 * KIB, charge);
    const two = new PlainStore(10 * KIB, charge);
    const address = one.acquire(8 * KIB);
    expect(two.acquire(4 * KIB)).toBe(0);
    one.release(address);
    expect(two.acquire(4 * KIB)).toBeGreaterThan(0);
    expect(one.bytesInUse).toBe(4 * KIB);
  });
});
