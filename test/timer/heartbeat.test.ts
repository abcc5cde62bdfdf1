import { describe, expect, test } from "bun:test";
import {
  BEAT_EVICT_IDLE,
  BEAT_EVICT_MISSED,
  BEAT_SEND,
  BEAT_WAIT,
  HeartbeatPolicy,
  type HeartbeatOptions,
  Liveness,
} from "../../src/timer/heartbeat.ts";
import { Random, seedOfRun } from "../support/random.ts";

/** What the policy does to a peer that never says anything: [ms since opening, action]. */
function silentPeer(options: HeartbeatOptions, limitMs = 1e9): [number, number][] {
  const policy = new HeartbeatPolicy(options);
  const times = new Liveness(0);
  const story: [number, number][] = [];
  for (;;) {
    const nowMs = policy.nextMs(times);
    if (nowMs > limitMs) return story;
    const action = policy.next(times, nowMs);
    story.push([nowMs, action]);
    if (action !== BEAT_SEND) return story;
    times.beatMs = times.sentMs = nowMs;
  }
}

describe("HeartbeatPolicy with a peer that speaks first", () => {
  test("gives it up after interval x misses of silence", () => {
    expect(silentPeer({})).toEqual([[90_000, BEAT_EVICT_MISSED]]);
    expect(silentPeer({ intervalMs: 30_000, misses: 1 })).toEqual([[30_000, BEAT_EVICT_MISSED]]);
  });

  test("evicts after 8 s without data, as idle", () => {
    expect(silentPeer({ intervalMs: 0, idleTimeoutMs: 8_000 })).toEqual([[8_000, BEAT_EVICT_IDLE]]);
  });

  test("gives a full life again for data in the last second", () => {
    const policy = new HeartbeatPolicy({ intervalMs: 0, idleTimeoutMs: 8_000 });
    const times = new Liveness(0);
    times.activeMs = 7_999;
    expect(policy.next(times, 8_000)).toBe(BEAT_WAIT);
    expect(policy.nextMs(times)).toBe(15_999);
    expect(policy.next(times, 15_998)).toBe(BEAT_WAIT);
    expect(policy.next(times, 15_999)).toBe(BEAT_EVICT_IDLE);
  });

  test("lets heartbeats keep a connection, but not an idle one", () => {
    const policy = new HeartbeatPolicy({ intervalMs: 1_000, idleTimeoutMs: 10_000 });
    const times = new Liveness(0);
    for (let nowMs = 1_000; nowMs < 10_000; nowMs += 1_000) {
      times.heardMs = nowMs;
      expect(policy.next(times, nowMs)).toBe(BEAT_WAIT);
    }
    expect(policy.nextMs(times)).toBe(10_000);
    expect(policy.next(times, 10_000)).toBe(BEAT_EVICT_IDLE);
  });

  test("names the reason that came first when both are over", () => {
    const times = new Liveness(0);
    const idleFirst = new HeartbeatPolicy({ intervalMs: 1_000, misses: 3, idleTimeoutMs: 2_000 });
    expect(idleFirst.next(times, 60_000)).toBe(BEAT_EVICT_IDLE);
    const missedFirst = new HeartbeatPolicy({ intervalMs: 1_000, misses: 1, idleTimeoutMs: 2_000 });
    expect(missedFirst.next(times, 60_000)).toBe(BEAT_EVICT_MISSED);
    const tie = new HeartbeatPolicy({ intervalMs: 1_000, misses: 2, idleTimeoutMs: 2_000 });
    expect(tie.next(times, 60_000)).toBe(BEAT_EVICT_IDLE);
  });

  test("does nothing, ever, when all is switched off", () => {
    expect(silentPeer({ intervalMs: 0 })).toEqual([]);
    expect(silentPeer({ intervalMs: 0, speaksFirst: "us" })).toEqual([]);
    expect(new HeartbeatPolicy({ intervalMs: 0 }).next(new Liveness(0), 1e15)).toBe(BEAT_WAIT);
  });
});

describe("HeartbeatPolicy speaking first", () => {
  const us = { intervalMs: 1_000, misses: 3, speaksFirst: "us" } as const;

  test("asks at every interval, then gives the peer up", () => {
    expect(silentPeer(us)).toEqual([
      [1_000, BEAT_SEND],
      [2_000, BEAT_SEND],
      [3_000, BEAT_EVICT_MISSED],
    ]);
  });

  test("asks once and waits an interval even when one miss is enough", () => {
    expect(silentPeer({ ...us, misses: 1 })).toEqual([
      [1_000, BEAT_SEND],
      [2_000, BEAT_EVICT_MISSED],
    ]);
  });

  test("asks a silent peer although we send all the time", () => {
    const policy = new HeartbeatPolicy(us);
    const times = new Liveness(0);
    times.sentMs = 999;
    expect(policy.nextMs(times)).toBe(1_000);
    expect(policy.next(times, 1_000)).toBe(BEAT_SEND);
  });

  test("speaks although the peer sends all the time", () => {
    const policy = new HeartbeatPolicy(us);
    const times = new Liveness(0);
    times.heardMs = times.activeMs = 999;
    expect(policy.next(times, 1_000)).toBe(BEAT_SEND);
  });

  test("is quiet while data goes both ways", () => {
    const policy = new HeartbeatPolicy(us);
    const times = new Liveness(0);
    times.heardMs = times.activeMs = times.sentMs = 999;
    expect(policy.next(times, 1_998)).toBe(BEAT_WAIT);
    expect(policy.nextMs(times)).toBe(1_999);
  });

  test("asks before it evicts when our own loop stood still", () => {
    const policy = new HeartbeatPolicy(us);
    const times = new Liveness(0);
    expect(policy.next(times, 60_000)).toBe(BEAT_SEND);
    times.beatMs = times.sentMs = 60_000;
    expect(policy.next(times, 60_000)).toBe(BEAT_WAIT);
    expect(policy.nextMs(times)).toBe(61_000);
    expect(policy.next(times, 61_000)).toBe(BEAT_EVICT_MISSED);
  });

  test("an answer renews the full life", () => {
    const policy = new HeartbeatPolicy(us);
    const times = new Liveness(0);
    times.beatMs = times.sentMs = 2_000;
    times.heardMs = 2_500;
    expect(policy.next(times, 2_999)).toBe(BEAT_WAIT);
    expect(policy.next(times, 3_000)).toBe(BEAT_SEND);
    times.beatMs = times.sentMs = 3_000;
    expect(policy.nextMs(times)).toBe(4_000);
  });
});

describe("HeartbeatPolicy", () => {
  test("next() is BEAT_WAIT exactly before nextMs(), for any times", () => {
    const random = new Random(seedOfRun());
    for (let count = 0; count < 20_000; count++) {
      const policy = new HeartbeatPolicy({
        intervalMs: random.below(5) * 10,
        misses: random.between(1, 4),
        idleTimeoutMs: random.below(5) * 10,
        speaksFirst: random.oneIn(2) ? "us" : "peer",
      });
      const times = new Liveness(0);
      times.beatMs = random.below(200);
      times.sentMs = times.beatMs + random.below(50);
      times.heardMs = random.below(200);
      times.activeMs = random.below(200);
      const nowMs = random.below(400);
      const isDue = policy.next(times, nowMs) !== BEAT_WAIT;
      expect({ seed: random.seed, count, isDue }).toEqual({
        seed: random.seed,
        count,
        isDue: policy.nextMs(times) <= nowMs,
      });
    }
  });

  test("refuses options that cannot be meant", () => {
    const cannot = (options: unknown) => () => new HeartbeatPolicy(options as HeartbeatOptions);
    expect(cannot({ intervalMs: -1 })).toThrow(
      new RangeError("Cannot use heartbeat intervalMs -1: it must be 0..2147483647"),
    );
    expect(cannot({ intervalMs: 0.5 })).toThrow(RangeError);
    expect(cannot({ intervalMs: NaN })).toThrow(RangeError);
    expect(cannot({ intervalMs: "30s" })).toThrow(RangeError);
    expect(cannot({ intervalMs: 2 ** 31 })).toThrow(RangeError);
    expect(cannot({ misses: 0 })).toThrow(RangeError);
    expect(cannot({ misses: Infinity })).toThrow(RangeError);
    expect(cannot({ idleTimeoutMs: -8 })).toThrow(RangeError);
    expect(cannot({ speaksFirst: "server" })).toThrow(TypeError);
  });
});

test("Liveness.renew begins the silence anew, for heartbeats and for idleness", () => {
  const policy = new HeartbeatPolicy({ intervalMs: 1_000, misses: 3, idleTimeoutMs: 2_000 });
  const times = new Liveness(0);
  times.renew(10_000);
  expect(policy.nextMs(times)).toBe(12_000);
  times.activeMs = 20_000;
  expect(policy.nextMs(times)).toBe(13_000);
});
