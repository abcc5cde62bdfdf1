import { expect, test } from "bun:test";
import { LatencyBuckets, unitsOf, UNITS_PER_MS } from "../../src/webbench/latency-buckets.ts";
import { SelfProbe } from "../../src/webbench/self-probe.ts";

test("SelfProbe measures how long this process leaves a byte lying", async () => {
  const delays = new LatencyBuckets();
  const probe = await SelfProbe.open(delays);
  expect(delays.takeCounts()).toEqual([]); // nothing before start()
  probe.start();
  let pairs: number[] = [];
  while (pairs.length === 0) {
    await Bun.sleep(5);
    pairs = delays.takeCounts();
  }
  // A busy loop while the byte is under way: the delay is at least as long.
  const blockMs = 40;
  let longestMs = 0;
  let isBlocking = true;
  const block = (): void => {
    const untilMs = performance.now() + blockMs;
    while (performance.now() < untilMs);
    if (isBlocking) setImmediate(block); // between a timer and the sockets
  };
  block();
  while (longestMs < blockMs / 2) {
    await Bun.sleep(1);
    const found = delays.takeCounts().filter((_, at) => at % 2 === 0);
    longestMs = Math.max(longestMs, ...found.map((bucket) => unitsOf(bucket) / UNITS_PER_MS));
  }
  isBlocking = false;
  probe.stop();
  probe.stop();
});
