import { describe, expect, test } from "bun:test";
import {
  addTally,
  COUNT_BEGUN,
  COUNT_CUT_OFF,
  COUNT_ERROR_BASE,
  COUNT_FAILED_STATUS,
  COUNT_RETURNED,
  COUNT_SUCCEEDED,
  ERROR_NAMES,
  takeTally,
  Tally,
  TALLY_LENGTH,
} from "../../src/webbench/tally.ts";

function filled(): Tally {
  const tally = new Tally();
  const row: Record<number, number> = { [COUNT_BEGUN]: 20, [COUNT_SUCCEEDED]: 9 };
  Object.assign(row, { [COUNT_FAILED_STATUS]: 1, [COUNT_CUT_OFF]: 2, [COUNT_RETURNED]: 1 });
  Object.assign(row, { [COUNT_ERROR_BASE]: 3, [COUNT_ERROR_BASE + 6]: 1 });
  for (const [index, count] of Object.entries(row)) tally.row[Number(index)] = count;
  tally.statuses[200] = 9;
  tally.statuses[503] = 1;
  tally.addReason("ECONNREFUSED", 3);
  tally.addReason("ECONNREFUSED");
  return tally;
}

describe("Tally", () => {
  test("knows what has failed and what is outstanding", () => {
    const tally = filled();
    expect([tally.errors, tally.failed, tally.outstanding]).toEqual([4, 5, 3]);
    expect(TALLY_LENGTH).toBe(COUNT_ERROR_BASE + ERROR_NAMES.length);
  });

  test("is taken once, and the parts add up to the whole", () => {
    const total = new Tally();
    const source = filled();
    const report = JSON.parse(JSON.stringify(takeTally(source))) as ReturnType<typeof takeTally>;
    addTally(total, report);
    addTally(total, takeTally(source)); // nothing is left
    expect(total).toEqual(filled());
    addTally(total, report);
    expect(total.outstanding).toBe(6);
    expect(total.reasons.get("ECONNREFUSED")).toBe(8);
  });
});
