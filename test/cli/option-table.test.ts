import { describe, expect, test } from "bun:test";
import { MillraceError } from "../../src/core/errors.ts";
import { formatOptions, parseOptions, type OptionSpec } from "../../src/cli/option-table.ts";

const number: OptionSpec<number> = {
  placeholder: "N",
  parse: (text) => (/^-?\d+$/.test(text) ? Number(text) : null),
  expected: "a number",
  help: "counts",
};
const table = { port: number, "max-connections": number };

function problem(...args: string[]): string {
  try {
    return JSON.stringify(parseOptions(table, args));
  } catch (error) {
    expect((error as MillraceError).code).toBe("ERR_USAGE");
    return (error as MillraceError).message;
  }
}

describe("parseOptions", () => {
  test("reads both spellings of a value, and what is no option", () => {
    const { values, positionals } = parseOptions(table, ["a", "--port=1", "--", "--port", "b"]);
    expect(values).toEqual({ port: 1 });
    expect(positionals).toEqual(["a", "--port", "b"]);
    expect(parseOptions(table, ["--port", "1"]).values.port).toBe(1);
    expect(parseOptions(table, ["--port", "-1"]).values.port).toBe(-1);
  });

  test("takes the last of an option that is given twice", () => {
    expect(parseOptions(table, ["--port", "1", "--port=2"]).values.port).toBe(2);
  });

  test.each([
    [["--prot", "1"], 'unknown option "--prot", did you mean "--port"?'],
    [["--PORT", "1"], 'unknown option "--PORT"'],
    [["-p", "1"], 'unknown option "-p"'],
    [["-port"], 'unknown option "-p"'],
    [["--xyzzy"], 'unknown option "--xyzzy"'],
    [["--no-port"], 'unknown option "--no-port"'],
    [["--port"], "--port: needs a value, a number"],
    [["--port", "--max-connections", "1"], "--port: needs a value, a number"],
    [["--port="], '--port: "" is not a number'],
    [["--port", "x"], '--port: "x" is not a number'],
    [["--port=1=2"], '--port: "1=2" is not a number'],
    [["--__proto__", "1"], 'unknown option "--__proto__"'],
    [["--constructor", "1"], 'unknown option "--constructor"'],
    [["--toString=1"], 'unknown option "--toString"'],
  ])("refuses %p", (args, message) => expect(problem(...args)).toBe(message));
});

test("formatOptions aligns what it explains", () => {
  expect(formatOptions(table)).toBe("  --port N             counts\n  --max-connections N  counts");
});
