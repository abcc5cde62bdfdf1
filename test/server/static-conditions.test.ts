// Preconditions: each alone, in pairs by the order of RFC 9110 section 13.2.2, and malformed ones.

import { describe, expect, test } from "bun:test";
import {
  checkPreconditions,
  HAS_ACCEPT_ENCODING,
  HAS_IF_MATCH,
  HAS_IF_MODIFIED_SINCE,
  HAS_IF_NONE_MATCH,
  HAS_IF_RANGE,
  HAS_IF_UNMODIFIED_SINCE,
  HAS_RANGE,
  rangeApplies,
  scanFields,
} from "../../src/server/static-conditions.ts";
import { worldOf } from "./http-world.ts";

const MODIFIED = "Fri, 02 Jan 2026 03:04:05 GMT";
const EARLIER = "Fri, 02 Jan 2026 03:04:04 GMT";
const LATER = "Fri, 02 Jan 2026 03:04:06 GMT";
const NOW_MS = Date.parse("2026-03-01T00:00:00Z");
const STRONG = { etag: '"a-1"', modifiedMs: Date.parse(MODIFIED) };
const WEAK = { ...STRONG, etag: 'W/"a-1"' };
const UNDATED = { ...STRONG, modifiedMs: Number.NaN };

/** What the fields of a real request are found to be, and decide. */
function ask(fields: readonly string[], validators = STRONG): { found: number; status: number } {
  const result = { found: -1, status: -1 };
  const world = worldOf((request, response) => {
    result.found = scanFields(request);
    result.status = checkPreconditions(request, result.found, validators, NOW_MS);
    response.empty();
  });
  const lines = fields.map((field) => `${field}\r\n`).join("");
  world.connect().send(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);
  return result;
}

describe("scanFields", () => {
  test.each([
    ["Range: bytes=0-", HAS_RANGE],
    ["if-RANGE: x", HAS_IF_RANGE],
    ["If-Match: x", HAS_IF_MATCH],
    ["IF-NONE-MATCH: x", HAS_IF_NONE_MATCH],
    ["If-Modified-Since: x", HAS_IF_MODIFIED_SINCE],
    ["If-Unmodified-Since: x", HAS_IF_UNMODIFIED_SINCE],
    ["Accept-Encoding:", HAS_ACCEPT_ENCODING],
    ["Rangf: x", 0],
    ["X-Range: x", 0],
    ["If-None-Matcg: x", 0],
    [`${"n".repeat(200)}: x`, 0],
  ])("sees %p", (field, bit) => {
    expect(ask([field]).found).toBe(bit);
  });
});

describe("checkPreconditions", () => {
  test.each([
    ['If-Match: "a-1"', 0],
    ["If-Match: *", 0],
    ['If-Match: "x", "a-1"', 0],
    ['If-Match: "x","y"', 412],
    ['If-Match: W/"a-1"', 412], // strong comparison
    ["If-Match: a-1", 412], // not an entity tag: it matches nothing
    ["If-Match:", 412],
    ['If-Match: "x*"', 412],
    ['If-None-Match: "a-1"', 304],
    ['If-None-Match: W/"a-1"', 304], // weak comparison
    ["If-None-Match: *", 304],
    ['If-None-Match: "x" , W/"a-1"', 304],
    ['If-None-Match: ,, "a-1",', 304],
    ['If-None-Match: "x,", "a-1"', 304], // a comma may stand in a tag
    ['If-None-Match: "x"', 0],
    ['If-None-Match: "a-1', 0],
    ["If-None-Match: a-1", 0],
    ['If-None-Match: w/"a-1"', 0], // W is case-sensitive
    ['If-None-Match: "A-1"', 0],
    ["If-None-Match: ", 0],
    [`If-Modified-Since: ${MODIFIED}`, 304],
    [`If-Modified-Since: ${LATER}`, 304],
    [`If-Modified-Since: ${EARLIER}`, 0],
    ["If-Modified-Since: yesterday", 0],
    ["If-Modified-Since: 2026-06-01T00:00:00Z", 0],
    ["If-Modified-Since: Sun Nov  6 08:49:37 2094", 304],
    ["If-Modified-Since: 0", 0],
    [`If-Unmodified-Since: ${MODIFIED}`, 0],
    [`If-Unmodified-Since: ${LATER}`, 0],
    [`If-Unmodified-Since: ${EARLIER}`, 412],
    ["If-Unmodified-Since: never", 0],
  ])("decides %p", (field, status) => {
    expect(ask([field]).status).toBe(status);
  });

  test.each([
    [['If-Match: "a-1"', `If-Unmodified-Since: ${EARLIER}`], 0], // If-Match goes before
    [['If-Match: "x"', 'If-None-Match: "a-1"'], 412],
    [['If-Match: "a-1"', 'If-None-Match: "a-1"'], 304],
    [[`If-Unmodified-Since: ${EARLIER}`, 'If-None-Match: "a-1"'], 412],
    [[`If-Unmodified-Since: ${LATER}`, `If-Modified-Since: ${MODIFIED}`], 304],
    [['If-None-Match: "x"', `If-Modified-Since: ${LATER}`], 0], // If-None-Match goes before
    [['If-None-Match: "a-1"', `If-Modified-Since: ${EARLIER}`], 304],
    [['If-None-Match: "x"', 'If-None-Match: "a-1"'], 304], // two lines are one list
    [[`If-Modified-Since: ${LATER}`, `If-Modified-Since: ${LATER}`], 0], // not a date together
  ])("keeps the order for %p", (fields, status) => {
    expect(ask(fields).status).toBe(status);
  });

  test("compares a weak tag weakly, and never strongly", () => {
    expect(ask(['If-None-Match: "a-1"'], WEAK).status).toBe(304);
    expect(ask(['If-Match: W/"a-1"'], WEAK).status).toBe(412);
    expect(ask(['If-Match: "a-1"'], WEAK).status).toBe(412);
  });

  test("knows no date where there is none", () => {
    expect(ask([`If-Modified-Since: ${LATER}`], UNDATED).status).toBe(0);
    expect(ask([`If-Unmodified-Since: ${EARLIER}`], UNDATED).status).toBe(0);
  });

  test("reads a long list of tags in one go", () => {
    const list = Array.from({ length: 500 }, (_, index) => `"t${index}"`).join(", ");
    expect(ask([`If-None-Match: ${list}, "a-1"`]).status).toBe(304);
    expect(ask([`If-None-Match: ${'"'.repeat(8000)}`]).status).toBe(0);
  });
});

describe("rangeApplies", () => {
  test.each([
    ['"a-1"', true],
    [` "a-1" `, true],
    ['"x"', false],
    ['W/"a-1"', false],
    ["*", false],
    ['"a-1", "x"', false],
    [MODIFIED, true],
    [LATER, false], // exactly the date, not later
    [EARLIER, false],
    ["soon", false],
    ["", false],
  ])("judges %p", (value, applies) => {
    expect(rangeApplies(value, STRONG, NOW_MS)).toBe(applies);
  });

  test("trusts neither tag nor date of what may have changed unseen", () => {
    expect(rangeApplies('W/"a-1"', WEAK, NOW_MS)).toBe(false);
    expect(rangeApplies(MODIFIED, WEAK, NOW_MS)).toBe(false);
    expect(rangeApplies("soon", UNDATED, NOW_MS)).toBe(false);
  });
});
