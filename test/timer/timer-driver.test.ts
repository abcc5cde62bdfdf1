import { describe, expect, test } from "bun:test";
import { systemClock } from "../../src/core/clock.ts";
import { TimerDriver, type TimerDriverOptions } from "../../src/timer/timer-driver.ts";
import { TimingWheel } from "../../src/timer/timing-wheel.ts";
import { FakeClock } from "../support/fake-clock.ts";

const TICK_MS = 100;

interface World {
  clock: FakeClock;
  wheel: TimingWheel;
  driver: TimerDriver;
  fired: [id: number, nowMs: number][];
}

function world(options: Partial<TimerDriverOptions> = {}): World {
  const clock = new FakeClock();
  const wheel = new TimingWheel({ capacity: 8, tickMs: TICK_MS, nowMs: clock.nowMs() });
  const fired: [number, number][] = [];
  const driver = new TimerDriver({
    wheel,
    clock,
    host: clock.timers,
    onExpire: (id, nowMs) => fired.push([id, nowMs]),
    ...options,
  });
  return { clock, wheel, driver, fired };
}

describe("TimerDriver sleeping", () => {
  test("has no timer while nothing is armed", () => {
    const { clock, driver } = world();
    clock.advance(1e9);
    expect(clock.timerCount).toBe(0);
    driver.schedule(0, clock.nowMs() + 500);
    expect(clock.timerCount).toBe(1);
    driver.cancel(0);
    expect(clock.timerCount).toBe(0);
    clock.advance(1e9);
    expect(driver.wakeCount).toBe(0);
  });

  test("cancelling what is not armed, never was, or is out of range does nothing", () => {
    const { clock, driver } = world();
    driver.cancel(0);
    driver.cancel(100_000);
    driver.schedule(1, clock.nowMs() + 500);
    driver.cancel(0);
    driver.cancel(1);
    driver.cancel(1);
    expect(driver.wheel.armedCount).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  test("wakes once for one timer, at its tick", () => {
    const { clock, driver, fired } = world();
    driver.schedule(3, 1000 + 730);
    clock.advance(5000);
    expect(fired).toEqual([[3, 1800]]);
    expect(driver.wakeCount).toBe(1);
    expect(clock.timerCount).toBe(0);
  });

  test("wakes as often as the ring comes round, not as often as a timer is refreshed", () => {
    const { clock, driver, fired } = world();
    for (let count = 0; count < 6000; count++) {
      driver.schedule(0, clock.nowMs() + 6000);
      clock.advance(10);
    }
    expect(fired).toEqual([]);
    expect(driver.wakeCount).toBeLessThanOrEqual(10);
    clock.advance(6100);
    expect(fired.length).toBe(1);
  });

  test("sets the timer again only for an earlier wake-up", () => {
    const { clock, driver } = world();
    let set = 0;
    const setTimer = clock.timers.setTimer;
    clock.timers.setTimer = (callback, delayMs) => (set++, setTimer(callback, delayMs));
    driver.schedule(0, 3000);
    driver.schedule(1, 3000);
    driver.schedule(2, 9000);
    driver.schedule(3, 2950);
    expect(set).toBe(1);
    driver.schedule(4, 2900);
    expect(set).toBe(2);
    expect(clock.nextTimerMs).toBe(2900);
  });

  test("survives delays beyond what the runtime can wait for", () => {
    const { clock, driver, fired } = world();
    driver.schedule(0, 1000 + 2 ** 40);
    clock.advance(2 ** 40 - 1);
    expect(fired).toEqual([]);
    clock.advance(1 + TICK_MS);
    expect(fired.length).toBe(1);
    expect(driver.wakeCount).toBeLessThan(600);
  });

  test("catches up with a time in which it had nothing to do", () => {
    const { clock, driver, fired } = world();
    clock.advance(3_600_000);
    driver.schedule(0, clock.nowMs() + 60_000);
    clock.advance(59_999);
    expect(driver.wakeCount).toBe(0);
    clock.advance(TICK_MS + 1);
    expect(fired.length).toBe(1);
    expect(driver.wakeCount).toBe(1);
  });

  test("files by the present time while a far timer lets it sleep", () => {
    const { clock, driver } = world();
    driver.schedule(0, clock.nowMs() + 3_600_000);
    clock.advance(1_800_000);
    const before = driver.wakeCount;
    driver.schedule(1, clock.nowMs() + 60_000);
    clock.advance(59_000);
    expect(driver.wakeCount).toBe(before);
  });

  test("does not expire when the runtime's timer fires too early", () => {
    const { clock, driver, fired } = world();
    const setTimer = clock.timers.setTimer;
    let early = 250;
    clock.timers.setTimer = (callback, delayMs) => {
      const timer = setTimer(callback, delayMs - early);
      early = 0;
      return timer;
    };
    driver.schedule(0, 1600);
    clock.advance(599);
    expect(fired).toEqual([]);
    expect(driver.wakeCount).toBe(1);
    clock.advance(1);
    expect(fired).toEqual([[0, 1600]]);
  });

  test("a stopped driver fires nothing and sets nothing", () => {
    const { clock, driver, fired } = world();
    driver.schedule(0, 1500);
    driver.stop();
    driver.schedule(1, 1200);
    driver.cancel(0);
    driver.cancel(1);
    expect(clock.timerCount).toBe(0);
    clock.advance(1e6);
    expect(fired).toEqual([]);
  });
});

describe("TimerDriver after a stall", () => {
  test("reads the sockets before it evicts: waiting data renews the connection", () => {
    const { clock, driver, fired } = world();
    const timeoutMs = 2000;
    driver.schedule(0, clock.nowMs() + timeoutMs);
    driver.schedule(1, clock.nowMs() + timeoutMs);
    let waiting = true; // in the kernel, since some time during the stall
    clock.onPoll = () => {
      if (waiting) driver.schedule(1, clock.nowMs() + timeoutMs);
      waiting = false;
    };
    clock.set(clock.nowMs() + 3 * timeoutMs);
    clock.advance(0);
    expect(fired.map(([id]) => id)).toEqual([0]);
    clock.advance(timeoutMs - 1);
    expect(fired.length).toBe(1);
    clock.advance(TICK_MS + 1);
    expect(fired.map(([id]) => id)).toEqual([0, 1]);
    expect(driver.stallCount).toBe(1);
  });

  test("waits for as many polls as it may take to read every connection", () => {
    const { clock, driver, fired } = world();
    const connections = 5000;
    for (let id = 0; id < connections; id++) driver.schedule(id, clock.nowMs() + 2000);
    let next = 0;
    clock.onPoll = () => {
      const end = Math.min(next + 1024, connections);
      for (; next < end; next++) driver.schedule(next, clock.nowMs() + 2000);
    };
    clock.set(clock.nowMs() + 6000);
    clock.advance(0);
    expect(next).toBe(connections);
    expect(fired).toEqual([]);
  });

  test("polls once even when it is on time", () => {
    const { clock, driver, fired } = world();
    driver.schedule(0, 2000);
    clock.onPoll = () => driver.schedule(0, clock.nowMs() + 1000);
    clock.advance(1000);
    expect(fired).toEqual([]);
    expect(driver.stallCount).toBe(0);
  });
});

describe("TimerDriver expiring", () => {
  test("spreads a storm over turns of the loop", () => {
    const storm = 100_000;
    let polls = 0;
    let firedSincePoll = 0;
    let most = 0;
    let fired = 0;
    const state: World = world({
      turnMs: 4,
      onExpire: () => {
        fired++;
        firedSincePoll++;
        most = Math.max(most, firedSincePoll);
        state.clock.set(state.clock.nowMs() + 0.01); // closing a connection costs some 10 us
      },
    });
    const { clock, driver } = state;
    clock.onPoll = () => {
      polls++;
      firedSincePoll = 0;
    };
    for (let id = 0; id < storm; id++) driver.schedule(id, 2000);
    clock.advance(20_000);
    expect(fired).toBe(storm);
    expect(most).toBeLessThanOrEqual(416);
    expect(polls).toBeGreaterThanOrEqual(storm / 416);
    expect(driver.wheel.armedCount).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  test("lets the loop turn while it files very many timers anew", () => {
    const { clock, wheel, driver, fired } = world({ turnMs: 0 });
    const connections = 50_000;
    for (let id = 0; id < connections; id++) driver.schedule(id, 2000);
    for (let id = 0; id < connections; id++) driver.schedule(id, 60_000);
    let polls = 0;
    clock.onPoll = () => polls++;
    clock.advance(2000);
    expect(fired).toEqual([]);
    expect(polls).toBeGreaterThan(connections / 4096);
    expect(wheel.nextWakeMs()).toBe(60_000);
    expect(clock.nextTimerMs).toBe(60_000);
  });

  test("lets the loop turn as often when some of the very many fire", () => {
    const { clock, driver, fired } = world({ turnMs: 0 });
    const connections = 100_000;
    const isDue = (id: number) => id % 2000 === 0;
    for (let id = 0; id < connections; id++) driver.schedule(id, 2000);
    for (let id = 0; id < connections; id++) if (!isDue(id)) driver.schedule(id, 60_000);
    let polls = 0;
    clock.onPoll = () => polls++;
    clock.advance(2000);
    expect(fired.length).toBe(connections / 2000);
    expect(polls).toBeGreaterThan(connections / 4096);
  });

  test("a timer cancelled by another one of the same slot does not fire", () => {
    const fired: number[] = [];
    const { clock, driver } = world({
      onExpire: (id) => {
        fired.push(id);
        for (let other = 0; other < 6; other++) driver.cancel(other);
      },
    });
    for (let id = 0; id < 6; id++) driver.schedule(id, 2000);
    clock.advance(5000);
    expect(fired.length).toBe(1);
    expect(clock.timerCount).toBe(0);
  });

  test("a timer refreshed by another one of the same slot lives on", () => {
    const fired: [number, number][] = [];
    const { clock, driver } = world({
      onExpire: (id, nowMs) => {
        fired.push([id, nowMs]);
        if (fired.length === 1) driver.schedule(1 - id, nowMs + 1000);
      },
    });
    driver.schedule(0, 2000);
    driver.schedule(1, 2000);
    clock.advance(900);
    clock.advance(200);
    expect(fired.length).toBe(1);
    clock.advance(1000);
    expect(fired.map(([, nowMs]) => nowMs)).toEqual([2000, 3000]);
  });

  test("a timer that arms itself for now does not keep the loop from turning", () => {
    const state: World = world({
      onExpire: (id, nowMs) => {
        state.fired.push([id, nowMs]);
        state.driver.schedule(id, nowMs);
      },
    });
    state.driver.schedule(0, 1000);
    state.clock.advance(1000);
    expect(state.fired.length).toBeGreaterThan(5);
    expect(state.fired.length).toBeLessThanOrEqual(11);
  });

  test("sets the timer once for all that its callbacks arm and cancel", () => {
    let set = 0;
    const { clock, driver } = world({
      onExpire: (_id, nowMs) => {
        for (let id = 0; id < 50; id++) driver.schedule(id, nowMs + 5_000 - id * 100);
        for (let id = 0; id < 49; id++) driver.cancel(id);
        if (set === 1) driver.schedule(60, 0); // overdue
      },
    });
    const setTimer = clock.timers.setTimer;
    clock.timers.setTimer = (callback, delayMs) => (set++, setTimer(callback, delayMs));
    driver.schedule(0, 2000);
    clock.advance(1000);
    expect(set).toBe(2);
    expect(clock.timerCount).toBe(1);
    expect(clock.nextTimerMs).toBe(2100);
  });

  test("a callback that throws does not stop the other timers", () => {
    const fired: number[] = [];
    const { clock, driver } = world({
      onExpire: (id) => {
        fired.push(id);
        if (fired.length === 1) throw new Error("of the callback");
      },
    });
    driver.schedule(0, 2000);
    driver.schedule(1, 2000);
    driver.schedule(2, 3000);
    expect(() => clock.advance(2000)).toThrow("of the callback");
    clock.advance(2000);
    expect(fired.toSorted()).toEqual([0, 1, 2]);
  });

  test("stop() from a callback takes effect at once", () => {
    const fired: number[] = [];
    const { clock, driver } = world({
      onExpire: (id) => {
        fired.push(id);
        driver.stop();
      },
    });
    driver.schedule(0, 2000);
    driver.schedule(1, 2000);
    clock.advance(5000);
    expect(fired.length).toBe(1);
    expect(clock.timerCount).toBe(0);
  });
});

describe("TimerDriver on the real loop", () => {
  test("is never early", async () => {
    const nowMs = systemClock.nowMs();
    const wheel = new TimingWheel({ capacity: 64, tickMs: 5, nowMs });
    const early: number[] = [];
    await new Promise<void>((resolve) => {
      let left = 64;
      const driver = new TimerDriver({
        wheel,
        clock: systemClock,
        onExpire: (id) => {
          if (systemClock.nowMs() < nowMs + id) early.push(id);
          if (--left === 0) resolve();
        },
      });
      for (let id = 0; id < 64; id++) driver.schedule(id, nowMs + id);
    });
    expect(early).toEqual([]);
  });
});
