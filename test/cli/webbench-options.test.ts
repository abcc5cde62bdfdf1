import { describe, expect, test } from "bun:test";
import { WEBBENCH_OPTIONS } from "../../src/cli/webbench-options.ts";
import type { OptionSpec } from "../../src/cli/option-table.ts";

const read = (name: keyof typeof WEBBENCH_OPTIONS, text: string): unknown =>
  (WEBBENCH_OPTIONS[name].value as OptionSpec<unknown>).parse(text);

describe("WEBBENCH_OPTIONS", () => {
  test("keep every letter and long name of webbench 1.5", () => {
    const letters = Object.entries(WEBBENCH_OPTIONS).map(
      ([name, option]) => `${(option as { letter?: string }).letter ?? ""} ${name}`,
    );
    expect(letters).toEqual(
      expect.arrayContaining([
        ...["f force", "r reload", "t time", "p proxy", "c clients", "9 http09", "1 http10"],
        ...["2 http11", " get", " head", " options", " trace", "h help", "? usage", "V version"],
      ]),
    );
  });

  test("have no letter twice", () => {
    const letters = Object.values(WEBBENCH_OPTIONS)
      .map((option) => (option as { letter?: string }).letter)
      .filter((letter) => letter !== undefined);
    expect(new Set(letters).size).toBe(letters.length);
  });

  test.each([
    ["time", "10", 10_000],
    ["time", "1.5", 1_500],
    ["time", "500ms", 500],
    ["time", "0", null],
    ["time", "-5", null],
    ["time", "1e9", null],
    ["clients", "1000000", 1_000_000],
    ["clients", "0", null],
    ["clients", "-1", null],
    ["clients", "1000001", null],
    ["clients", "10.5", null],
    ["clients", "ten", null],
    ["rate", "0.5", 0.5],
    ["rate", "0", null],
    ["rate", "99999999", null],
    ["pipeline", "1025", null],
    ["frame", "4", 4],
    ["frame", "3", null],
    ["header", "", null],
  ] as const)("%s %p is %p", (name, text, value) => {
    expect(read(name, text)).toBe(value as never);
  });

  test("read lists of stages and statuses", () => {
    expect(read("stages", "10s:100, 500ms:0")).toEqual([
      { ms: 10_000, to: 100 },
      { ms: 500, to: 0 },
    ]);
    for (const bad of ["", "10s", "10:5", "10s:-5", "0s:5", "10s:5,", "10s:99999999"]) {
      expect([bad, read("stages", bad)]).toEqual([bad, null]);
    }
    expect(read("success", "2xx,404")).toEqual(["2xx", "404"]);
    expect(read("success", "2xx,fine")).toBeNull();
  });
});
