import { describe, expect, test } from "bun:test";
import { TimingWheel } from "../../src/timer/timing-wheel.ts";
import { Random, seedOfRun } from "../support/random.ts";

const SECOND = 1000;

/** A wheel of one slot a second, as in the pictures: the tail moves on with each second. */
class SecondsWheel {
  nowMs = 0;
  readonly wheel: TimingWheel = new TimingWheel({ capacity: 4, tickMs: SECOND, nowMs: 0 });
  readonly lifeMs: number;

  constructor(lifeSeconds: number) {
    this.lifeMs = lifeSeconds * SECOND;
  }

  receive(connection: number): void {
    this.wheel.schedule(connection, this.nowMs + this.lifeMs);
  }

  /** Lets seconds pass and returns [second, connections that were closed] where there were any. */
  pass(seconds: number): [number, number[]][] {
    const closed: [number, number[]][] = [];
    for (let count = 0; count < seconds; count++) {
      this.nowMs += SECOND;
      const ids = expireAll(this.wheel, this.nowMs);
      if (ids.length > 0) closed.push([this.nowMs / SECOND, ids]);
    }
    return closed;
  }

  lifeLeft(connection: number): number {
    return (this.wheel.deadlineMs(connection) - this.nowMs) / SECOND;
  }
}

function expireAll(wheel: TimingWheel, nowMs: number, budget = 3): number[] {
  const out = new Int32Array(budget);
  const ids: number[] = [];
  for (;;) {
    const count = wheel.expire(nowMs, out, budget);
    ids.push(...out.subarray(0, count));
    if (count < budget) return ids.toSorted((left, right) => left - right);
  }
}

function newWheel(tickMs = 100, nowMs = 0, capacity = 16): TimingWheel {
  return new TimingWheel({ capacity, tickMs, nowMs });
}

describe("TimingWheel in the three cases", () => {
  test("8 s without data: closed", () => {
    const world = new SecondsWheel(8);
    world.receive(0);
    expect(world.pass(7)).toEqual([]);
    expect(world.pass(5)).toEqual([[8, [0]]]);
  });

  test("7 s without data, data in the 8th: a life of 8 s, not of 1", () => {
    const world = new SecondsWheel(8);
    world.receive(0);
    world.pass(7);
    world.nowMs += 999; // at the last moment
    world.receive(0);
    expect(world.lifeLeft(0)).toBe(8);
    world.nowMs -= 999;
    expect(world.pass(8)).toEqual([]);
    expect(world.pass(3)).toEqual([[16, [0]]]);
  });

  test("hundreds of thousands of connections: exactly the silent ones are closed", () => {
    const connections = 200_000;
    const wheel = newWheel(SECOND, 0, connections);
    for (let id = 0; id < connections; id++) wheel.schedule(id, 8 * SECOND);
    for (let id = 0; id < connections; id++) if (id % 10 !== 0) wheel.schedule(id, 15 * SECOND);
    expect(expireAll(wheel, 7_999, 4096)).toEqual([]);
    const closed = expireAll(wheel, 8_000, 4096);
    expect(closed.length).toBe(connections / 10);
    expect(closed.every((id) => id % 10 === 0)).toBe(true);
    expect(wheel.byteLength / connections).toBeLessThan(24);
  });
});

describe("TimingWheel in the pictures", () => {
  test("one connection loses a second of its 7 with each slot, and is closed with its slot", () => {
    const world = new SecondsWheel(7);
    world.receive(1);
    for (let left = 7; left > 0; left--) {
      expect(world.lifeLeft(1)).toBe(left);
      expect(world.pass(1)).toEqual(left === 1 ? [[7, [1]]] : []);
    }
  });

  test("a connection with 3 s left that receives data has 7 s again", () => {
    const world = new SecondsWheel(7);
    world.receive(1);
    world.pass(4);
    expect(world.lifeLeft(1)).toBe(3);
    world.receive(1);
    expect(world.lifeLeft(1)).toBe(7);
    expect(world.pass(20)).toEqual([[11, [1]]]);
  });

  test("of two connections in one slot the one that received data outlives the other", () => {
    const world = new SecondsWheel(7);
    world.receive(1);
    world.receive(2);
    world.pass(4);
    expect(world.lifeLeft(1)).toBe(world.lifeLeft(2));
    world.receive(1);
    expect(world.pass(20)).toEqual([
      [7, [2]],
      [11, [1]],
    ]);
  });
});

describe("TimingWheel", () => {
  test("wakes for the tick of the earliest timer, and never while nothing is armed", () => {
    const wheel = newWheel();
    expect(wheel.nextWakeMs()).toBe(Infinity);
    wheel.schedule(0, 1234);
    expect(wheel.nextWakeMs()).toBe(1300);
    wheel.schedule(1, 1100);
    expect(wheel.nextWakeMs()).toBe(1100);
    wheel.cancel(1);
    wheel.cancel(0);
    expect(wheel.nextWakeMs()).toBe(Infinity);
  });

  test("takes an earlier deadline at once", () => {
    const wheel = newWheel();
    wheel.schedule(0, 60_000);
    wheel.schedule(0, 300);
    expect(expireAll(wheel, 300)).toEqual([0]);
    expect(expireAll(wheel, 1e6)).toEqual([]);
    wheel.checkInvariants();
  });

  test("takes any change of mind within one slot", () => {
    const wheel = newWheel();
    for (const deadlineMs of [250, 220, 299, 201, 300]) wheel.schedule(0, deadlineMs);
    expect(expireAll(wheel, 299)).toEqual([]);
    expect(expireAll(wheel, 300)).toEqual([0]);
    wheel.schedule(1, 500);
    wheel.schedule(1, 400);
    expect(expireAll(wheel, 400)).toEqual([1]);
  });

  test("fires what is overdue when it is armed with the next tick", () => {
    const wheel = newWheel(100, 5000);
    wheel.schedule(0, 1);
    wheel.schedule(1, -Infinity);
    wheel.schedule(2, 5000);
    expect(expireAll(wheel, 5000)).toEqual([]);
    expect(wheel.nextWakeMs()).toBe(5100);
    expect(expireAll(wheel, 5100)).toEqual([0, 1, 2]);
  });

  test("fires a timer once", () => {
    const wheel = newWheel();
    wheel.schedule(0, 100);
    expect(expireAll(wheel, 100)).toEqual([0]);
    expect(wheel.isArmed(0)).toBe(false);
    expect(wheel.deadlineMs(0)).toBe(Infinity);
    expect(expireAll(wheel, 1e9)).toEqual([]);
  });

  test("does not fire what was cancelled between two batches of one slot", () => {
    const wheel = newWheel();
    for (let id = 0; id < 10; id++) wheel.schedule(id, 100);
    const out = new Int32Array(4);
    expect(wheel.expire(100, out, 4)).toBe(4);
    wheel.checkInvariants();
    for (let id = 0; id < 10; id++) wheel.cancel(id);
    expect(wheel.expire(100, out, 4)).toBe(0);
    expect(wheel.nextWakeMs()).toBe(Infinity);
    wheel.checkInvariants();
  });

  test("keeps what is armed between two batches, for now or later", () => {
    const wheel = newWheel();
    for (let id = 0; id < 4; id++) wheel.schedule(id, 100);
    const out = new Int32Array(2);
    expect(wheel.expire(100, out, 2)).toBe(2);
    wheel.schedule(10, 50);
    wheel.schedule(out[0]!, 150);
    wheel.checkInvariants();
    expect(expireAll(wheel, 100).length).toBe(2);
    expect(expireAll(wheel, 200)).toEqual([out[0]!, 10].toSorted((a, b) => a - b));
  });

  test("stops after as many visits as it is allowed, and says so", () => {
    const wheel = newWheel(100, 0, 1000);
    for (let id = 0; id < 1000; id++) wheel.schedule(id, 500);
    for (let id = 0; id < 1000; id++) wheel.schedule(id, id === 0 ? 900 : 10_000);
    const out = new Int32Array(8);
    let calls = 0;
    do expect(wheel.expire(700, out, 8, 100)).toBe(0);
    while (wheel.isBehind && calls++ < 100);
    expect(calls).toBeGreaterThanOrEqual(9);
    expect(calls).toBeLessThanOrEqual(12);
    wheel.checkInvariants();
    expect(expireAll(wheel, 900)).toEqual([0]);
    expect(wheel.isBehind).toBe(false);
  });

  test("expires in the order of ticks after a jump over all of its rings", () => {
    const wheel = newWheel(1);
    const deadlines = [5, 4095, 4096, 4097, 262_143, 262_144, 2 ** 24, 2 ** 30, 2 ** 36, 2 ** 40];
    deadlines.forEach((deadlineMs, id) => wheel.schedule(id, deadlineMs));
    const out = new Int32Array(1);
    const order: number[] = [];
    while (wheel.expire(2 ** 41, out, 1) === 1) order.push(out[0]!);
    expect(order).toEqual(deadlines.map((_, id) => id));
  });

  test("is exact on both sides of every boundary of its rings", () => {
    for (const start of [0, 1, 4095, 4096, 262_143, 2 ** 31 - 1, 2 ** 32, 2 ** 40 + 4095]) {
      for (const power of [0, 1, 11, 12, 13, 17, 18, 19, 24, 30, 36, 41, 42, 43]) {
        for (const delta of [-1, 0, 1]) {
          const wheel = newWheel(1, start);
          const deadlineMs = start + 2 ** power + delta;
          wheel.schedule(0, deadlineMs);
          wheel.checkInvariants();
          const dueMs = Math.max(deadlineMs, start + 1);
          expect(expireAll(wheel, dueMs - 1)).toEqual([]);
          wheel.checkInvariants();
          expect(expireAll(wheel, dueMs)).toEqual([0]);
        }
      }
    }
  });

  test("wakes seldom on the way to a far deadline", () => {
    const wheel = newWheel(1);
    wheel.schedule(0, 2 ** 40 + 12_345);
    let wakes = 0;
    for (;;) {
      const wakeMs = wheel.nextWakeMs();
      expect(wakeMs).toBeLessThanOrEqual(2 ** 40 + 12_345);
      wakes++;
      if (expireAll(wheel, wakeMs).length > 0) break;
    }
    expect(wakes).toBeLessThanOrEqual(6);
  });

  test("stands still while the clock goes back, and loses nothing", () => {
    const wheel = newWheel(100, 10_000);
    wheel.schedule(0, 10_500);
    expect(expireAll(wheel, 10_300)).toEqual([]);
    expect(expireAll(wheel, 2_000)).toEqual([]);
    wheel.schedule(1, 2_100);
    expect(expireAll(wheel, 10_499)).toEqual([1]);
    expect(expireAll(wheel, 10_500)).toEqual([0]);
  });

  test("grows by itself and keeps what is armed", () => {
    const wheel = newWheel(100, 0, 1);
    wheel.schedule(0, 500);
    wheel.schedule(5_000, 400);
    wheel.cancel(1_000_000);
    expect(wheel.isArmed(1_000_000)).toBe(false);
    wheel.ensureCapacity(20_000);
    wheel.checkInvariants();
    expect(expireAll(wheel, 500)).toEqual([0, 5_000]);
  });

  test("drops what cancels leave behind when it is met", () => {
    const wheel = newWheel();
    for (let id = 0; id < 16; id++) wheel.schedule(id, 1000 + id * 10_000_000);
    for (let id = 0; id < 16; id++) wheel.cancel(id);
    expect(expireAll(wheel, 1e10)).toEqual([]);
    expect(wheel.entryCount).toBe(0);
  });

  test("drops what earlier deadlines leave behind when it is met", () => {
    const wheel = newWheel();
    for (const deadlineMs of [9_000, 7_000, 5_000]) wheel.schedule(0, deadlineMs);
    wheel.schedule(0, 8_000);
    expect(wheel.entryCount).toBe(3);
    expect(expireAll(wheel, 7_500)).toEqual([]);
    expect(wheel.entryCount).toBe(2);
    expect(expireAll(wheel, 9_000)).toEqual([0]);
    expect(wheel.entryCount).toBe(0);
  });

  test("sweeps what earlier deadlines leave behind before it gathers", () => {
    const wheel = newWheel(1, 0, 64);
    for (let nowMs = 0; nowMs < 200; nowMs++) {
      for (let id = 0; id < 64; id++) {
        for (let delay = 4000; delay > 3000; delay -= 37) wheel.schedule(id, nowMs + delay);
        if (id > 0) wheel.schedule(id, nowMs + 1);
      }
      expect(wheel.entryCount).toBeLessThanOrEqual(8 * 64 + 1024);
      expect(expireAll(wheel, nowMs + 1).length).toBe(63);
    }
    wheel.checkInvariants();
    expect(expireAll(wheel, 1e6)).toEqual([0]);
  });

  test("knows at once what was told and is not in its records yet", () => {
    for (let others = 0; others < 130; others++) {
      const wheel = newWheel(100, 0, 200);
      for (let id = 0; id < others; id++) wheel.schedule(id, 50_000);
      wheel.schedule(150, 700);
      expect(wheel.isArmed(150)).toBe(true);
      wheel.schedule(150, 600);
      expect(wheel.deadlineMs(150)).toBe(600);
      wheel.schedule(151, 900);
      expect(wheel.nextWakeMs()).toBe(600);
      wheel.cancel(150);
      expect(wheel.isArmed(150)).toBe(false);
      wheel.cancel(151);
      wheel.schedule(152, 800);
      expect(wheel.armedCount).toBe(others + 1);
      wheel.schedule(153, 800);
      expect(expireAll(wheel, 800)).toEqual([152, 153]);
      wheel.cancel(0);
      expect(wheel.armedCount).toBe(Math.max(0, others - 1));
      wheel.checkInvariants();
    }
  });

  test("takes any change of mind about any timer in the order in which it is told", () => {
    const random = new Random(seedOfRun());
    for (let round = 0; round < 300; round++) {
      const wheel = newWheel(100, 0, 1); // the records move while the inbox is full
      const last = new Map<number, number>();
      for (let told = random.below(400); told >= 0; told--) {
        const id = random.below(random.oneIn(20) ? 500 : 4);
        const deadlineMs = random.below(50) * 100;
        if (random.oneIn(3)) {
          wheel.cancel(id);
          last.delete(id);
        } else {
          wheel.schedule(id, deadlineMs);
          last.set(id, Math.max(deadlineMs, 100));
        }
      }
      for (let nowMs = 0; nowMs <= 5_000; nowMs += 100) {
        const due = [...last].filter(([, dueMs]) => dueMs === nowMs).map(([id]) => id);
        due.sort((left, right) => left - right);
        const fired = expireAll(wheel, nowMs);
        const where = `seed ${random.seed}, round ${round}, ${nowMs} ms`;
        if (fired.join() !== due.join()) throw new Error(`${where}: ${fired} instead of ${due}`);
      }
      expect(wheel.armedCount).toBe(0);
    }
  });

  test("files what was told before the time was told, not by the later time", () => {
    const wheel = newWheel();
    wheel.schedule(0, 300);
    wheel.advance(1_000);
    expect(wheel.nextWakeMs()).toBe(300);
    wheel.schedule(1, 300);
    expect(expireAll(wheel, 1_000)).toEqual([0]);
    expect(expireAll(wheel, 1_100)).toEqual([1]);
  });

  test("files by the present time after a long time without timers", () => {
    const wheel = newWheel();
    expireAll(wheel, 1_000_000);
    wheel.schedule(0, 1_005_000);
    expect(wheel.nextWakeMs()).toBe(1_005_000);
    wheel.cancel(0);
    wheel.advance(9_000_000);
    expireAll(wheel, 9_000_000);
    wheel.schedule(0, 9_005_000);
    expect(wheel.nextWakeMs()).toBe(9_005_000);
  });

  test("keeps its invariants through seeded abuse", () => {
    const random = new Random(seedOfRun());
    const wheel = newWheel(10, 0, 200);
    let nowMs = 0;
    for (let step = 0; step < 3_000; step++) {
      const id = random.below(200);
      if (random.oneIn(5)) wheel.cancel(id);
      else wheel.schedule(id, nowMs + 2 ** random.below(22) - 5);
      if (random.oneIn(20)) wheel.expire(nowMs, new Int32Array(2), 2);
      if (random.oneIn(50)) wheel.advance(nowMs);
      if (random.oneIn(10)) nowMs += 2 ** random.below(18);
      if (random.oneIn(40)) wheel.checkInvariants();
    }
    const armed = wheel.armedCount;
    expect(expireAll(wheel, 2 ** 45).length).toBe(armed);
    expect(wheel.armedCount).toBe(0);
    wheel.checkInvariants();
  });

  test("refuses what only a bug can ask for", () => {
    const wheel = newWheel();
    expect(() => wheel.schedule(-1, 5)).toThrow("a timer id must not be negative");
    expect(() => wheel.schedule(0, Infinity)).toThrow("a deadline must be a finite time");
    expect(() => wheel.schedule(0, NaN)).toThrow("a deadline must be a finite time");
    expect(() => wheel.expire(0, new Int32Array(1), 2)).toThrow("the budget must fit");
    expect(() => wheel.expire(0, new Int32Array(1), 0)).toThrow("the budget must fit");
    expect(() => newWheel(0)).toThrow("a tick is whole milliseconds");
    expect(() => newWheel(1.5)).toThrow("a tick is whole milliseconds");
    expect(() => newWheel(1, 0, 0)).toThrow("wheel capacity out of range");
    wheel.checkInvariants();
  });
});
