import { describe, expect, test } from "bun:test";
import { ArrivalPlan } from "../../src/webbench/arrival-plan.ts";
import type { Client } from "../../src/webbench/client.ts";
import { ClientQueue } from "../../src/webbench/client-queue.ts";
import { LatencyBuckets } from "../../src/webbench/latency-buckets.ts";
import { Pacer } from "../../src/webbench/pacer.ts";

/** Takes `room` requests and notes when they were planned. */
class NotedClient {
  isQueued = false;
  readonly planned: number[] = [];
  readonly early: number[] = [];
  room: number;

  constructor(room = Infinity) {
    this.room = room;
  }

  get isReady(): boolean {
    return this.planned.length < this.room;
  }

  issue(count: number, baseMs: number, nowMs: number): void {
    expect(count).toBe(1);
    this.planned.push(baseMs);
    if (nowMs < baseMs) this.early.push(baseMs - nowMs);
  }
}

function world(rate: number, ms: number, most = Infinity) {
  const stages = [{ ms, to: rate }];
  const arrivals = new ArrivalPlan({ startAt: rate, stages, phase: 0, random: null });
  const idle = new ClientQueue(4);
  const lateness = new LatencyBuckets();
  let left = most;
  const pacer = new Pacer({ arrivals, idle, lateness, take: () => left-- > 0 });
  return { pacer, idle, lateness, arrivals };
}

const asClient = (client: NotedClient): Client => client as unknown as Client;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(1);
}

describe("Pacer", () => {
  test("issues every planned request at its time or after, never before", async () => {
    const { pacer, lateness } = world(1000, 50);
    const client = new NotedClient();
    const startMs = performance.now();
    pacer.start(startMs);
    pacer.serve(asClient(client), startMs);
    await until(() => client.planned.length === 50);
    client.planned.forEach((plannedMs, index) => expect(plannedMs - startMs).toBeCloseTo(index, 6));
    expect(client.early).toEqual([]);
    const recorded = lateness.takeCounts().filter((_, at) => at % 2 === 1);
    expect(recorded.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
    pacer.stop();
  });

  test("gives what is overdue to the next client that becomes idle, with its planned time", () => {
    const { pacer, lateness } = world(1000, 1000);
    const startMs = performance.now() - 20;
    pacer.start(startMs);
    const client = new NotedClient(7);
    pacer.serve(asClient(client), startMs + 20);
    expect(client.planned.map((ms) => Math.round(ms - startMs))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(lateness.takeCounts()).toEqual([]); // nobody was idle: not the generator's fault
    pacer.stop();
    expect(pacer.countOverdue(startMs + 20.5)).toBe(14);
  });

  test("issues nothing once it is stopped or may not", async () => {
    const stopped = world(1000, 1000);
    const client = new NotedClient();
    stopped.pacer.start(performance.now());
    stopped.pacer.stop();
    stopped.pacer.serve(asClient(client), performance.now() + 500);
    expect(client.planned).toEqual([]);
    const limited = world(1000, 1000, 3);
    limited.pacer.start(performance.now() - 100);
    limited.pacer.serve(asClient(client), performance.now());
    expect(client.planned).toHaveLength(3);
    limited.pacer.stop();
  });
});
