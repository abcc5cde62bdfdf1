// `bun run soak`: three minutes of everything at once against a server of its own, on loopback,
// with a memory limit that is too low on purpose; at the end the books must balance. Exit code 0 or
// 1. Repeat a run with its seed.
//
//   bun test/soak/soak.ts [--seconds 180] [--seed S]

import { parseArgs } from "node:util";
import { seedOfRun } from "../support/random.ts";
import { runSoak } from "./soak-run.ts";
import { formatResult } from "./soak-table.ts";

const WARM_UP_SHARE = 0.15;
const SECONDS_MIN = 10;
const SECONDS_MAX = 3_600;

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "180" }, seed: { type: "string" } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? seedOfRun() : Number(values.seed);
if (!(seconds >= SECONDS_MIN && seconds <= SECONDS_MAX) || !Number.isInteger(seed)) {
  console.error(`Cannot soak: --seconds ${SECONDS_MIN}..${SECONDS_MAX}, --seed a whole number`);
  process.exit(2);
}
console.log(`soak of ${seconds} s, seed ${seed}`);
const result = await runSoak({
  seed,
  warmUpMs: seconds * WARM_UP_SHARE * 1000,
  loadMs: seconds * (1 - WARM_UP_SHARE) * 1000,
  tell: (line) => console.log(line),
});
console.log(formatResult(result));
console.log(`repeat it: bun run soak --seconds ${seconds} --seed ${seed}`);
process.exit(result.verdict.problems.length === 0 ? 0 : 1);
