import { afterEach, describe, expect, test } from "bun:test";
import { ECANCELED, OP_NOP, OP_POLL_ADD } from "../../../src/net/uring/ring-abi.ts";
import { Ring } from "../../../src/net/uring/ring.ts";
import { calls, isSupported } from "./ring-world.ts";

let ring: Ring | null = null;
afterEach(() => {
  ring?.close();
  ring = null;
});

function open(entries: number, completions: number): Ring {
  ring = Ring.open(calls, entries, completions);
  return ring;
}

function nop(target: Ring, low: number, high = 0): void {
  target.push(OP_NOP, -1, 0, 0, 0, low, high, 0);
}

describe.skipIf(!isSupported)("Ring", () => {
  test("brings back what each request carried, in order", () => {
    const target = open(8, 16);
    nop(target, 16, 7);
    nop(target, -1, 0x7fff_ffff);
    expect([target.pendingCount, target.hasCompletions]).toEqual([2, false]);
    target.submit();
    expect([target.pendingCount, target.hasCompletions]).toEqual([0, true]);
    const seen: number[][] = [];
    while (target.next()) seen.push([target.userLow, target.userHigh, target.result, target.flags]);
    expect(seen).toEqual([
      [16, 7, 0, 0],
      [-1, 0x7fff_ffff, 0, 0],
    ]);
    expect(target.next()).toBe(false);
  });

  test("submits a full queue by itself and loses nothing", () => {
    const target = open(4, 64);
    for (let number = 1; number <= 30; number++) nop(target, number);
    target.submit();
    for (let number = 1; number <= 30; number++) {
      expect([target.next(), target.userLow]).toEqual([true, number]);
    }
    expect(target.hasCompletions).toBe(false);
  });

  test("keeps completions that find no room until they can be had", () => {
    const target = open(4, 8);
    for (let number = 1; number <= 40; number++) nop(target, number);
    target.submit();
    const seen: number[] = [];
    for (let round = 0; round < 20; round++) {
      while (target.next()) seen.push(target.userLow);
      nop(target, 0);
      target.submit(); // brings what the kernel has put aside
    }
    expect(seen.filter((number) => number > 0)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  });

  test("goes round both queues many times", () => {
    const target = open(8, 16);
    for (let number = 1; number <= 1000; number++) {
      nop(target, number, -number);
      target.submit();
      expect(target.next()).toBe(true);
      expect([target.userLow, target.userHigh]).toEqual([number, -number]);
    }
  });

  test("scan sees what waits, and blanks what it is told to", () => {
    const target = open(8, 16);
    for (const number of [1, 2, 3]) nop(target, number);
    target.submit();
    target.next();
    const seen: number[] = [];
    target.scan((low) => {
      seen.push(low);
      return low === 2;
    });
    expect(seen).toEqual([2, 3]);
    target.next();
    expect(target.userLow).toBe(0);
    target.next();
    expect(target.userLow).toBe(3);
  });

  test("cancels by user data whose every bit counts", () => {
    const target = open(8, 16);
    const pair = new Int32Array(2);
    calls.socketpair(1, 1, 0, pair);
    const users: [number, number][] = [
      [0x15, 1 << 21],
      [0x12, 0x7fff_ffff],
      [-1, -1],
    ];
    for (const [low, high] of users) target.push(OP_POLL_ADD, pair[0]!, 0, 0, 1, low, high, 0);
    for (const [low, high] of users) {
      target.cancel(low, high, 0);
      target.submit();
      expect([target.next(), target.userLow, target.userHigh]).toEqual([true, low, high]);
      expect(target.result).toBe(-ECANCELED);
    }
    for (const fd of pair) calls.close(fd);
  });

  test("scan sees what found no room in the queue too, and next() keeps the order", () => {
    const target = open(4, 8);
    for (let number = 1; number <= 41; number++) nop(target, number);
    target.submit();
    target.next();
    const seen: number[] = [];
    let aside = 0;
    target.scan((low, _high, _result, isAside) => {
      if (isAside) aside++;
      seen.push(low);
      return low === 20;
    });
    const all = Array.from({ length: 40 }, (_, index) => index + 2);
    expect(seen).toEqual(all);
    expect(aside).toBeGreaterThan(0); // out of the memory that others can see
    for (const number of all) {
      expect([target.next(), target.userLow]).toEqual([true, number === 20 ? 0 : number]);
    }
    expect([target.next(), target.hasCompletions]).toEqual([false, false]);
  });

  test("says before each time that it submits, a full queue included", () => {
    const target = open(4, 64);
    let count = 0;
    target.onSubmit = () => count++;
    for (let number = 1; number <= 4; number++) nop(target, number);
    expect(count).toBe(0);
    nop(target, 5);
    expect(count).toBe(1);
    target.submit();
    expect(count).toBe(2);
  });

  test("waits for a completion, not without end, and not for one that is there", () => {
    const target = open(8, 16);
    for (let times = 0; times < 500; times++) target.submit(1);
    expect(target.hasCompletions).toBe(false);
    for (let number = 1; number <= 500; number++) {
      nop(target, number);
      target.submit(10_000_000); // it is there at once
      expect([target.next(), target.userLow]).toEqual([true, number]);
    }
  });

  test("says why there can be none", () => {
    expect(() => Ring.open(calls, 0, 16)).toThrow("io_uring_setup: invalid argument (EINVAL)");
    expect(() => Ring.open({ ...calls, mmap: () => -1 }, 8, 16)).toThrow("mmap of an io_uring");
  });

  test("tries again what the kernel puts off, and refuses what it cannot explain", () => {
    const target = open(8, 16);
    const { enter, errno } = calls;
    let failures = 3;
    let reason = 4; // EINTR
    calls.enter = (...args) => (failures-- > 0 ? -1 : enter(...args));
    calls.errno = () => reason;
    try {
      nop(target, 5);
      target.submit();
      expect([failures, target.next(), target.userLow]).toEqual([-1, true, 5]);
      [failures, reason] = [1, 9]; // EBADF
      nop(target, 6);
      expect(() => target.submit()).toThrow("io_uring_enter failed with 9");
    } finally {
      Object.assign(calls, { enter, errno });
    }
  });
});
