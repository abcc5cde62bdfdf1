// The short form of test/fuzz/tcp-service.fuzz.ts.

import { expect, test } from "bun:test";
import { runTcpScript } from "../fuzz/tcp-service.fuzz.ts";
import { seedOfRun } from "../support/random.ts";

const SCRIPTS = 20;

test("a TCP service shows every frame, keeps every answer, and evicts nobody early", () => {
  const seed = seedOfRun();
  for (let index = 0; index < SCRIPTS; index++) {
    expect(() => runTcpScript(seed + index)).not.toThrow();
  }
});
