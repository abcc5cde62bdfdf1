import { describe, expect, test } from "bun:test";
import { COUNT_LOOP_BEATS, COUNTERS_PER_ROW } from "../../src/core/counters.ts";
import { createLog } from "../../src/core/log.ts";
import { LOOP_SILENCE_MS, LoopWatchdog } from "../../src/master/loop-watchdog.ts";

function create() {
  const clock = { ms: 1_000, nowMs: () => clock.ms };
  const lines: string[] = [];
  const log = createLog({ write: (line) => void lines.push(line.slice(25).trimEnd()) });
  const worker = (workerIndex: number) => {
    return { workerIndex, row: new Float64Array(COUNTERS_PER_ROW) };
  };
  return { clock, lines, watchdog: new LoopWatchdog(clock, log), worker };
}

const beat = (worker: { row: Float64Array }) => void (worker.row[COUNT_LOOP_BEATS]! += 1);

describe("LoopWatchdog", () => {
  test("says nothing of a worker that beats", () => {
    const { clock, lines, watchdog, worker } = create();
    const watched = worker(0);
    for (let i = 0; i < 100; i += 1, clock.ms += 1_000) {
      beat(watched);
      watchdog.check([watched]);
    }
    expect(lines).toEqual([]);
  });

  test("reports a silent worker once, and when it beats again", () => {
    const { clock, lines, watchdog, worker } = create();
    const [stuck, fine] = [worker(1), worker(0)];
    beat(stuck);
    for (let i = 0; i < 25; i += 1, clock.ms += 1_000) {
      beat(fine);
      watchdog.check([fine, stuck]);
    }
    beat(stuck);
    watchdog.check([fine, stuck]);
    expect(lines).toEqual([
      `warn worker 1: its event loop has not turned for ${LOOP_SILENCE_MS / 1000} s`,
      "info worker 1: its event loop turns again after 25 s",
    ]);
  });

  test("waits for the first beat", () => {
    const { clock, lines, watchdog, worker } = create();
    const young = worker(0);
    watchdog.check([young]);
    clock.ms += 10 * LOOP_SILENCE_MS;
    watchdog.check([young]);
    expect(lines).toEqual([]);
  });

  test("forgets a worker that is gone: its successor begins anew", () => {
    const { clock, lines, watchdog, worker } = create();
    const [old, young] = [worker(0), worker(0)];
    beat(old);
    beat(young);
    watchdog.check([old]);
    clock.ms += LOOP_SILENCE_MS;
    watchdog.check([young]);
    clock.ms += LOOP_SILENCE_MS - 1;
    watchdog.check([young]);
    watchdog.check([old]);
    expect(lines).toEqual([]);
  });
});
