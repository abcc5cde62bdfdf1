// Mutations of HTTP bytes for fuzzing: small damage to valid and invalid messages, with a taste for
// the bytes and the fields on which parsers differ.

import type { Random } from "./random.ts";

const BYTES = '\r\n\t \0:;,="\\/?#@[]%*-+.0159aAfFgzZ\x0b\x0c\x1b\x7f\x80\xa0\xff';

const WORDS: readonly string[] = [
  "\r\n",
  "\r\n\r\n",
  "\r\n ",
  "HTTP/1.1",
  "HTTP/1.0",
  "Host: a\r\n",
  "Host: b:80\r\n",
  "Content-Length: 5\r\n",
  "content-length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "transfer-encoding: gzip, chunked\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive, upgrade\r\n",
  "Upgrade: x\r\n",
  "Expect: 100-continue\r\n",
  "chunked",
  ", ",
  "http://a",
  "[::1]",
  "1.2.3.4",
  ":65536",
  "GET ",
  "OPTIONS * ",
  "CONNECT a:1 ",
  "0\r\n\r\n",
  "5\r\nhello\r\n",
  ';a="b"',
  "ffffffffffffffff",
  "9007199254740993",
  "X-Trailer: y\r\n",
];

/** `text` with one to three mutations, mostly one; `corpus` lends pieces of other messages. */
export function mutate(text: string, corpus: readonly string[], random: Random): string {
  let mutated = text;
  for (let count = 1 + random.below(random.between(1, 3)); count > 0; count--) {
    mutated = mutateOnce(mutated, corpus, random);
  }
  return mutated;
}

function mutateOnce(text: string, corpus: readonly string[], random: Random): string {
  const at = random.below(text.length + 1);
  const to = Math.min(text.length, at + random.between(1, 8));
  switch (random.below(9)) {
    case 0:
      return text.slice(0, at) + BYTES[random.below(BYTES.length)]! + text.slice(at);
    case 1:
      return text.slice(0, at) + BYTES[random.below(BYTES.length)]! + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(to);
    case 3:
      return text.slice(0, to) + text.slice(at);
    case 4:
      return text.slice(0, at) + random.pick(WORDS) + text.slice(at);
    case 5:
      return text.slice(0, at) + random.pick(WORDS) + text.slice(to);
    case 6:
      return text.slice(0, at) + swapCase(text.slice(at, to)) + text.slice(to);
    case 7:
      return text.slice(0, at) + lineOf(random.pick(corpus), random) + text.slice(at);
    default:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
  }
}

function swapCase(text: string): string {
  return text.replace(/[a-z]/gi, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );
}

function lineOf(text: string, random: Random): string {
  const lines = text.split(/(?<=\n)/);
  return random.pick(lines);
}

/** Ascending ends of up to `most` pieces of `length` bytes. */
export function randomCuts(length: number, most: number, random: Random): number[] {
  const ends = new Set<number>([length]);
  for (let count = random.below(most); count > 0; count--) ends.add(random.between(1, length));
  return [...ends].filter((end) => end > 0).sort((one, other) => one - other);
}
