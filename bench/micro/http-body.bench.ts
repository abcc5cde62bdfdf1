// Cost of decoding a chunked body, for a megabyte: in chunks as large as a read, of 1 KiB, of
// 16 bytes, and with an extension on each. Prints a hash of the positions that came out.
//
//   taskset -c 1 bun bench/micro/http-body.bench.ts

import { bench, do_not_optimize, run } from "mitata";
import { BodyDecoder, DECODE_DATA, DECODE_DONE } from "../../src/http/body-decoder.ts";
import { BODY_CHUNKED } from "../../src/http/framing.ts";
import { BODY_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";

const MIB = 1 << 20;
const decoder = new BodyDecoder({
  ...BODY_LIMITS_DEFAULT,
  chunkExtensionBytesMax: Number.MAX_SAFE_INTEGER,
});
let hash = 0;

function body(chunkBytes: number, extension: string): Uint8Array {
  const chunk = `${chunkBytes.toString(16)}${extension}\r\n${"x".repeat(chunkBytes)}\r\n`;
  return new Uint8Array(Buffer.from(`${chunk.repeat(MIB / chunkBytes)}0\r\n\r\n`));
}

function decodeAll(bytes: Uint8Array): number {
  decoder.reset(BODY_CHUNKED, 0);
  let at = 0;
  let status = DECODE_DATA;
  while (status === DECODE_DATA) {
    status = decoder.decode(bytes, at, bytes.length);
    at = decoder.position;
    hash = (Math.imul(hash, 31) + decoder.dataEnd) | 0;
  }
  if (status !== DECODE_DONE) throw new Error("not decoded");
  return hash;
}

const bodies: [string, Uint8Array][] = [
  ["1 MiB in chunks of 64 KiB", body(65_536, "")],
  ["1 MiB in chunks of 1 KiB", body(1024, "")],
  ["1 MiB in chunks of 16 bytes", body(16, "")],
  ["1 MiB in chunks of 1 KiB, with an extension", body(1024, ';name="value"')],
];
for (const [name, bytes] of bodies) bench(name, () => do_not_optimize(decodeAll(bytes)));

await run();
hash = 0;
for (const [, bytes] of bodies) decodeAll(bytes);
console.log(`hash of one round: ${hash >>> 0}`);
