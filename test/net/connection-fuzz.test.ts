// The short form of test/fuzz/net-connection.fuzz.ts.

import { expect, test } from "bun:test";
import { runNetScript } from "../fuzz/net-connection.fuzz.ts";
import { seedOfRun } from "../support/random.ts";

const SCRIPTS = 40;

test("Connection keeps every stream in order and holds nothing, in any script", () => {
  const seed = seedOfRun();
  for (let index = 0; index < SCRIPTS; index++) {
    expect(() => runNetScript(seed + index, 100)).not.toThrow();
  }
});
