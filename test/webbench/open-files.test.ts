import { expect, test } from "bun:test";
import { MillraceError } from "../../src/core/errors.ts";
import { checkOpenFiles, OPEN_FILES_SPARE, openFilesMax } from "../../src/webbench/open-files.ts";

test("checkOpenFiles refuses more clients than files, with the figures", () => {
  expect(() => checkOpenFiles(2_000, 2, 1_024)).toThrow(
    "Cannot hold 2000 clients in 2 processes: 1048 open files are needed in each and 1024 are " +
      "allowed (ulimit -n): at most 1952 clients, or more processes (-P)",
  );
  expect(() => checkOpenFiles(2_000, 2, 1_024)).toThrow(MillraceError);
  checkOpenFiles((1_024 - OPEN_FILES_SPARE) * 2, 2, 1_024);
  checkOpenFiles(1e6, 1, null); // nobody knows
});

test("openFilesMax is a number where there is /proc", () => {
  const most = openFilesMax();
  expect(most === null || most > 64).toBe(true);
});
