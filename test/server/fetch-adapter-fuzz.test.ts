import { test } from "bun:test";
import { fuzzFetch } from "../fuzz/http-fetch.fuzz.ts";
import { seedOfRun } from "../support/random.ts";

test("fetch handlers survive random requests, and their peers random handlers", async () => {
  await fuzzFetch(seedOfRun() >>> 4, 60);
});
