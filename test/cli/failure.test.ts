import { expect, test } from "bun:test";
import { exitCodeOf, failureText } from "../../src/cli/failure.ts";
import { MillraceError } from "../../src/core/errors.ts";

test("failureText is one line, whatever the message holds", () => {
  const error = new MillraceError("ERR_MODULE", "a\nb\u001b[31m\u2028c");
  expect(failureText(error)).toBe("millrace: a\\x0ab\\x1b[31m\\x2028c\n");
  expect(failureText("thrown text")).toBe("millrace: thrown text\n");
  expect(failureText(undefined)).toBe("millrace: undefined\n");
});

test("failureText spells a setting as the option that sets it", () => {
  const error = new MillraceError("ERR_USAGE", "maxConnections: 5 is too many");
  expect(failureText(error)).toBe("millrace: --max-connections: 5 is too many\n");
  expect(failureText(new Error("Cannot listen: no"))).toBe("millrace: Cannot listen: no\n");
});

test("exitCodeOf tells a mistyped command from one that failed", () => {
  expect(exitCodeOf(new MillraceError("ERR_USAGE", ""))).toBe(2);
  expect(exitCodeOf(new MillraceError("ERR_LISTEN", ""))).toBe(1);
  expect(exitCodeOf(new TypeError(""))).toBe(1);
  expect(exitCodeOf(null)).toBe(1);
});
