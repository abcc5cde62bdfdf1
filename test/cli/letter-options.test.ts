import { describe, expect, test } from "bun:test";
import { formatLetters, parseLetters } from "../../src/cli/letter-options.ts";
import { MillraceError } from "../../src/core/errors.ts";

const number = {
  placeholder: "N",
  expected: "a number",
  help: "",
  parse: (text: string) => (/^\d+$/.test(text) ? Number(text) : null),
};
const TABLE = {
  force: { letter: "f", help: "a flag", value: null },
  reload: { letter: "r", help: "another", value: null },
  clients: { letter: "c", help: "how many", value: number },
  csv: {
    help: "a file or nothing",
    value: { ...number, parse: (t: string) => t },
    isOptional: true,
  },
  help: { letter: "?", help: "this", value: null },
} as const;

const parse = (...args: string[]) => parseLetters(TABLE, args);

describe("parseLetters", () => {
  test.each([
    ["-c 5", { clients: [5] }],
    ["-c5", { clients: [5] }],
    ["-frc5", { force: [true], reload: [true], clients: [5] }],
    ["-rf -f", { reload: [true], force: [true, true] }],
    ["--clients 5 --clients=6", { clients: [5, 6] }],
    ["-?", { help: [true] }],
    ["--csv --force", { csv: [""], force: [true] }],
    ["--csv=a.csv", { csv: ["a.csv"] }],
  ])("reads %p", (line, values) => {
    expect(parse(...line.split(" "))).toEqual({ values, positionals: [] } as never);
  });

  test("takes everything else for an argument, and all behind --", () => {
    expect(parse("http://a/", "-f", "-", "--", "-c", "--no")).toEqual({
      values: { force: [true] },
      positionals: ["http://a/", "-", "-c", "--no"],
    });
  });

  test.each([
    ["--clints 5", 'unknown option "--clints", did you mean "--clients"?'],
    ["-x", 'unknown option "-x"'],
    ["-fx", 'unknown option "-x"'],
    ["-c", "-c: needs a value, a number"],
    ["--clients --force", "--clients: needs a value, a number"],
    ["-c -5", '-c: "-5" is not a number'],
    ["-cf", '-c: "f" is not a number'],
    ["--force=1", "--force: takes no value"],
    ["--constructor", 'unknown option "--constructor"'],
  ])("refuses %p", (line, message) => {
    expect(() => parse(...line.split(" "))).toThrow(message);
    expect(() => parse(...line.split(" "))).toThrow(MillraceError);
  });
});

test("formatLetters lines letters, names and values up", () => {
  expect(formatLetters(TABLE)).toBe(
    [
      "  -f, --force      a flag",
      "  -r, --reload     another",
      "  -c, --clients N  how many",
      "      --csv[=N]    a file or nothing",
      "  -?, --help       this",
    ].join("\n"),
  );
});
