// The wheel against the plainest model of it: a map from id to deadline. Any delay up to 2^40 ms,
// any step of the clock; nothing early, nothing more than a tick late, each timer fired once or
// cancelled, and the wake-up never after the first timer that fires.

import { expect, test } from "bun:test";
import { messageOf } from "../../src/core/errors.ts";
import { TimingWheel } from "../../src/timer/timing-wheel.ts";
import { Random, seedOfRun } from "../support/random.ts";

interface Plan {
  seed: number;
  tickMs: number;
  ids: number;
  steps: number;
  delayBits: number;
}

/** Below 2^bits, with every order of magnitude as likely; mostly a whole number. */
function delayOf(random: Random, bits: number): number {
  const size = 2 ** ((random.uint32() / 2 ** 32) * bits);
  return random.oneIn(4) ? size : Math.floor(size);
}

function runAgainstModel(plan: Plan): number {
  const random = new Random(plan.seed);
  let nowMs = random.below(1_000_000) + 0.375;
  const wheel = new TimingWheel({ capacity: plan.ids, tickMs: plan.tickMs, nowMs });
  const model = new Map<number, { deadlineMs: number; dueMs: number }>();
  const out = new Int32Array(64);
  let fired = 0;
  const expireAll = (budget: number) => {
    const wakeMs = wheel.nextWakeMs();
    const before = fired;
    for (;;) {
      const visits = random.oneIn(2) ? Infinity : 1 + random.below(50);
      const count = wheel.expire(nowMs, out, budget, visits);
      for (let index = 0; index < count; index++) {
        const id = out[index]!;
        const timer = model.get(id);
        if (timer === undefined) throw new Error(`timer ${id} fired without being armed`);
        if (timer.deadlineMs > nowMs) throw new Error(`timer ${id} fired early`);
        if (wheel.isArmed(id)) throw new Error(`timer ${id} is armed after it fired`);
        model.delete(id);
        fired++;
        if (random.below(4) === 0) arm(id);
      }
      if (count < budget && !wheel.isBehind) break;
    }
    if (fired > before && wakeMs > nowMs) throw new Error("a timer fired before the wake-up");
    for (const [id, { dueMs }] of model) {
      if (nowMs - dueMs >= plan.tickMs) throw new Error(`timer ${id}: ${nowMs - dueMs} ms late`);
    }
  };
  const arm = (id: number) => {
    const deadlineMs = nowMs + delayOf(random, plan.delayBits) - random.below(3);
    wheel.schedule(id, deadlineMs);
    model.set(id, { deadlineMs, dueMs: Math.max(deadlineMs, nowMs) });
  };
  for (let step = 0; step < plan.steps; step++) {
    const id = random.below(plan.ids);
    const choice = random.below(100);
    if (choice < 60) arm(id);
    else if (choice < 75) {
      wheel.cancel(id);
      model.delete(id);
    } else {
      nowMs += delayOf(random, plan.delayBits);
      expireAll(1 + random.below(out.length));
    }
    // Seldom, for whoever asks empties the inbox.
    if (random.oneIn(100)) expect(wheel.armedCount).toBe(model.size);
    if (step % 256 === 0) wheel.checkInvariants();
  }
  for (let rounds = 0; model.size > 0 && rounds < 100; rounds++) {
    nowMs += 2 ** (plan.delayBits + 1);
    expireAll(out.length);
  }
  wheel.checkInvariants();
  expect(model.size).toBe(0);
  expect(wheel.nextWakeMs()).toBe(Infinity);
  return fired;
}

for (const delayBits of [6, 13, 20, 28, 40]) {
  for (const tickMs of [1, 10, 100]) {
    test(`TimingWheel agrees with a map: delays to 2^${delayBits}, ticks of ${tickMs} ms`, () => {
      for (const ids of [1, 3, 50, 700]) {
        const plan = { seed: seedOfRun(), tickMs, ids, steps: 1500, delayBits };
        try {
          expect(runAgainstModel(plan)).toBeGreaterThan(0);
        } catch (error) {
          throw new Error(`${messageOf(error)}; ${JSON.stringify(plan)}`, { cause: error });
        }
      }
    });
  }
}
