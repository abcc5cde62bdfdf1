// The ten standard workloads of timers, W1 to W10. Each fills a fresh store, measures one thing,
// and returns nanoseconds per operation. Random numbers are seeded, so every store sees the same.

import { Random } from "../../test/support/random.ts";
import { runQueueMs } from "./run-queue.ts";
import { createStore, type StoreName, TICK_MS, type TimerStore } from "./timer-stores.ts";

export interface Figure {
  workload: string;
  /** Nanoseconds an operation unless `unit` says otherwise. */
  value: number;
  unit?: string;
}

const SEED = 20_261_123;
const CALLS = 500_000; // of the workloads that repeat one call
const MINUTE_MS = 60_000;
const HOUR_MS: number = 60 * MINUTE_MS;
const DAY_MS: number = 24 * HOUR_MS;

export function runWorkloads(name: StoreName, count: number): { figures: Figure[]; hash: number } {
  const bench = new Workloads(name, count);
  bench.insert();
  bench.startStop();
  bench.cancel();
  bench.refresh();
  if (name !== "native") {
    bench.heartbeat();
    bench.storm();
    bench.fillAndExpire();
    bench.longTail();
    bench.jump();
    bench.idle();
  }
  return { figures: bench.figures, hash: bench.hash };
}

class Workloads {
  readonly figures: Figure[] = [];
  hash = 0;
  private readonly name: StoreName;
  private readonly count: number;
  private readonly delays: Float64Array; // few values for lists, which need a list for each
  private readonly shuffled: Int32Array;
  private readonly zipf: Int32Array;

  constructor(name: StoreName, count: number) {
    const random = new Random(SEED);
    this.name = name;
    this.count = count;
    this.delays = Float64Array.from({ length: count }, () => (1 + random.below(600)) * TICK_MS);
    this.shuffled = shuffle(random, count);
    this.zipf = zipfIds(random, count);
  }

  insert(): void {
    const { count, delays } = this;
    this.time("W1 schedule, uniform 0..60 s", count, (store) => {
      for (let id = 0; id < count; id++) store.schedule(id, delays[id]!, delays[id]!);
    });
    const sorted = delays.toSorted();
    this.time("W1 schedule, increasing", count, (store) => {
      for (let id = 0; id < count; id++) store.schedule(id, sorted[id]!, sorted[id]!);
    });
    sorted.reverse();
    this.time("W1 schedule, decreasing", count, (store) => {
      for (let id = 0; id < count; id++) store.schedule(id, sorted[id]!, sorted[id]!);
    });
    const { shuffled } = this;
    this.time("W1 schedule, ids at random", count, (store) => {
      for (let id = 0; id < count; id++) store.schedule(shuffled[id]!, delays[id]!, delays[id]!);
    });
    const store = this.loaded(MINUTE_MS);
    this.add("bytes a timer", store.byteLength / count, "B");
  }

  startStop(): void {
    const { count } = this;
    const store = createStore(this.name, count + 1);
    for (let id = 0; id < count; id++) store.schedule(id, (id % 100) * 100, (id % 100) * 100);
    this.timeOn("W2 start and stop", store, CALLS, () => {
      for (let step = 0; step < CALLS; step++) {
        store.schedule(count, 1000, 1000);
        store.cancel(count);
      }
    });
  }

  cancel(): void {
    const { count, shuffled } = this;
    const orders: [string, (index: number) => number][] = [
      ["in order", (index) => index],
      ["in reverse", (index) => count - 1 - index],
      ["at random", (index) => shuffled[index]!],
    ];
    for (const [order, idAt] of orders) {
      const ids = Int32Array.from({ length: count }, (_, index) => idAt(index));
      const store = this.loaded(MINUTE_MS);
      this.timeOn(`W3 cancel ${order}`, store, count, () => {
        for (let index = 0; index < count; index++) store.cancel(ids[index]!);
      });
    }
  }

  refresh(): void {
    const { count, shuffled, zipf } = this;
    const inOrder = Int32Array.from({ length: count }, (_, index) => index);
    const orders: [string, Int32Array][] = [
      ["in order", inOrder],
      ["at random", shuffled],
      ["Zipf 0.99", zipf],
    ];
    for (const [order, ids] of orders) {
      const store = this.loaded(MINUTE_MS);
      const rounds = Math.max(1, Math.round(CALLS / count));
      this.timeOn(`W4 refresh ${order}`, store, rounds * count, () => {
        for (let round = 1; round <= rounds; round++) {
          const deadlineMs = MINUTE_MS + round;
          for (let index = 0; index < count; index++) {
            store.refresh(ids[index]!, deadlineMs, MINUTE_MS);
          }
        }
      });
    }
  }

  /** T = 30 s; each sends every 5 to 15 s, one in a hundred falls silent each minute. */
  heartbeat(): void {
    const { count } = this;
    const lifeMs = 30_000;
    const random = new Random(SEED);
    const ticks = 1200;
    const sends = sendsByTick(random, count, ticks);
    const silentFrom = Int32Array.from({ length: count }, () =>
      random.oneIn(50) ? random.below(ticks) : ticks,
    );
    const store = createStore(this.name, count);
    for (let id = 0; id < count; id++) store.schedule(id, lifeMs, lifeMs);
    let evicted = 0;
    const pauses = new Float64Array(ticks);
    const begun = ranNs();
    for (let tick = 1; tick < ticks; tick++) {
      const nowMs = tick * TICK_MS;
      const tickBegun = Bun.nanoseconds();
      for (const id of sends[tick]!) {
        if (tick < silentFrom[id]!) store.refresh(id, nowMs + lifeMs, lifeMs);
      }
      if (store.nextWakeMs() <= nowMs) evicted += store.expire(nowMs, count);
      pauses[tick] = Bun.nanoseconds() - tickBegun;
    }
    const virtualSeconds = (ticks * TICK_MS) / 1000;
    this.add("W5 heartbeats, CPU a second", (ranNs() - begun) / virtualSeconds / 1000, "us");
    pauses.sort();
    this.add("W5 longest tick", pauses[ticks - 1]! / 1000, "us");
    this.hash = (this.hash + evicted + store.firedHash) | 0;
  }

  storm(): void {
    const { count, shuffled } = this;
    for (const [order, ids] of [
      ["in order", null],
      ["at random", shuffled],
    ] as const) {
      const store = createStore(this.name, count);
      for (let id = 0; id < count; id++) store.schedule(ids === null ? id : ids[id]!, 5000, 5000);
      this.timeOn(`W6 storm, filed ${order}`, store, count, () => {
        store.expire(5000, count);
      });
    }
    this.stormOneByOne();
    const store = createStore(this.name, count);
    for (const id of shuffled) store.schedule(id, 5000, 5000);
    let longest = 0;
    for (let fired = -1; fired !== 0;) {
      const begun = ranNs();
      fired = store.expire(5000, 4096);
      longest = Math.max(longest, ranNs() - begun);
    }
    this.add("W6 longest batch of 4096", longest / 1000, "us");
  }

  /** As the driver takes them. */
  private stormOneByOne(): void {
    const { count, shuffled } = this;
    const store = createStore(this.name, count);
    for (const id of shuffled) store.schedule(id, 5000, 5000);
    const most = this.name === "sweep" ? 100 : count; // each sweeps anew
    const begun = ranNs();
    for (let fired = 0; fired < most; fired++) store.expire(5000, 1);
    this.add("W6 storm, one at a time", (ranNs() - begun) / most);
  }

  fillAndExpire(): void {
    const { count, delays } = this;
    const store = createStore(this.name, count);
    for (let id = 0; id < count; id++) store.schedule(id, delays[id]!, delays[id]!);
    this.timeOn("W7 expire in steps of 300 ms", store, count, () => {
      for (let nowMs = 0; nowMs <= MINUTE_MS + 300; nowMs += 300) store.expire(nowMs, count);
    });
  }

  /** 90 % 1..30 s, 9 % 1..30 min, 1 % 1..30 d; 50,000 a second over what is armed already. */
  longTail(): void {
    const { count } = this;
    const random = new Random(SEED);
    const steps = Math.min(1_000_000, count * 2);
    const delays = Float64Array.from({ length: steps }, () => longTailDelay(random));
    const ids = Int32Array.from({ length: steps }, () => random.below(count));
    const store = createStore(this.name, count);
    this.timeOn("W8 churn with a long tail", store, steps, () => {
      for (let step = 0; step < steps; step++) {
        const nowMs = step / 50;
        store.schedule(ids[step]!, nowMs + delays[step]!, delays[step]!);
        if (step % 5000 === 0) store.expire(nowMs, count);
      }
    });
  }

  jump(): void {
    const { count } = this;
    const random = new Random(SEED);
    const store = createStore(this.name, count);
    for (let id = 0; id < count; id++) {
      const delayMs = (1 + random.below(600)) * 6_000;
      store.schedule(id, delayMs, delayMs);
    }
    this.timeOn("W9 a jump of 10 min in an hour", store, count, () => {
      store.expire(10 * MINUTE_MS, count);
    });
  }

  /** Wake-ups in an hour in which nothing is due, and what they cost. */
  idle(): void {
    const store = this.loaded(HOUR_MS);
    let wakes = 0;
    let spent = 0;
    for (let tick = 1; tick < HOUR_MS / TICK_MS; tick++) {
      const nowMs = tick * TICK_MS;
      if (store.nextWakeMs() > nowMs) continue;
      wakes++;
      if (wakes > 50 && this.name === "sweep") continue; // each costs the same
      const begun = ranNs();
      store.expire(nowMs, this.count);
      spent += ranNs() - begun;
    }
    this.add("W10 wake-ups in an idle hour", wakes, "");
    this.add("W10 CPU a wake-up", wakes === 0 ? 0 : spent / Math.min(wakes, 50) / 1000, "us");
  }

  private loaded(delayMs: number): TimerStore {
    const store = createStore(this.name, this.count);
    for (let id = 0; id < this.count; id++) store.schedule(id, delayMs, delayMs);
    return store;
  }

  private time(workload: string, operations: number, body: (store: TimerStore) => void): void {
    const store = createStore(this.name, this.count);
    this.timeOn(workload, store, operations, () => body(store));
    if (this.name === "native") for (let id = 0; id < this.count; id++) store.cancel(id);
  }

  private timeOn(workload: string, store: TimerStore, operations: number, body: () => void): void {
    const begun = ranNs();
    body();
    this.add(workload, (ranNs() - begun) / operations);
    this.hash = (this.hash + store.firedHash) | 0;
  }

  private add(workload: string, value: number, unit = "ns"): void {
    this.figures.push({ workload, value, unit });
  }
}

/** A clock that stands still while the kernel keeps this thread, ready to run, from a core. */
function ranNs(): number {
  return Bun.nanoseconds() - runQueueMs() * 1e6;
}

function shuffle(random: Random, count: number): Int32Array {
  const ids = Int32Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = random.below(index + 1);
    const id = ids[index]!;
    ids[index] = ids[other]!;
    ids[other] = id;
  }
  return ids;
}

/** Ids in which few are frequent, as users are; spread over the range. */
function zipfIds(random: Random, count: number): Int32Array {
  const exponent = 1 / (1 - 0.99);
  const scale = count ** (1 / exponent) - 1;
  return Int32Array.from({ length: count }, () => {
    const rank = Math.floor((1 + (random.uint32() / 2 ** 32) * scale) ** exponent) - 1;
    return Math.min(count - 1, (rank * 7919) % count);
  });
}

function sendsByTick(random: Random, count: number, ticks: number): Int32Array[] {
  const lists = Array.from({ length: ticks }, (): number[] => []);
  for (let id = 0; id < count; id++) {
    for (let tick = random.below(150); tick < ticks; tick += random.between(50, 150)) {
      lists[tick]!.push(id);
    }
  }
  return lists.map((list) => Int32Array.from(list));
}

function longTailDelay(random: Random): number {
  const share = random.below(100);
  if (share < 90) return random.between(10, 300) * TICK_MS;
  if (share < 99) return random.between(1, 30) * MINUTE_MS;
  return random.between(1, 30) * DAY_MS;
}
