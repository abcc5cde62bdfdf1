// Cost of parsing one request head, warmed up, for the two requests that the design names: the
// smallest that a load tester sends and one with a browser's nine headers; besides, the browser's
// resumed byte by byte, and as a floor its bytes looked up in the class table and nothing else.
// Each figure is for a hundred heads, so that neither call nor clock counts. Prints a hash of all
// that was parsed. On a shared machine compare the minimum, and that with the floor.
//
//   taskset -c 1 bun bench/micro/http-parser.bench.ts

import { bench, do_not_optimize, run } from "mitata";
import { REQUEST_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";
import { PARSE_DONE, RequestParser } from "../../src/http/request-parser.ts";
import { CLASSES } from "../../src/http/syntax.ts";

const small = bytesOf("GET / HTTP/1.1", "Host: 127.0.0.1:8080");
const browser = bytesOf(
  "GET /api/v1/articles/2026/11/how-to-mill?page=2&sort=date HTTP/1.1",
  "Host: www.example.com:8080",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " +
    "Chrome/131.0.0.0 Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp," +
    "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
  "Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Connection: keep-alive",
  "Upgrade-Insecure-Requests: 1",
  "Referer: http://www.example.com:8080/api/v1/articles",
  "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=necessary; " +
    "visited=1732323232",
);
const HEADS = 100;
const WARM_UP_ROUNDS = 500;

const parser = new RequestParser(REQUEST_LIMITS_DEFAULT);
let hash = 0;

function parseHeads(bytes: Uint8Array): number {
  for (let count = 0; count < HEADS; count++) {
    parser.reset();
    if (parser.parse(bytes, 0, bytes.length) !== PARSE_DONE) throw new Error("not parsed");
    hash = (Math.imul(hash, 31) + parser.pathHash + parser.headerCount + parser.hostEnd) | 0;
  }
  return hash;
}

function parseBytewise(bytes: Uint8Array): number {
  for (let count = 0; count < HEADS; count++) {
    parser.reset();
    for (let end = 1; end <= bytes.length; end++) {
      if (parser.parse(bytes, 0, end) === PARSE_DONE) hash = (hash + parser.headBytes) | 0;
    }
  }
  return hash;
}

function lookUp(bytes: Uint8Array): number {
  const classes = CLASSES;
  for (let count = 0; count < HEADS; count++) {
    let at = 0;
    while (at < bytes.length && classes[bytes[at]!] !== 256) at++;
    hash = (hash + at) | 0;
  }
  return hash;
}

function bytesOf(...lines: string[]): Uint8Array {
  return new Uint8Array(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
}

const cases: [string, () => number][] = [
  [`floor: ${browser.length} bytes looked up`, () => lookUp(browser)],
  [`${small.length} bytes, 1 header`, () => parseHeads(small)],
  [`${browser.length} bytes, 9 headers`, () => parseHeads(browser)],
  [`${browser.length} bytes, byte by byte`, () => parseBytewise(browser)],
];
for (let round = 0; round < WARM_UP_ROUNDS; round++) for (const [, work] of cases) work();
for (const [name, work] of cases) bench(name, () => do_not_optimize(work()));

await run();
hash = 0;
for (const [, work] of cases) work();
console.log(`hash of one round: ${hash >>> 0}`);
