// W1 to W10: the timing wheel beside a binary heap, lists by duration, a sweep of all deadlines
// and Bun's own timers, each in a process of its own. The best of some rounds, and without the
// time that it waited for a core, for others use the machine too; nanoseconds an operation where
// no other unit stands. The hash is over what fired, the same for all stores: they fire the same
// timers at the same ticks.
//
//   taskset -c 1 bun bench/micro/timer-wheel.bench.ts [--full]   (100,000 timers, or 1,000,000)

import { parseArgs } from "node:util";
import { STORE_NAMES, type StoreName } from "./timer-stores.ts";
import { type Figure, runWorkloads } from "./timer-workloads.ts";

interface Run {
  figures: Figure[];
  hash: number;
}

/** What is asked of the wheel at 1,000,000 timers, by how a workload's name begins. */
const ASKED: readonly [string, number][] = [
  ["W1 schedule", 50],
  ["bytes a timer", 24],
  ["W2 start and stop", 100], // a schedule and a cancel
  ["W3 cancel", 50],
  ["W4 refresh in order", 10],
  ["W4 refresh", 60],
  ["W6 storm", 60],
  ["W7 expire", 60],
];

const ROUNDS = 4;
const ROUNDS_FULL = 2;
const FULL_COUNT = 1_000_000;
const COLUMN = 11;
const FIRST_COLUMN = 32;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      full: { type: "boolean", default: false },
      store: { type: "string" },
      count: { type: "string" },
    },
  });
  const count = Number(values.count ?? (values.full ? FULL_COUNT : 100_000));
  const store = STORE_NAMES.find((name) => name === values.store);
  if (store !== undefined) console.log(JSON.stringify(rounds(store, count)));
  else await compare(count);
}

/** The first round warms up. */
function rounds(store: StoreName, count: number): Run {
  const length = 1 + roundsFor(count);
  const runs = Array.from({ length }, () => runWorkloads(store, count)).slice(1);
  const figures = runs[0]!.figures.map((figure, index) => ({
    ...figure,
    value: Math.min(...runs.map((run) => run.figures[index]!.value)),
  }));
  return { figures, hash: runs[0]!.hash };
}

function roundsFor(count: number): number {
  return count < FULL_COUNT ? ROUNDS : ROUNDS_FULL;
}

async function compare(count: number): Promise<void> {
  const runs = new Map<StoreName, Run>();
  for (const name of STORE_NAMES) runs.set(name, await spawned(name, count));
  console.log(`${count} timers, ticks of 100 ms, best of ${roundsFor(count)} rounds`);
  console.log("".padEnd(FIRST_COLUMN) + STORE_NAMES.map((name) => name.padStart(COLUMN)).join(""));
  for (const { workload, unit } of runs.get("wheel")!.figures) {
    const cells = STORE_NAMES.map((name) => cell(runs.get(name)!, workload));
    const most = ASKED.find(([name]) => workload.startsWith(name))?.[1];
    const asked = most === undefined || count < FULL_COUNT ? "" : `  asked of the wheel: ${most}`;
    console.log(`${workload.padEnd(FIRST_COLUMN)}${cells.join("")} ${unit ?? ""}${asked}`);
  }
  const hashes = STORE_NAMES.filter((name) => name !== "native").map((it) => runs.get(it)!.hash);
  console.log(`hash of what fired: ${hashes.map((hash) => (hash >>> 0).toString(16)).join(" ")}`);
  if (new Set(hashes).size > 1) throw new Error("the stores do not fire the same timers");
}

async function spawned(store: StoreName, count: number): Promise<Run> {
  const command = [process.execPath, import.meta.path, "--store", store, "--count", `${count}`];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${store} failed`);
  return JSON.parse(text) as Run;
}

function cell(run: Run, workload: string): string {
  const figure = run.figures.find((it) => it.workload === workload);
  if (figure === undefined) return "-".padStart(COLUMN);
  return figure.value.toFixed(figure.value < 100 ? 1 : 0).padStart(COLUMN);
}

await main();
process.exit(0); // native timers are still armed
