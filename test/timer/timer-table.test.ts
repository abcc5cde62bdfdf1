import { describe, expect, test } from "bun:test";
import { type TimerHandle, TimerTable } from "../../src/timer/timer-table.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { Random, seedOfRun } from "../support/random.ts";

function table(onExpire: (name: string, handle: TimerHandle) => void = () => {}): {
  clock: FakeClock;
  timers: TimerTable<string>;
  fired: string[];
} {
  const clock = new FakeClock();
  const fired: string[] = [];
  const timers = new TimerTable<string>({
    clock,
    host: clock.timers,
    onExpire: (name, handle) => {
      fired.push(name);
      onExpire(name, handle);
    },
  });
  return { clock, timers, fired };
}

describe("TimerTable", () => {
  test("fires with the payload, once", () => {
    const { clock, timers, fired } = table();
    timers.start(500, "b");
    timers.start(100, "a");
    clock.advance(99);
    expect(fired).toEqual([]);
    clock.advance(10_000);
    expect(fired).toEqual(["a", "b"]);
    expect(timers.size).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  test("refuses the handle of a timer that has fired, though its place is taken again", () => {
    const { clock, timers, fired } = table();
    const first = timers.start(100, "first");
    clock.advance(200);
    const second = timers.start(100, "second");
    expect(second).not.toBe(first);
    expect(timers.has(first)).toBe(false);
    expect(timers.stop(first)).toBe(false);
    expect(timers.restart(first, 5)).toBe(false);
    expect(timers.has(second)).toBe(true);
    clock.advance(200);
    expect(fired).toEqual(["first", "second"]);
  });

  test("refuses the handle of a timer that was stopped, and any number that is none", () => {
    const { timers } = table();
    const handle = timers.start(100, "x");
    expect(timers.stop(handle)).toBe(true);
    expect(timers.stop(handle)).toBe(false);
    for (const foreign of [-1, NaN, 0, 5, 2 ** 20, 2 ** 52, Infinity, 0.5, handle + 2 ** 20]) {
      expect(timers.has(foreign)).toBe(false);
    }
    timers.start(100, "y");
    expect(timers.has(handle)).toBe(false);
  });

  test("restarts a timer, sooner or later", () => {
    const { clock, timers, fired } = table();
    const handle = timers.start(1_000, "x");
    clock.advance(900);
    expect(timers.restart(handle, 1_000)).toBe(true);
    clock.advance(900);
    expect(fired).toEqual([]);
    timers.restart(handle, 10);
    clock.advance(20);
    expect(fired).toEqual(["x"]);
  });

  test("lets a callback start, stop and restart timers", () => {
    const handles: TimerHandle[] = [];
    const { clock, timers, fired } = table((name, handle) => {
      expect(timers.has(handle)).toBe(false);
      if (name === "a") {
        timers.stop(handles[1]!);
        timers.start(50, "d");
      }
    });
    for (const name of ["a", "b"]) handles.push(timers.start(name === "a" ? 100 : 110, name));
    clock.advance(1_000);
    expect(fired).toEqual(["a", "d"]);
  });

  test("fires nothing after it is closed", () => {
    const { clock, timers, fired } = table();
    const handle = timers.start(100, "x");
    timers.close();
    expect(timers.size).toBe(0);
    expect(timers.has(handle)).toBe(false);
    clock.advance(1_000);
    expect(fired).toEqual([]);
    expect(() => timers.start(1, "late")).toThrow("Cannot start a timer: they are closed");
    expect(timers.restart(handle, 1)).toBe(false);
    timers.close();
  });

  test("refuses delays that cannot be meant", () => {
    const { timers } = table();
    expect(() => timers.start(-1, "x")).toThrow(
      new RangeError("Cannot start a timer of -1 ms: it must be 0..1099511627776"),
    );
    for (const delayMs of [NaN, "5", null, undefined]) {
      expect(() => timers.start(delayMs as never, "x")).toThrow(RangeError);
    }
    expect(() => new TimerTable({} as never)).toThrow("onExpire must be a function");
    expect(() => timers.start(Infinity, "x")).toThrow(RangeError);
    expect(() => new TimerTable({ onExpire() {}, tickMs: 0 })).toThrow(RangeError);
    expect(timers.size).toBe(0);
  });

  test("agrees with a map through seeded use", () => {
    const random = new Random(seedOfRun());
    const model = new Map<TimerHandle, string>();
    const { clock, timers, fired } = table((_name, handle) => void model.delete(handle));
    const handles: TimerHandle[] = [];
    for (let step = 0; step < 5_000; step++) {
      const choice = random.below(10);
      const handle = handles.length === 0 ? 0 : random.pick(handles);
      if (choice < 5) {
        const started = timers.start(random.below(2_000), `${step}`);
        if (handles.includes(started)) throw new Error(`a handle twice; seed ${random.seed}`);
        handles.push(started);
        model.set(started, `${step}`);
      } else if (choice < 7) {
        expect(timers.stop(handle)).toBe(model.delete(handle));
      } else if (choice < 9) {
        expect(timers.restart(handle, random.below(2_000))).toBe(model.has(handle));
      } else {
        clock.advance(random.below(500));
      }
      expect(timers.size).toBe(model.size);
    }
    clock.advance(10_000);
    expect(model.size).toBe(0);
    expect(new Set(fired).size).toBe(fired.length);
    expect(fired.length).toBeGreaterThan(0);
  });
});
