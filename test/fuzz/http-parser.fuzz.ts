// Mutation fuzzer of the HTTP codecs. Each input is a damaged vector; it is parsed whole and in
// random pieces, which must agree, and read by the reference as well, which must agree on what is
// accepted and what it means. Nothing may throw, and no offset may leave its range.
//
//   bun test/fuzz/http-parser.fuzz.ts --seed 1 --count 1000000

import { isDeepStrictEqual, parseArgs } from "node:util";

import { BODY_CHUNKED } from "../../src/http/framing.ts";
import { BODY_LIMITS_DEFAULT, REQUEST_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";
import { METHOD_CONNECT, METHOD_GET, METHOD_HEAD } from "../../src/http/methods.ts";
import { RequestParser } from "../../src/http/request-parser.ts";
import { ResponseParser } from "../../src/http/response-parser.ts";
import { RESPONSES } from "../http/vectors-response.ts";
import { CHUNKED_ACCEPTED, CHUNKED_REFUSED } from "../http/vectors-body.ts";
import { REFUSED } from "../http/vectors-hostile.ts";
import { ACCEPTED } from "../http/vectors.ts";
import { mutate, randomCuts } from "../support/http-mutation.ts";
import { referenceChunked, referenceHead } from "../support/http-reference.ts";
import {
  decodeBody,
  type Outcome,
  parseRequest,
  parseResponse,
  type RequestHead,
} from "../support/http-replay.ts";
import { Random, seedOfRun } from "../support/random.ts";
import { latin1 } from "../support/replay.ts";

const BYTES_MAX = 2048; // of a vector that is worth mutating
const PIECES_MAX = 8;

// Valid ones several times: damage to what is valid is the more telling.
const heads = [...repeat(ACCEPTED, 8), ...REFUSED].map(({ text }) => text).filter(isShort);
const bodies = [...repeat(CHUNKED_ACCEPTED, 8), ...CHUNKED_REFUSED]
  .map(({ text }) => text)
  .filter(isShort);
const responses = RESPONSES.filter(isShort);
const requestParser = new RequestParser(REQUEST_LIMITS_DEFAULT);
const responseParser = new ResponseParser(REQUEST_LIMITS_DEFAULT);

export interface FuzzReport {
  accepted: number;
  refused: number;
  incomplete: number;
}

/** Runs `count` inputs; throws with the seed and the input at the first disagreement. */
export function fuzzHttp(seed: number, count: number): FuzzReport {
  const random = new Random(seed);
  const report = { accepted: 0, refused: 0, incomplete: 0 };
  for (let index = 0; index < count; index++) {
    const kind = random.below(8);
    const check = kind < 5 ? checkRequest : kind < 7 ? checkChunked : checkResponse;
    const corpus = kind < 5 ? heads : kind < 7 ? bodies : responses;
    const text = mutate(random.pick(corpus), corpus, random);
    try {
      check(text, random, report);
    } catch (error) {
      throw new Error(`--seed ${seed}, input ${index}: ${JSON.stringify(text)}`, { cause: error });
    }
  }
  return report;
}

function checkRequest(text: string, random: Random, report: FuzzReport): void {
  const bytes = latin1(text);
  const whole = parseRequest(bytes, [bytes.length], REQUEST_LIMITS_DEFAULT, requestParser);
  for (const ends of cutsOf(bytes, random)) {
    const cut = parseRequest(bytes, ends, REQUEST_LIMITS_DEFAULT, requestParser);
    same({ ends, ...cut }, { ends, ...whole });
  }
  count(report, whole);
  const expected = referenceHead(text);
  const { methodId: _method, form: _form, pathHash: _hash, ...found } = whole.head ?? {};
  same(whole.head === undefined ? null : found, expected);
  if (whole.more && /\r\n\r\n/.test(text.replace(/^(?:\r\n)+/, ""))) {
    throw new Error("wants more after a blank line");
  }
  if (whole.head !== undefined) checkRanges(bytes.length);
  checkTight(bytes, random, whole);
}

/** Limits that are met all the time: a limit is named, or the outcome is that without it. */
function checkTight(bytes: Uint8Array, random: Random, wide: Outcome<RequestHead>): void {
  const limits = {
    ...REQUEST_LIMITS_DEFAULT,
    headBytesMax: random.between(1, 120),
    targetBytesMax: random.between(1, 30),
    headerBytesMax: random.between(1, 40),
    headersMax: random.between(1, 4),
  };
  const whole = parseRequest(bytes, [bytes.length], limits);
  for (const ends of cutsOf(bytes, random)) {
    same({ limits, ends, ...parseRequest(bytes, ends, limits) }, { limits, ends, ...whole });
  }
  const isLimit = /_TOO_(?:LARGE|LONG|MANY)$/.test(whole.error ?? "");
  if (!isLimit) same({ limits, ...whole }, { limits, ...wide });
}

function checkRanges(length: number): void {
  const parser = requestParser;
  const { targetStart, targetEnd, pathStart, pathEnd, queryStart, queryEnd, headBytes } = parser;
  const ascending = [0, parser.methodStart, parser.methodEnd, targetStart, targetEnd];
  ascending.push(...parser.headers.subarray(0, parser.headerCount * 4), headBytes, length);
  const isAscending = ascending.every((value, index) => value >= (ascending[index - 1] ?? 0));
  const parts = [targetStart, pathStart, pathEnd, queryStart, queryEnd, targetEnd];
  const isInside = parts.every((value) => value >= targetStart && value <= targetEnd);
  const isOrdered = pathStart <= pathEnd && pathEnd <= queryStart && queryStart <= queryEnd;
  const isHost = parser.hostStart <= parser.hostEnd && parser.hostEnd <= headBytes;
  if (!isAscending || !isInside || !isOrdered || !isHost) {
    throw new Error(`offsets out of range: ${ascending} / ${parts}`);
  }
}

function checkChunked(text: string, random: Random, report: FuzzReport): void {
  const bytes = latin1(text);
  const whole = decodeBody(bytes, BODY_CHUNKED, 0);
  for (const ends of cutsOf(bytes, random)) {
    same({ ends, ...decodeBody(bytes, BODY_CHUNKED, 0, ends) }, { ends, ...whole });
  }
  count(report, { ...whole, head: whole.consumed });
  const expected = referenceChunked(text);
  const isLimit = whole.error !== undefined && /LARGE|LONG|MANY|OVERFLOW/.test(whole.error);
  if (isLimit) return;
  const { body, consumed } = whole;
  same(consumed === undefined ? null : { body, consumed }, expected);
  if (body.length > BODY_LIMITS_DEFAULT.bodyBytesMax) throw new Error("body beyond the limit");
}

function checkResponse(text: string, random: Random, report: FuzzReport): void {
  const bytes = latin1(text);
  const method = random.pick([METHOD_GET, METHOD_HEAD, METHOD_CONNECT]);
  const whole = parseResponse(bytes, method, [bytes.length], responseParser);
  for (const ends of cutsOf(bytes, random)) {
    same({ ends, ...parseResponse(bytes, method, ends, responseParser) }, { ends, ...whole });
  }
  count(report, whole);
}

// Twice at random, and now and then byte by byte.
function cutsOf(bytes: Uint8Array, random: Random): number[][] {
  if (bytes.length === 0) return [];
  const cuts = [0, 1].map(() => randomCuts(bytes.length, PIECES_MAX, random));
  if (random.oneIn(16)) cuts.push(Array.from(bytes, (_, index) => index + 1));
  return cuts;
}

function count(report: FuzzReport, outcome: { error?: string; head?: unknown }): void {
  if (outcome.error !== undefined) report.refused++;
  else if (outcome.head !== undefined) report.accepted++;
  else report.incomplete++;
}

function same(found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected)) return;
  throw new Error(`found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
}

function repeat<Item>(items: readonly Item[], times: number): Item[] {
  return Array.from({ length: times }, () => items).flat();
}

function isShort(text: string): boolean {
  return text.length <= BYTES_MAX;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { seed: { type: "string" }, count: { type: "string", default: "100000" } },
  });
  const seed = values.seed === undefined ? seedOfRun() : Number(values.seed);
  const report = fuzzHttp(seed, Number(values.count));
  console.log(`seed ${seed}: ${JSON.stringify(report)}`);
}
