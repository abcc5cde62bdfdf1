// Counters: one name an index, no overlap, room for every close reason.

import { describe, expect, test } from "bun:test";
import { CLOSE_REASON_NAMES } from "../../src/core/close-reason.ts";
import * as counters from "../../src/core/counters.ts";

const { COUNTER_NAMES, COUNTERS_PER_ROW, GAUGES, statusCounter } = counters;
/** Constant and index of every counter but the close reasons. */
const INDEXES: [string, number][] = Object.entries(counters).flatMap(([name, index]) =>
  /^COUNT_(?!CLOSED_BASE)/.test(name) && typeof index === "number" ? [[name, index]] : [],
);

describe("counters", () => {
  test("no two share an index, and none is in the columns of the close reasons", () => {
    const first = counters.COUNT_CLOSED_BASE;
    const taken = INDEXES.map(([, index]) => index);
    expect(new Set(taken).size).toBe(taken.length);
    for (const [name, index] of INDEXES) {
      const isReason = index >= first && index < first + CLOSE_REASON_NAMES.length;
      expect([name, isReason]).toEqual([name, false]);
      expect(index).toBeLessThan(COUNTERS_PER_ROW);
    }
  });

  test("every counter has a name of its own for a metrics page, and a gap has none", () => {
    expect(COUNTER_NAMES).toHaveLength(COUNTERS_PER_ROW);
    const named = COUNTER_NAMES.filter((name) => name !== "");
    expect(new Set(named).size).toBe(named.length);
    for (const name of named) expect(name).toMatch(/^[a-z0-9_]+$/);
    for (const [constant, index] of INDEXES) {
      expect([constant, COUNTER_NAMES[index]]).not.toEqual([constant, ""]);
    }
    expect(named).toHaveLength(INDEXES.length + CLOSE_REASON_NAMES.length);
  });

  test("names stand where their constants say", () => {
    const { COUNT_CLOSED_BASE } = counters;
    expect(COUNTER_NAMES[counters.COUNT_OPEN]).toBe("open");
    expect(COUNTER_NAMES[counters.COUNT_ABORTED]).toBe("aborted");
    expect(COUNTER_NAMES[counters.COUNT_DETACHED]).toBe("detached");
    expect(COUNTER_NAMES[counters.COUNT_RESPONSES_5XX]).toBe("5xx");
    expect(COUNTER_NAMES[counters.COUNT_BUFFER_REFUSED]).toBe("buffer_refused");
    expect(COUNTER_NAMES[counters.COUNT_FRAMES_OUT]).toBe("frames_out");
    CLOSE_REASON_NAMES.forEach((name, reason) => {
      const column = `closed_${name.replaceAll("-", "_")}`;
      expect(COUNTER_NAMES[COUNT_CLOSED_BASE + reason]).toBe(column);
    });
  });

  test("gauges are counters that exist", () => {
    for (const index of GAUGES) expect(COUNTER_NAMES[index]).not.toBe("");
  });

  test("a row does not share a cache line with the next", () => {
    expect((COUNTERS_PER_ROW * 8) % 64).toBe(0);
  });
});

describe("statusCounter", () => {
  test("knows the class of every status, to its edges", () => {
    for (let status = 100; status < 600; status++) {
      const name = `${Math.floor(status / 100)}xx`;
      expect(COUNTER_NAMES[statusCounter(status)]).toBe(name);
    }
  });
});
