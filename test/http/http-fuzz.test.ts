// The short form of the codec fuzzer; a failure prints its seed and its input.

import { expect, test } from "bun:test";
import { fuzzHttp } from "../fuzz/http-parser.fuzz.ts";
import { seedOfRun } from "../support/random.ts";

test("the codecs agree with themselves, however cut, and with the reference", () => {
  const report = fuzzHttp(seedOfRun(), 4000);
  expect(report.accepted).toBeGreaterThan(200);
  expect(report.refused).toBeGreaterThan(1000);
});
