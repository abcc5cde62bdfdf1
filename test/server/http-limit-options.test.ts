import { describe, expect, test } from "bun:test";
import { http } from "../../src/server/service.ts";
import {
  HTTP_LIMIT_NAMES,
  HTTP_LIMIT_RANGES,
  httpLimitProblem,
  httpLimitsOf,
  isBetween,
} from "../../src/server/http-limit-options.ts";
import { resolveSettings } from "../../src/server/settings.ts";

const DEFAULTS = resolveSettings({ workers: 1 }, { processors: 1, fdLimit: 1000 });

describe("httpLimitProblem", () => {
  test("lets the ends of every range pass, and nothing beyond them", () => {
    for (const name of HTTP_LIMIT_NAMES) {
      const [least, most] = HTTP_LIMIT_RANGES[name];
      for (const value of [least, most, undefined]) {
        expect(httpLimitProblem({ [name]: value })).toBeNull();
      }
      for (const value of [least - 1, most + 1, least + 0.5, NaN, Infinity, -Infinity]) {
        const problem = `${name}: ${value} is not between ${least} and ${most}`;
        expect(httpLimitProblem({ [name]: value })).toBe(problem);
      }
    }
  });

  test("refuses what is no number, by the name of the option", () => {
    for (const value of [null, "", "100", "8KB", true, [], {}, 1n]) {
      const problem = httpLimitProblem({ headersMax: value as never });
      expect(problem).toStartWith("headersMax: ");
      expect(() => http({ fetch: () => new Response(), headersMax: value as never })).toThrow(
        RangeError,
      );
    }
  });

  test("has every default within its range", () => {
    expect(httpLimitProblem(DEFAULTS)).toBeNull();
    for (const name of HTTP_LIMIT_NAMES) expect(DEFAULTS[name]).toBeGreaterThan(0);
  });
});

describe("httpLimitsOf", () => {
  test("takes what was asked for all, then what the listener says, then the default", () => {
    const all = { ...DEFAULTS, headersMax: 7, idleTimeoutMs: 0 };
    const own = { headersMax: 9, idleTimeoutMs: 5, bodyBytesMax: 0, targetBytesMax: undefined };
    expect(httpLimitsOf(own, all, ["headersMax", "idleTimeoutMs"])).toMatchObject({
      headersMax: 7,
      idleTimeoutMs: 0,
      bodyBytesMax: 0,
      targetBytesMax: DEFAULTS.targetBytesMax,
    });
    expect(httpLimitsOf(own, all, [])).toMatchObject({ headersMax: 9, idleTimeoutMs: 5 });
  });

  test("gives every limit and nothing else", () => {
    const limits = httpLimitsOf({ ...DEFAULTS, port: 1 } as object, DEFAULTS, []);
    expect(Object.keys(limits).sort()).toEqual([...HTTP_LIMIT_NAMES].sort());
  });
});

test("isBetween takes both ends and whole numbers only", () => {
  expect([0, 1, 2, 3, 1.5, "1", Number.NaN].map((value) => isBetween(value, 1, 2))).toEqual([
    false,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});
