import { expect, test } from "bun:test";
import { isStatusWord, statusTable } from "../../src/webbench/status-table.ts";

test("statusTable has classes and single statuses, and always what has none", () => {
  const table = statusTable(["2xx", "404"]);
  const successes = [...table.keys()].filter((status) => table[status] === 1);
  expect(successes).toEqual([0, ...Array.from({ length: 100 }, (_, at) => 200 + at), 404]);
  expect(statusTable([])[200]).toBe(0);
});

test("isStatusWord knows both, and nothing else", () => {
  expect(["2xx", "5XX", "100", "999"].every(isStatusWord)).toBe(true);
  expect(["", "20x", "0xx", "99", "1000", "2xx ", "-1", "ok"].some(isStatusWord)).toBe(false);
});
