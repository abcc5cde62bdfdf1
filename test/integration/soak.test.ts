// The short form of `bun run soak`: some seconds of everything at once, with every claim of the
// long one. What it prints on its way is shown when it fails.

import { expect, setDefaultTimeout, test } from "bun:test";
import { runSoak } from "../soak/soak-run.ts";
import { formatResult } from "../soak/soak-table.ts";
import { seedOfRun } from "../support/random.ts";

setDefaultTimeout(150_000); // it waits for conditions, each with a patience of its own

const WARM_UP_MS = 2_000;
const LOAD_MS = 6_000;

test("a short soak: reloads, deaths and a low memory limit under mixed load", async () => {
  const seed = seedOfRun();
  const news: string[] = [`seed ${seed}`];
  const tell = (line: string): void => void news.push(line);
  const result = await runSoak({ seed, warmUpMs: WARM_UP_MS, loadMs: LOAD_MS, tell });
  if (result.verdict.problems.length > 0) console.error(news.join("\n"), formatResult(result));
  expect(result.verdict.problems).toEqual([]);
});
