import { describe, expect, test } from "bun:test";
import { DATE_BYTES, DateCache, formatHttpDate, parseHttpDate } from "../../src/http/date.ts";
import { textOf } from "../support/replay.ts";

const RFC_EXAMPLE_MS = Date.UTC(1994, 10, 6, 8, 49, 37);
const NOW_MS = Date.UTC(2026, 10, 23);

test("formatHttpDate writes IMF-fixdate", () => {
  expect(formatHttpDate(RFC_EXAMPLE_MS)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
  expect(formatHttpDate(RFC_EXAMPLE_MS + 999)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
  expect(formatHttpDate(0)).toBe("Thu, 01 Jan 1970 00:00:00 GMT");
});

test("formatHttpDate agrees with the platform on every month and day of the week", () => {
  for (let day = 0; day < 800; day++) {
    const timeMs = NOW_MS + day * 86_400_000 + day * 1_234_567;
    expect(formatHttpDate(timeMs)).toBe(new Date(timeMs).toUTCString());
    expect(parseHttpDate(formatHttpDate(timeMs))).toBe(Math.floor(timeMs / 1000) * 1000);
  }
});

describe("DateCache", () => {
  test("writes anew only when the second changes", () => {
    let nowMs = RFC_EXAMPLE_MS;
    const cache = new DateCache(() => nowMs);
    const bytes = cache.bytes();
    expect(textOf(bytes, 0, DATE_BYTES)).toBe("Sun, 06 Nov 1994 08:49:37 GMT");
    bytes[0] = 0x21;
    nowMs += 999;
    expect(cache.bytes()).toBe(bytes);
    expect(bytes[0]).toBe(0x21);
    nowMs += 1;
    expect(cache.bytes()).toBe(bytes);
    expect(textOf(bytes, 0, DATE_BYTES)).toBe("Sun, 06 Nov 1994 08:49:38 GMT");
  });

  test("follows a clock that jumps back", () => {
    let nowMs = RFC_EXAMPLE_MS;
    const cache = new DateCache(() => nowMs);
    cache.bytes();
    nowMs = 0;
    expect(textOf(cache.bytes(), 0, DATE_BYTES)).toBe("Thu, 01 Jan 1970 00:00:00 GMT");
  });
});

describe("parseHttpDate", () => {
  test("reads the three forms", () => {
    expect(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT")).toBe(RFC_EXAMPLE_MS);
    expect(parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT", NOW_MS)).toBe(RFC_EXAMPLE_MS);
    expect(parseHttpDate("Sun Nov  6 08:49:37 1994")).toBe(RFC_EXAMPLE_MS);
    expect(parseHttpDate("Wed Nov 16 08:49:37 1994")).toBe(Date.UTC(1994, 10, 16, 8, 49, 37));
  });

  test("puts a two-digit year at most 50 years ahead", () => {
    const year = (text: string): number =>
      new Date(parseHttpDate(`Monday, 01-Jan-${text} 00:00:00 GMT`, NOW_MS)).getUTCFullYear();
    expect(["00", "26", "76", "77", "99"].map(year)).toEqual([2000, 2026, 2076, 1977, 1999]);
  });

  test("takes a leap second and years before 100", () => {
    expect(parseHttpDate("Sat, 31 Dec 2016 23:59:60 GMT")).toBe(Date.UTC(2016, 11, 31, 23, 59, 59));
    expect(new Date(parseHttpDate("Mon, 01 Jan 0001 00:00:00 GMT")).getUTCFullYear()).toBe(1);
  });

  test("refuses everything else", () => {
    const hostile = [
      "",
      "0",
      "now",
      "Sun, 06 Nov 1994 08:49:37",
      "Sun, 06 Nov 1994 08:49:37 UTC",
      "Sun, 06 Nov 1994 08:49:37 +0000",
      "Sun, 6 Nov 1994 08:49:37 GMT",
      "sun, 06 nov 1994 08:49:37 gmt",
      "Xyz, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Xyz 1994 08:49:37 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 31 Nov 1994 08:49:37 GMT",
      "Wed, 29 Feb 2023 00:00:00 GMT",
      "Sun, 06 Nov 1994 24:00:00 GMT",
      "Sun, 06 Nov 1994 08:60:00 GMT",
      "Sun, 06 Nov 1994 08:49:61 GMT",
      "Sun, 06 Nov 94 08:49:37 GMT",
      "Sun,06 Nov 1994 08:49:37 GMT",
      " Sun, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 GMT\n",
      "Sun, 06-Nov-94 08:49:37 GMT",
      "Someday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov 6 08:49:37 1994",
      "Sun Nov  6 08:49:37 1994 GMT",
      "Sun Nov  0 08:49:37 1994",
      "1994-11-06T08:49:37Z",
      "784111777",
    ];
    for (const text of hostile) expect([text, parseHttpDate(text)]).toEqual([text, Number.NaN]);
  });
});
