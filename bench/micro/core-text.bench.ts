// Between bytes and strings: the runtime's unnamed ways, which core/latin1.ts gives types, beside
// the ones that take an encoding's name. One call is 1,000 texts. Prints a hash of what came out.
//
//   taskset -c 1 bun bench/micro/core-text.bench.ts [--full]

import { bench, do_not_optimize, group, run } from "mitata";
import { latin1Slice, latin1Write, utf8Write } from "../../src/core/latin1.ts";

const TEXTS = 1_000;
const LENGTHS = process.argv.includes("--full") ? [13, 200, 4000] : [13];
const decoder = new TextDecoder("latin1");
const encoder = new TextEncoder();
const target = Buffer.alloc(4096);

type Work = (bytes: Buffer, text: string) => number;

const WAYS: readonly [name: string, work: Work][] = [
  ["latin1Slice", (bytes) => latin1Slice(bytes, 0, bytes.length).length],
  ["toString latin1", (bytes) => bytes.toString("latin1").length],
  ["TextDecoder", (bytes) => decoder.decode(bytes).length],
  ["latin1Write", (_bytes, text) => latin1Write(target, text, 0)],
  ["utf8Write", (_bytes, text) => utf8Write(target, text, 0)],
  ["write latin1", (_bytes, text) => target.write(text, 0, "latin1")],
  ["TextEncoder.encodeInto", (_bytes, text) => encoder.encodeInto(text, target).written],
];

function repeat(work: Work, bytes: Buffer, text: string): number {
  let sum = 0;
  for (let count = 0; count < TEXTS; count++) sum = (Math.imul(sum, 31) + work(bytes, text)) | 0;
  return sum;
}

let hash = 0;
for (const length of LENGTHS) {
  const text = "0123456789abcdef".repeat(length).slice(0, length);
  const bytes = Buffer.from(text, "latin1");
  group(`${length} characters x ${TEXTS}`, () => {
    for (const [name, work] of WAYS) {
      bench(`${name}, ${length}`, () => do_not_optimize(repeat(work, bytes, text)));
    }
  });
  for (const [, work] of WAYS) hash = (Math.imul(hash, 31) + repeat(work, bytes, text)) | 0;
}

await run();
console.log(`hash of one round: ${hash >>> 0}`);
