// What bytes cost that wait: an io_buf from the pool and back, a request whose head came in two
// pieces, and an answer that the kernel took by halves. One call is 1,000 of each. Prints a hash of
// positions and contents.
//
//   taskset -c 1 bun bench/micro/buffer-pool.bench.ts

import { bench, do_not_optimize, run } from "mitata";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { InputBuffer } from "../../src/buffer/input-buffer.ts";
import { type ByteSink, OutputBuffer } from "../../src/buffer/output-buffer.ts";
import { KIB, MIB } from "../../src/core/limits.ts";
import { Arena } from "../../src/memory/arena.ts";

const TIMES = 1_000;
const HEAD_BYTES = 700;
const ANSWER_BYTES: number = 64 * KIB;

const pool = new BufferPool(Arena.create({ bytesMax: 64 * MIB }));
const source = Buffer.alloc(ANSWER_BYTES, "millrace");

function acquireRelease(bytes: number): number {
  let sum = 0;
  for (let count = 0; count < TIMES; count++) {
    const buf = pool.acquire(bytes)!;
    sum = (sum + buf.capacity) | 0;
    pool.release(buf);
  }
  return sum;
}

const input = new InputBuffer(pool);

function headInTwoPieces(): number {
  let sum = 0;
  for (let count = 0; count < TIMES; count++) {
    input.append(source, 0, HEAD_BYTES >> 1);
    input.append(source, HEAD_BYTES >> 1, HEAD_BYTES);
    sum = (Math.imul(sum, 31) + input.bytes[input.end - 1]!) | 0;
    input.pop(HEAD_BYTES);
  }
  return sum;
}

const output = new OutputBuffer(pool);
const halfSink: ByteSink = { write: (_bytes, _offset, length) => (length + 1) >> 1 };

function answerByHalves(): number {
  let sum = 0;
  for (let count = 0; count < TIMES; count++) {
    output.append(source, 0, ANSWER_BYTES);
    while (output.pendingBytes > 0) sum = (Math.imul(sum, 31) + output.writeTo(halfSink)) | 0;
  }
  return sum;
}

const WORK: readonly [name: string, work: () => number][] = [
  ["io_buf of 4 KiB from the pool and back x 1000", () => acquireRelease(4 * KIB)],
  ["io_buf of 64 KiB from the pool and back x 1000", () => acquireRelease(64 * KIB)],
  ["a head of 700 bytes in two pieces x 1000", headInTwoPieces],
  ["an answer of 64 KiB, half of it at each write x 1000", answerByHalves],
];
for (const [name, work] of WORK) bench(name, () => do_not_optimize(work()));

await run();
let hash = 0;
for (const [, work] of WORK) hash = (Math.imul(hash, 31) + work()) | 0;
pool.checkInvariants();
console.log(`hash of one round: ${hash >>> 0}`);
