// An acquire+release pair of the arena, warmed up, by size; beside it what Bun gives for the same
// bytes. One call is 1,000 pairs; `void` is the loop without an allocator, to be subtracted. Prints
// a hash of the addresses, which is the same in every run.
//
//   taskset -c 1 bun bench/micro/memory-arena.bench.ts

import { bench, do_not_optimize, group, run } from "mitata";

import { KIB, MIB } from "../../src/core/limits.ts";
import { Arena } from "../../src/memory/arena.ts";

const PAIRS = 1_000;
const SIZES = [64, 512, 4 * KIB, 16 * KIB, 64 * KIB];

const arena = Arena.create({ bytesMax: 256 * MIB });
let hash = 0;

function pairs(bytes: number): number {
  let sum = 0;
  for (let index = 0; index < PAIRS; index++) {
    const address = arena.acquire(bytes);
    sum = (sum + address) | 0;
    arena.release(address);
  }
  return sum;
}

function voidPairs(bytes: number): number {
  let sum = 0;
  for (let index = 0; index < PAIRS; index++) sum = (Math.imul(sum, 3) + bytes) | 0;
  return sum;
}

/** The address, not the view, is what the hot path passes on; a view is looked up when needed. */
function pairsWithView(bytes: number): number {
  let sum = 0;
  for (let index = 0; index < PAIRS; index++) {
    const address = arena.acquire(bytes);
    sum = (sum + arena.view(address, bytes).length) | 0;
    arena.release(address);
  }
  return sum;
}

function allocUnsafe(bytes: number): number {
  let sum = 0;
  for (let index = 0; index < PAIRS; index++) sum += Buffer.allocUnsafe(bytes).length;
  return sum;
}

function uint8Array(bytes: number): number {
  let sum = 0;
  for (let index = 0; index < PAIRS; index++) sum += new Uint8Array(bytes).length;
  return sum;
}

bench("void x 1000", () => do_not_optimize(voidPairs(64)));
for (const bytes of SIZES) {
  group(`${bytes} bytes x 1000`, () => {
    bench(`Arena, ${bytes}`, () => do_not_optimize(pairs(bytes)));
    if (bytes > 4 * KIB) return; // the rest is dominated by the garbage collector
    bench(`Arena with view, ${bytes}`, () => do_not_optimize(pairsWithView(bytes)));
    bench(`Buffer.allocUnsafe, ${bytes}`, () => do_not_optimize(allocUnsafe(bytes)));
    bench(`new Uint8Array, ${bytes}`, () => do_not_optimize(uint8Array(bytes)));
  });
}

await run();
for (const bytes of SIZES) hash = (Math.imul(hash, 31) + pairs(bytes)) | 0;
console.log(`hash of one round: ${hash >>> 0}`);
