// CPU per request for files of 1 KB, 100 KB and 10 MB: millrace, nginx and Bun.serve with Bun.file
// on the same folder, one core each, side by side in one run. The method is that of peers.ts.
//   bun bench/macro/static-files.ts [--rounds 5] [--seconds 2] [--sizes 1k,100k,10m] [--browser]
//                                   [--json FILE]
// --browser: every request has the header fields of a browser.

import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { generate, missingGenerator, type Scenario, SCENARIOS } from "./load.ts";
import { describeMachine, pinSelf, SERVER_CORES } from "./machine.ts";
import { type Peer, PEERS } from "./peer-list.ts";
import { PeerProcess } from "./peer-process.ts";
import { cpuBetween } from "./process-cost.ts";
import { type Figures, figuresOf, ratioOf, type Sample, tableOf } from "./report.ts";

/** Name of a file -> its bytes, and what its CPU may be of nginx's. */
const SIZES: Readonly<Record<string, { bytes: number; limit: number }>> = {
  "1k": { bytes: 1024, limit: 1.0 },
  "16k": { bytes: 16_384, limit: 1.0 },
  "32k": { bytes: 32_768, limit: 1.0 },
  "64k": { bytes: 65_536, limit: 1.3 },
  "100k": { bytes: 102_400, limit: 1.3 },
  "10m": { bytes: 10_485_760, limit: 1.5 },
};
const SIZES_DEFAULT = "1k,100k,10m";
const WARM_UP_SECONDS = 3;
const SIZES_WARM_UP = { path: "/1k.bin", expectBytes: 1024 };
/** Of such files a second brings few; fewer at a time come to their end. */
const LARGE_BYTES = 1_000_000;
const LARGE_CONNECTIONS = 16;
/** Old enough that no server takes the files for ones that are being written. */
const WRITTEN_AT = new Date("2026-01-01T00:00:00Z");

const BUN_FILE: Peer = {
  name: "bun-fetch",
  about: "Bun.serve, fetch handler with Bun.file",
  missing: () => null,
  command: (_scenario, folder) => (port) => [
    process.execPath,
    `${import.meta.dir}/peers/bun-file.ts`,
    String(port),
    folder,
  ],
};
const COMPARED: readonly Peer[] = [
  ...PEERS.filter(({ name }) => name === "nginx" || name === "millrace"),
  BUN_FILE,
];

interface Runner {
  peer: Peer;
  process: PeerProcess;
  samples: Sample[];
}

function scenarioOf(size: string, browser: boolean): Scenario {
  const { bytes } = SIZES[size]!;
  const base = SCENARIOS.find(({ name }) => name === "file1k")!;
  const connections = bytes > LARGE_BYTES ? LARGE_CONNECTIONS : base.connections;
  return {
    ...base,
    name: size,
    about: size,
    path: `/${size}.bin`,
    expectBytes: bytes,
    connections,
    headers: browser ? SCENARIOS.find(({ name }) => name === "browser")!.headers : [],
  };
}

function prepareFiles(folder: string, sizes: readonly string[]): void {
  for (const size of sizes) {
    const path = `${folder}/${size}.bin`;
    writeFileSync(path, new Uint8Array(SIZES[size]!.bytes).fill(0x78));
    utimesSync(path, WRITTEN_AT, WRITTEN_AT);
  }
}

async function startAll(scenario: Scenario, folder: string): Promise<Runner[]> {
  const runners: Runner[] = [];
  for (const peer of COMPARED) {
    const missing = peer.missing(folder);
    const command = missing === null ? peer.command(scenario, folder, 1) : null;
    if (command === null) {
      console.log(`MISSING: ${peer.name}: ${missing ?? "does not offer this"}`);
      continue;
    }
    const process = await PeerProcess.start({ command, cores: SERVER_CORES, folder, scenario });
    runners.push({ peer, process, samples: [] });
  }
  return runners;
}

async function measure(peer: PeerProcess, scenario: Scenario, seconds: number): Promise<Sample> {
  const before = peer.cost();
  const load = await generate(scenario, peer.port, seconds);
  const after = peer.cost();
  // An answer that the end of the round cuts short has cost its part: count what arrived.
  const responses = Math.max(load.responses, load.bytes / scenario.expectBytes);
  const counted = scenario.expectBytes > LARGE_BYTES ? { ...load, responses } : load;
  return { cpu: cpuBetween(before, after), load: counted, rssBytes: after.rssBytes };
}

async function run(
  scenario: Scenario,
  rounds: number,
  seconds: number,
  folder: string,
): Promise<Figures[]> {
  const runners = await startAll(scenario, folder);
  try {
    // Large files are few a second: the compiler would still be at work while they are measured.
    const small = { ...scenario, ...SIZES_WARM_UP };
    for (const { process } of runners) await generate(small, process.port, WARM_UP_SECONDS);
    const warmUp = scenario.expectBytes > LARGE_BYTES ? 3 * WARM_UP_SECONDS : WARM_UP_SECONDS;
    for (const { process } of runners) await generate(scenario, process.port, warmUp);
    for (let round = 0; round < rounds; round++) {
      const first = round % runners.length;
      for (const runner of [...runners.slice(first), ...runners.slice(0, first)]) {
        runner.samples.push(await measure(runner.process, scenario, seconds));
      }
    }
  } finally {
    await Promise.all(runners.map(({ process }) => process.stop()));
  }
  return runners.map(({ peer, samples }) => figuresOf(peer.name, samples, false));
}

/** One line: the ratio to nginx and whether it is within what is asked for. */
function verdict(size: string, figures: readonly Figures[]): string {
  const of = (name: string) => figures.find(({ peer }) => peer === name);
  const [own, nginx] = [of("millrace"), of("nginx")];
  const ratio = own === undefined || nginx === undefined ? NaN : ratioOf(own, nginx);
  const { limit } = SIZES[size]!;
  const word = Number.isNaN(ratio) ? "not compared" : ratio <= limit ? "within" : "ABOVE";
  return `${size}: ${ratio.toFixed(2)} of nginx, ${word} ${limit}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
      sizes: { type: "string", default: SIZES_DEFAULT },
      browser: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const sizes = values.sizes.split(",");
  const unknown = sizes.find((size) => !Object.hasOwn(SIZES, size));
  if (unknown !== undefined) throw new RangeError(`Unknown --sizes ${unknown}`);
  const missing = missingGenerator();
  if (missing !== null) throw new Error(`Cannot make load: ${missing}`);
  pinSelf();
  const folder = mkdtempSync(`${tmpdir()}/millrace-static-`);
  const results: Record<string, Figures[]> = {};
  try {
    prepareFiles(folder, sizes);
    for (const size of sizes) {
      const scenario = scenarioOf(size, values.browser);
      const figures = await run(scenario, Number(values.rounds), Number(values.seconds), folder);
      results[size] = figures;
      console.log(`\n${size}\n${tableOf(figures)}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\n${sizes.map((size) => verdict(size, results[size]!)).join("\n")}`);
  if (values.json === undefined) return;
  const record = { machine: describeMachine(), ...values, results };
  writeFileSync(values.json, `${JSON.stringify(record, null, 1)}\n`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
