// Cutting a stream into frames: each framing over 1,000 frames of 64 bytes (or also 4 KiB), which
// lie in one buffer or come in chunks of 1,000 bytes that cut them anywhere; and writing their
// heads. Prints a hash of the positions.
//
//   taskset -c 1 bun bench/micro/net-framing.bench.ts [--full]

import { bench, do_not_optimize, group, run } from "mitata";
import { KIB } from "../../src/core/limits.ts";
import { delimiter } from "../../src/net/framing/delimiter.ts";
import { FRAME_MORE, FRAME_READY, type Framing } from "../../src/net/framing/framing.ts";
import { lengthField } from "../../src/net/framing/length-field.ts";
import { line } from "../../src/net/framing/line.ts";

const FRAMES = 1_000;
const CHUNK_BYTES = 1_000;
const IS_FULL: boolean = process.argv.includes("--full");
const PAYLOAD_BYTES = IS_FULL ? [64, 4 * KIB] : [64];

const FRAMINGS: readonly [name: string, framing: Framing][] = [
  ["length of 4 bytes", lengthField({ bytes: 4 })],
  ["length as varint", lengthField({ bytes: "varint" })],
  ["line", line()],
  ["delimiter", delimiter({ delimiter: "\r\n.\r\n" })],
];

function encodeAll(framing: Framing, payload: Buffer, target: Buffer): number {
  let at = 0;
  for (let count = 0; count < FRAMES; count++) {
    at = framing.encodeHead(target, at, payload, 0, payload.length);
    target.set(payload, at);
    target.set(framing.tail, at + payload.length);
    at += payload.length + framing.tail.length;
  }
  return at;
}

/** What a connection does: comes again with more when a frame is not whole. */
function decodeAll(framing: Framing, wire: Buffer, chunkBytes: number): number {
  const decoder = framing.createDecoder();
  let hash = 0;
  let at = 0;
  for (let end = Math.min(wire.length, chunkBytes); ;) {
    const result = decoder.next(wire, at, end);
    if (result === FRAME_READY) {
      hash = (Math.imul(hash, 31) + decoder.frameStart + decoder.frameEnd) | 0;
      at = decoder.position;
    } else if (result !== FRAME_MORE || end === wire.length) {
      if (at !== wire.length) throw new Error(`${framing.name}: stopped at ${at}`);
      return hash;
    } else {
      end = Math.min(wire.length, end + chunkBytes);
    }
  }
}

let hash = 0;
for (const bytes of PAYLOAD_BYTES) {
  const payload = Buffer.alloc(bytes, "x");
  for (const [name, framing] of FRAMINGS) {
    const target = Buffer.alloc(FRAMES * (bytes + framing.headBytesMax + framing.tail.length));
    const wire = Buffer.from(target.subarray(0, encodeAll(framing, payload, target)));
    const whole = (): number => decodeAll(framing, wire, Infinity);
    const cut = (): number => decodeAll(framing, wire, CHUNK_BYTES);
    group(`${name}, ${FRAMES} frames of ${bytes} bytes`, () => {
      bench("in one buffer", () => do_not_optimize(whole()));
      bench("cut anywhere", () => do_not_optimize(cut()));
      if (IS_FULL) bench("encoded", () => do_not_optimize(encodeAll(framing, payload, target)));
    });
    hash = (Math.imul(hash, 31) + whole() + cut()) | 0;
  }
}

await run();
console.log(`hash of one round: ${hash >>> 0}`);
