// What a message between workers costs without their wake-ups: written once into the ring, read in
// place by one and by four readers, all in this thread; beside it the counters of the stats board.
// One call is 1,000 messages, or 1,000 sums. Prints a hash of what was read.
//
//   taskset -c 1 bun bench/micro/thread-ring.bench.ts

import { bench, do_not_optimize, run } from "mitata";
import { COUNT_REQUESTS } from "../../src/core/counters.ts";
import { KIB } from "../../src/core/limits.ts";
import { BroadcastRing, type RecordVisitor, ringBytes } from "../../src/thread/broadcast-ring.ts";
import { StatsBoard } from "../../src/thread/stats-board.ts";

const MESSAGES = 1_000;
const RING_BYTES: number = 256 * KIB;
const BATCH = 50; // messages that are written before they are read
const ROWS = 4;

class Sum implements RecordVisitor {
  value = 0;

  wants(): boolean {
    return true;
  }

  receive(tag: number, record: Buffer, split: number): void {
    this.value = (Math.imul(this.value, 31) + tag + record[split]! + record.length) | 0;
  }
}

function ringFor(readers: number, messageBytes: number): () => number {
  const memory = new SharedArrayBuffer(ringBytes(RING_BYTES, readers));
  const ring = new BroadcastRing(memory, 0, RING_BYTES, readers);
  const topic = Buffer.from("topic");
  const message = Buffer.alloc(messageBytes, "message");
  const sum = new Sum();
  for (let reader = 0; reader < readers; reader++) ring.activate(reader);
  return () => {
    sum.value = 0;
    for (let sent = 0; sent < MESSAGES; sent += BATCH) {
      for (let count = 0; count < BATCH; count++) {
        if (!ring.write(sent + count, topic, message)) throw new Error("the ring is full");
      }
      for (let reader = 0; reader < readers; reader++) ring.read(reader, Infinity, sum);
    }
    return sum.value;
  };
}

const board = new StatsBoard();
const rows = Array.from({ length: ROWS }, () => board.open());

function countAndSum(): number {
  rows.forEach((row) => row.fill(0));
  let sum = 0;
  for (let count = 0; count < MESSAGES; count++) {
    rows[count % ROWS]![COUNT_REQUESTS]! += count;
    sum = (Math.imul(sum, 31) + board.totals()[COUNT_REQUESTS]!) | 0;
  }
  return sum;
}

const WORK: readonly [name: string, work: () => number][] = [
  ["64 bytes to one reader x 1000", ringFor(1, 64)],
  ["64 bytes to four readers x 1000", ringFor(4, 64)],
  ["4 KiB to one reader x 1000", ringFor(1, 4 * KIB)],
  ["totals of four workers x 1000", countAndSum],
];
for (const [name, work] of WORK) bench(name, () => do_not_optimize(work()));

await run();
let hash = 0;
for (const [, work] of WORK) hash = (Math.imul(hash, 31) + work()) | 0;
console.log(`hash of one round: ${hash >>> 0}`);
