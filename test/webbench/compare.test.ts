import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MillraceError } from "../../src/core/errors.ts";
import { compareResults, readResult } from "../../src/webbench/compare.ts";
import { countsReport, sampleResult } from "./sample-result.ts";

const folder = mkdtempSync(join(tmpdir(), "webbench-"));
afterAll(() => rmSync(folder, { recursive: true }));

const before = sampleResult([countsReport({ 1: 100 }, 1)]);
const after = sampleResult([countsReport({ 1: 200, 2: 1 }, 3)], { clients: 128 });

describe("compareResults", () => {
  const text = compareResults(before, after);

  test("puts figures side by side with their ratio, and says which way is worse", () => {
    expect(text).toMatch(/\n {2}rps +1000 +2010 +2\.01 {2}better\n/);
    expect(text).toMatch(/\n {2}p99 +1\.00 ms +3\.00 ms +3\.00 {2}worse\n/);
    expect(text).toMatch(/\n {2}failed +0 +1 +worse\n/);
    expect(text).not.toContain("reset");
  });

  test("tells what was asked for differently", () => {
    expect(text).toContain("note: clients differs: 64 and 128");
  });

  test("sees no difference where there is none", () => {
    expect(compareResults(before, before)).not.toMatch(/worse|better|note/);
  });
});

describe("readResult", () => {
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  test("reads what --json wrote", () => {
    expect(readResult(file("a.json", JSON.stringify(before)))).toEqual(before);
  });

  test.each([
    ["no.json", null],
    ["text.json", "not JSON"],
    ["null.json", "null"],
    ["other.json", '{"format":"other/1"}'],
  ])("refuses %s", (name, content) => {
    const path = content === null ? join(folder, name) : file(name, content);
    expect(() => readResult(path)).toThrow(MillraceError);
  });
});
