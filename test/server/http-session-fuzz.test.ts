import { test } from "bun:test";
import { fuzzSessions } from "../fuzz/http-session.fuzz.ts";
import { seedOfRun } from "../support/random.ts";

test("HttpSession survives random traffic and random handlers", async () => {
  await fuzzSessions(seedOfRun() >>> 4, 80);
});
