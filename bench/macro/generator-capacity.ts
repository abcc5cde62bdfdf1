// How many requests a load generator makes of a second of its own CPU: webbench, wrk and
// autocannon in turn against one server in one run. CPU is that of the whole process tree from its
// start to its end, start-up included. Then the same three with one connection, where everything
// that a generator adds to the latency shows: the medians against each other.
//   bun bench/macro/generator-capacity.ts [--rounds 3] [--seconds 5] [--pipeline 1]
//                                         [--server millrace] [--autocannon PATH]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { SCENARIOS } from "./load.ts";
import {
  CLIENT_CORE,
  describeMachine,
  pinned,
  pinSelf,
  SERVER_CORES,
  toolPath,
} from "./machine.ts";
import { PEERS, prepareFolder } from "./peer-list.ts";
import { PeerProcess } from "./peer-process.ts";

const MAIN = `${import.meta.dir}/../../src/cli/main.ts`;
const CONNECTIONS = 64;
const LATENCY_SECONDS = 2;

interface Outcome {
  requests: number;
  p50Ms: number;
  /** What it says of itself; webbench only. */
  ownDelay: string;
}

interface Sample extends Outcome {
  cpuSeconds: number;
}

interface Generator {
  name: string;
  command: (url: string, connections: number, seconds: number) => string[];
  read: (stdout: string) => Outcome;
}

interface Options {
  rounds: number;
  seconds: number;
  pipeline: number;
  server: string;
  autocannon: string | null;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "5" },
      pipeline: { type: "string", default: "1" },
      server: { type: "string", default: "millrace" },
      autocannon: { type: "string" },
    },
  });
  return {
    rounds: Math.max(1, Number(values.rounds)),
    seconds: Math.max(1, Number(values.seconds)),
    pipeline: Math.max(1, Number(values.pipeline)),
    server: values.server,
    autocannon: values.autocannon ?? toolPath("autocannon"),
  };
}

function generators({ autocannon, pipeline }: Options): Generator[] {
  const all: Generator[] = [webbench(pipeline)];
  if (toolPath("wrk") === null) console.log("MISSING: wrk (apt-get install wrk)");
  else if (pipeline === 1) all.push(wrk);
  if (autocannon !== null && toolPath("node") !== null)
    all.push(autocannonAt(autocannon, pipeline));
  else
    console.log("MISSING: autocannon (npm install autocannon elsewhere, then --autocannon PATH)");
  return all;
}

function webbench(pipeline: number): Generator {
  return {
    name: "webbench",
    command: (url, connections, seconds) => [
      ...[process.execPath, MAIN, "webbench", "-k", "-P", "1", "-q", "--json", "-"],
      ...["-c", String(connections), "-t", String(seconds), "--pipeline", String(pipeline), url],
    ],
    read(stdout) {
      const { requests, latencies, generator } = JSON.parse(stdout) as WebbenchResult;
      const { p50Ms, p99Ms } = latencies.ownDelay;
      const cpu = `${generator.cpuUsPerRequest.toFixed(1)} us of CPU an answer while it measured`;
      const delay = `a byte waits p50 ${us(p50Ms)}, p99 ${us(p99Ms)} in it`;
      const ownDelay = `${cpu}; ${delay}`;
      return { requests: requests.succeeded, p50Ms: latencies.total.p50Ms, ownDelay };
    },
  };
}

interface WebbenchResult {
  requests: { succeeded: number };
  latencies: Record<"total" | "ownDelay", { p50Ms: number; p99Ms: number }>;
  generator: { cpuUsPerRequest: number };
}

const wrk: Generator = {
  name: "wrk -t1",
  command: (url, connections, seconds) => [
    ...[toolPath("wrk")!, "-t1", `-c${connections}`, `-d${seconds}s`, "--latency", url],
  ],
  read(stdout) {
    const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
    const [, number, unit] = /50%\s+([\d.]+)(us|ms|s)/.exec(stdout)!;
    const p50Ms = Number(number) * { us: 0.001, ms: 1, s: 1000 }[unit as "us" | "ms" | "s"];
    return { requests, p50Ms, ownDelay: "" };
  },
};

function autocannonAt(path: string, pipeline: number): Generator {
  return {
    name: "autocannon",
    command: (url, connections, seconds) => [
      ...[toolPath("node")!, path, "-j", "-c", String(connections), "-d", String(seconds)],
      ...["-p", String(pipeline), url],
    ],
    read(stdout) {
      const text = stdout.slice(stdout.indexOf("{"));
      const result = JSON.parse(text) as { "2xx": number; latency: { p50: number } };
      return { requests: result["2xx"], p50Ms: result.latency.p50, ownDelay: "" };
    },
  };
}

async function run(
  generator: Generator,
  url: string,
  connections: number,
  seconds: number,
): Promise<Sample> {
  const command = pinned(generator.command(url, connections, seconds), CLIENT_CORE);
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const stdout = await new Response(child.stdout).text();
  await child.exited;
  // As wait4 tells it: the process with all descendants that it has waited for.
  const cpuSeconds = Number(child.resourceUsage()!.cpuTime.total) / 1e6;
  return { ...generator.read(stdout), cpuSeconds };
}

async function compare(options: Options, url: string): Promise<void> {
  const { rounds, seconds } = options;
  const all = generators(options);
  const samples = new Map(all.map(({ name }) => [name, [] as Sample[]]));
  for (let round = 0; round < rounds; round++) {
    const first = round % all.length;
    for (const each of [...all.slice(first), ...all.slice(0, first)]) {
      samples.get(each.name)!.push(await run(each, url, CONNECTIONS, seconds));
    }
  }
  printCapacity(samples);
  console.log(`\none connection, ${LATENCY_SECONDS} s: what each adds to the latency`);
  for (const each of all) {
    const { p50Ms, ownDelay } = await run(each, url, 1, LATENCY_SECONDS);
    const said = ownDelay === "" ? "" : `   ${ownDelay.split("; ")[1]}`;
    console.log(`  ${each.name.padEnd(12)} p50 ${us(p50Ms).padStart(8)}${said}`);
  }
}

function printCapacity(samples: ReadonlyMap<string, readonly Sample[]>): void {
  const perSecond = ({ requests, cpuSeconds }: Sample): number => requests / cpuSeconds;
  const own = samples.get("webbench")!.map(perSecond);
  console.log("  generator     requests/CPU s   spread   webbench / it (median of rounds)");
  for (const [name, list] of samples) {
    const rates = list.map(perSecond);
    const spread = (Math.max(...rates) - Math.min(...rates)) / median(rates);
    const ratio = median(own.map((rate, round) => rate / rates[round]!));
    const rate = Math.round(median(rates)).toLocaleString("en").padStart(14);
    const spreadText = `${Math.round(spread * 100)} %`.padStart(7);
    console.log(`  ${name.padEnd(12)}${rate}  ${spreadText}   ${ratio.toFixed(2).padStart(6)}`);
  }
  console.log(`  webbench: ${samples.get("webbench")!.at(-1)!.ownDelay}`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function us(milliseconds: number): string {
  return `${(milliseconds * 1000).toFixed(0)} us`;
}

async function main(): Promise<void> {
  const options = readOptions();
  const peer = PEERS.find(({ name }) => name === options.server);
  const scenario = SCENARIOS.find(({ name }) => name === "keepalive")!;
  if (peer === undefined) throw new RangeError(`Unknown --server ${options.server}`);
  pinSelf();
  const machine = describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.wrk}, Bun ${machine.bun}`);
  const { server, rounds, seconds, pipeline } = options;
  const shape = pipeline === 1 ? "" : `, ${pipeline} pipelined`;
  console.log(`${server} on core 0, ${CONNECTIONS} connections${shape}, ${rounds} x ${seconds} s`);
  const folder = mkdtempSync(`${tmpdir()}/millrace-bench-`);
  let running: PeerProcess | null = null;
  try {
    prepareFolder(folder);
    const missing = peer.missing(folder);
    const command = missing === null ? peer.command(scenario, folder, 1) : null;
    if (command === null) throw new Error(`Cannot start ${server}: ${missing ?? "no answer"}`);
    running = await PeerProcess.start({ command, cores: SERVER_CORES, folder, scenario });
    await compare(options, `http://127.0.0.1:${running.port}${scenario.path}`);
  } finally {
    await running?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
