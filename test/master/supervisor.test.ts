import { describe, expect, test } from "bun:test";
import {
  RESPAWN_BACKOFF_MAX_MS,
  RESPAWN_BACKOFF_MIN_MS,
  RESPAWN_STABLE_MS,
  START_ATTEMPTS_MAX,
} from "../../src/core/limits.ts";
import { DEATH_BACKOFF_MAX_MS, Supervisor } from "../../src/master/supervisor.ts";

function create(slotCount: number) {
  const clock = { ms: 0, nowMs: () => clock.ms };
  return { clock, supervisor: new Supervisor(clock, slotCount) };
}

describe("Supervisor", () => {
  test("replaces a worker that lived long at once", () => {
    const { clock, supervisor } = create(1);
    supervisor.becameReady(0);
    clock.ms += RESPAWN_STABLE_MS;
    expect(supervisor.died(0)).toEqual({ kind: "respawn", delayMs: 0 });
  });

  test("doubles the back-off of a worker that keeps dying young, up to its maximum", () => {
    const { supervisor } = create(1);
    const delays = Array.from({ length: 12 }, () => {
      supervisor.becameReady(0);
      const verdict = supervisor.died(0);
      return verdict.kind === "respawn" ? verdict.delayMs : Number.NaN;
    });
    expect(delays.slice(0, 4)).toEqual([
      0,
      RESPAWN_BACKOFF_MIN_MS,
      RESPAWN_BACKOFF_MIN_MS * 2,
      RESPAWN_BACKOFF_MIN_MS * 4,
    ]);
    expect(delays.at(-1)).toBe(DEATH_BACKOFF_MAX_MS);
    expect(Math.max(...delays)).toBe(DEATH_BACKOFF_MAX_MS);
  });

  test("forgets the back-off after a long life, not after a short one", () => {
    const { clock, supervisor } = create(1);
    for (let i = 0; i < 5; i += 1) {
      supervisor.becameReady(0);
      supervisor.died(0);
    }
    supervisor.becameReady(0);
    clock.ms += RESPAWN_STABLE_MS - 1;
    expect(supervisor.died(0)).not.toEqual({ kind: "respawn", delayMs: 0 });
    supervisor.becameReady(0);
    clock.ms += RESPAWN_STABLE_MS;
    expect(supervisor.died(0)).toEqual({ kind: "respawn", delayMs: 0 });
  });

  test("never gives up a worker that was ready, however often it dies", () => {
    const { supervisor } = create(1);
    for (let i = 0; i < 50; i += 1) {
      supervisor.becameReady(0);
      expect(supervisor.died(0).kind).toBe("respawn");
    }
  });

  test("gives up after START_ATTEMPTS_MAX failures to start, and never retries at once", () => {
    const { supervisor } = create(1);
    for (let attempt = 1; attempt < START_ATTEMPTS_MAX; attempt += 1) {
      const verdict = supervisor.failedToStart(0);
      expect(verdict.kind === "respawn" && verdict.delayMs >= RESPAWN_BACKOFF_MIN_MS).toBe(true);
    }
    const attempts = START_ATTEMPTS_MAX;
    expect(supervisor.failedToStart(0)).toEqual({ kind: "give-up", attempts });
  });

  test("counts failures in a row only", () => {
    const { supervisor } = create(1);
    for (let i = 0; i < 5; i += 1) {
      for (let attempt = 1; attempt < START_ATTEMPTS_MAX; attempt += 1) {
        expect(supervisor.failedToStart(0).kind).toBe("respawn");
      }
      supervisor.becameReady(0);
      supervisor.died(0);
    }
  });

  test("counts the failures of each slot apart", () => {
    const { supervisor } = create(START_ATTEMPTS_MAX + 1);
    for (let slot = 0; slot <= START_ATTEMPTS_MAX; slot += 1) {
      expect(supervisor.failedToStart(slot).kind).toBe("respawn");
    }
  });

  test("gives up at the first start although other slots serve", () => {
    const { supervisor } = create(2);
    supervisor.becameReady(0);
    for (let i = 1; i < START_ATTEMPTS_MAX; i += 1) supervisor.failedToStart(1);
    expect(supervisor.failedToStart(1).kind).toBe("give-up");
  });

  test("keeps trying while others serve once the server was complete", () => {
    const { supervisor } = create(2);
    supervisor.becameReady(0);
    supervisor.becameReady(1);
    supervisor.died(1);
    for (let i = 0; i < 20; i += 1) expect(supervisor.failedToStart(1).kind).toBe("respawn");
    const longest = { kind: "respawn", delayMs: RESPAWN_BACKOFF_MAX_MS } as const;
    expect(supervisor.failedToStart(1)).toEqual(longest);
    supervisor.died(0); // now nobody serves
    expect(supervisor.failedToStart(1).kind).toBe("give-up");
  });

  test("counts the slots that serve", () => {
    const { supervisor } = create(3);
    expect(supervisor.readyCount).toBe(0);
    supervisor.becameReady(0);
    supervisor.becameReady(2);
    supervisor.becameReady(2); // reloaded
    expect(supervisor.readyCount).toBe(2);
    supervisor.died(2);
    expect(supervisor.readyCount).toBe(1);
  });

  test("refuses to be told of what cannot be", () => {
    const { supervisor } = create(1);
    expect(() => supervisor.died(0)).toThrow("only a worker that was ready can die");
    expect(() => supervisor.becameReady(1)).toThrow("the slot exists");
    supervisor.becameReady(0);
    expect(() => supervisor.failedToStart(0)).toThrow("leaves the old worker in place");
  });
});
