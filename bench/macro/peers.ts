// CPU per request of millrace and its peers, side by side in one run, in turn. Servers share one
// core (only one of them is under load at a time), the generator has the other. The order rotates
// from round to round, so that no peer always follows the same neighbour.
// At last, what 10,000 idle connections take of memory. All of it is a quarter of an hour.
//   bun bench/macro/peers.ts [--rounds 5] [--seconds 2] [--scenario keepalive,close,idle | all]
//                            [--peers millrace,nginx | all] [--workers 1] [--json FILE]

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { IDLE_COUNT, type IdleRow, idleTable, measureIdle } from "./idle-memory.ts";
import { generate, missingGenerator, type Scenario, SCENARIOS } from "./load.ts";
import { CLIENT_CORE, describeMachine, type Machine, pinSelf, SERVER_CORES } from "./machine.ts";
import { type Peer, PEERS, prepareFolder } from "./peer-list.ts";
import { PeerProcess } from "./peer-process.ts";
import { cpuBetween } from "./process-cost.ts";
import { type Figures, figuresOf, type Sample, tableOf } from "./report.ts";

interface Options {
  rounds: number;
  seconds: number;
  scenarios: Scenario[];
  /** Whether idle connections are measured, too. */
  idle: boolean;
  peers: Peer[];
  workers: number;
  json: string | undefined;
}

interface Runner {
  peer: Peer;
  process: PeerProcess;
  samples: Sample[];
}

interface Result {
  scenario: string;
  figures: Figures[];
  samples: Record<string, Sample[]>;
  /** Peer -> why it is not in the figures. */
  absent: Record<string, string>;
}

interface Idle {
  count: number;
  rows: IdleRow[];
  absent: Record<string, string>;
}

const IDLE = "idle";
const NAMES: readonly string[] = SCENARIOS.map(({ name }) => name);
const WARM_UP_SECONDS = 3; // for the last tier of the JIT, also where answers are few a second

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
      scenario: { type: "string", default: "all" },
      peers: { type: "string", default: "all" },
      workers: { type: "string", default: "1" },
      json: { type: "string" },
    },
  });
  const chosen = values.scenario === "all" ? [...NAMES, IDLE] : values.scenario.split(",");
  const playing = chosen.filter((name) => name !== IDLE).join(",");
  return {
    rounds: positive("rounds", values.rounds),
    seconds: positive("seconds", values.seconds),
    scenarios: playing === "" ? [] : choose("scenario", playing, SCENARIOS),
    idle: chosen.includes(IDLE),
    peers: choose("peers", values.peers, PEERS),
    workers: positive("workers", values.workers),
    json: values.json,
  };
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`Cannot use --${option} ${text}: it must be a whole number above 0`);
}

function choose<Item extends { name: string }>(
  option: string,
  text: string,
  items: readonly Item[],
): Item[] {
  if (text === "all") return [...items];
  return text.split(",").map((name) => {
    const item = items.find((other) => other.name === name);
    const known = items.map((other) => other.name).join(", ");
    if (item === undefined) throw new RangeError(`Unknown --${option} ${name}: one of ${known}`);
    return item;
  });
}

async function runScenario(scenario: Scenario, options: Options, folder: string): Promise<Result> {
  const absent: Record<string, string> = {};
  const runners = await startPeers(scenario, options, folder, absent);
  try {
    for (const { process } of runners) await generate(scenario, process.port, WARM_UP_SECONDS);
    for (let round = 0; round < options.rounds; round++) {
      const first = round % Math.max(1, runners.length);
      for (const runner of [...runners.slice(first), ...runners.slice(0, first)]) {
        runner.samples.push(await measure(runner.process, scenario, options.seconds));
      }
    }
  } finally {
    await Promise.all(runners.map(({ process }) => process.stop()));
  }
  return {
    scenario: scenario.name,
    figures: runners.map(({ peer, samples }) => figuresOf(peer.name, samples, scenario.closes)),
    samples: Object.fromEntries(runners.map(({ peer, samples }) => [peer.name, samples])),
    absent,
  };
}

async function startPeers(
  scenario: Scenario,
  options: Options,
  folder: string,
  absent: Record<string, string>,
): Promise<Runner[]> {
  const runners: Runner[] = [];
  const workers = scenario.workers || options.workers;
  const cores = workers === 1 ? SERVER_CORES : `0-${CLIENT_CORE}`;
  for (const peer of options.peers) {
    const missing = peer.missing(folder);
    const command = missing === null ? peer.command(scenario, folder, workers) : null;
    if (command === null) {
      absent[peer.name] = missing ?? "does not offer this scenario";
      continue;
    }
    try {
      const process = await PeerProcess.start({ command, cores, folder, scenario });
      runners.push({ peer, process, samples: [] });
    } catch (error) {
      absent[peer.name] = `did not start: ${error instanceof Error ? error.message : error}`;
    }
  }
  return runners;
}

async function measure(peer: PeerProcess, scenario: Scenario, seconds: number): Promise<Sample> {
  const before = peer.cost();
  const load = await generate(scenario, peer.port, seconds);
  const after = peer.cost();
  return { cpu: cpuBetween(before, after), load, rssBytes: after.rssBytes };
}

function print(scenario: Scenario, result: Result, options: Options): void {
  const { rounds, seconds } = options;
  const workers = scenario.workers || options.workers;
  const how = `${rounds} rounds of ${seconds} s, ${workers} worker(s), medians`;
  console.log(`\n${scenario.name}: ${scenario.about} (${how})`);
  console.log(tableOf(result.figures));
  for (const [peer, why] of Object.entries(result.absent)) console.log(`MISSING: ${peer}: ${why}`);
}

async function runIdle(options: Options, folder: string): Promise<Idle> {
  const rows: IdleRow[] = [];
  const absent: Record<string, string> = {};
  for (const peer of options.peers) {
    const row = await measureIdle(peer, IDLE_COUNT, folder).catch((error: Error) => error.message);
    if (typeof row === "string") absent[peer.name] = row;
    else rows.push(row);
  }
  console.log(`\n${IDLE}: resident memory of ${IDLE_COUNT} kept connections that say nothing`);
  if (rows.length > 0) console.log(idleTable(rows));
  for (const [peer, why] of Object.entries(absent)) console.log(`MISSING: ${peer}: ${why}`);
  return { count: IDLE_COUNT, rows, absent };
}

function save(
  path: string,
  machine: Machine,
  options: Options,
  results: Result[],
  idle: Idle | null,
): void {
  const { rounds, seconds, workers } = options;
  const record = { machine, rounds, seconds, workers, results, ...(idle === null ? {} : { idle }) };
  writeFileSync(path, `${JSON.stringify(record, null, 1)}\n`);
  console.log(`\nwritten: ${path}`);
}

async function main(): Promise<void> {
  const options = readOptions();
  const missing = missingGenerator();
  if (missing !== null) throw new Error(`Cannot make load: ${missing}`);
  pinSelf();
  const machine = describeMachine();
  console.log(
    Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(", "),
  );
  const folder = mkdtempSync(`${tmpdir()}/millrace-bench-`);
  const results: Result[] = [];
  let idle: Idle | null = null;
  try {
    prepareFolder(folder);
    for (const scenario of options.scenarios) {
      const result = await runScenario(scenario, options, folder);
      print(scenario, result, options);
      results.push(result);
    }
    if (options.idle) idle = await runIdle(options, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (options.json !== undefined) save(options.json, machine, options, results, idle);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
