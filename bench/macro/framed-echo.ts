// Messages per CPU second of a framed echo: millrace's tcp service, a bare Bun.listen with the
// framing by hand, node:net under Bun and under Node.js. All run on the first core, one at a time
// has something to do, and the order rotates; the client, framed-load.c, is on the last core. A
// ratio is the median of the rounds' own ratios.
//   bun bench/macro/framed-echo.ts [--rounds 5] [--seconds 2] [--connections 50] [--in-flight 4]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import {
  CLIENT_CORE,
  describeMachine,
  pinned,
  pinSelf,
  SERVER_CORES,
  toolPath,
} from "./machine.ts";
import { linesOf } from "./lines-of.ts";
import { type Cost, cpuBetween, readCost } from "./process-cost.ts";
import { alignColumns } from "./report.ts";

const HERE: string = import.meta.dir;
const MAIN = `${HERE}/../../src/cli/main.ts`;
const BUN: string = process.execPath;
const PAYLOAD_BYTES = 64;
const WARM_UP_MS = 3_000; // the compilers are still at work before
const SETTLE_MS = 100; // from the first frames on

const PEERS: Readonly<Record<string, ((port: string) => string[]) | null>> = {
  millrace: (port) => [
    ...[BUN, MAIN, "start", `${HERE}/peers/framed-millrace.ts`],
    ...["--port", port, "--workers", "1"],
  ],
  "bun-listen": (port) => [BUN, `${HERE}/peers/framed-listen.ts`, port],
  "bun-net": (port) => [BUN, `${HERE}/peers/framed-net.mjs`, port],
  "node-net":
    toolPath("node") === null
      ? null
      : (port) => [toolPath("node")!, `${HERE}/peers/framed-net.mjs`, port],
};

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    connections: { type: "string", default: "50" },
    "in-flight": { type: "string", default: "4" },
  },
});
const roundCount = Number(values.rounds);
const runMs = Number(values.seconds) * 1000;
async function waitForPort(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
      socket.end();
      return;
    } catch {
      await Bun.sleep(20);
    }
  }
  throw new Error(`nobody listens on ${port}`);
}

interface Runner {
  name: string;
  port: number;
  server: Bun.Subprocess;
  costs: number[];
  busy: number[]; // per cent of its core
  pieces: number[]; // messages in each piece of answers
}

/** The client of one round. */
class Load {
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  private readonly lines: AsyncIterator<string>;

  constructor(port: number) {
    const { connections, "in-flight": inFlight } = values;
    const command = [client, String(port), connections, inFlight, String(PAYLOAD_BYTES)];
    this.child = Bun.spawn(pinned(command, CLIENT_CORE), {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.lines = linesOf(this.child.stdout);
  }

  /** Answers so far, and the pieces in which they came. */
  async count(): Promise<{ answers: number; pieces: number }> {
    this.child.stdin.write("\n");
    this.child.stdin.flush();
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error("the client has ended before its time");
    const [answers = NaN, pieces = NaN] = value.split(" ").map(Number);
    return { answers, pieces };
  }

  async stop(): Promise<void> {
    this.child.kill();
    await this.child.exited;
  }
}

function compileClient(): string {
  const gcc = toolPath("gcc") ?? toolPath("cc");
  if (gcc === null) throw new Error("MISSING: a C compiler (apt-get install gcc libc6-dev)");
  const path = `${folder}/framed-load`;
  const done = Bun.spawnSync([gcc, "-O2", "-o", path, `${HERE}/framed-load.c`]);
  if (!done.success) throw new Error(`gcc failed: ${done.stderr.toString().trim()}`);
  return path;
}

async function start(name: string, command: (port: string) => string[]): Promise<Runner> {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  const server = Bun.spawn(pinned(command(String(port)), SERVER_CORES), {
    stdout: "ignore",
    stderr: "ignore",
  });
  await waitForPort(port);
  return { name, port, server, costs: [], busy: [], pieces: [] };
}

async function measure(runner: Runner, ms: number): Promise<void> {
  const { name, port, server } = runner;
  const load = new Load(port);
  try {
    await Bun.sleep(SETTLE_MS);
    const first = await load.count();
    const startMs = performance.now();
    const before: Cost = readCost(server.pid);
    await Bun.sleep(ms);
    const cpu = cpuBetween(before, readCost(server.pid));
    const cpuMs = cpu.userMs + cpu.systemMs;
    runner.busy.push((100 * cpuMs) / (performance.now() - startMs));
    const last = await load.count();
    const count = last.answers - first.answers;
    if (count === 0) throw new Error(`${name}: no answers`);
    runner.pieces.push(count / (last.pieces - first.pieces));
    runner.costs.push((cpuMs * 1000) / count);
  } finally {
    await load.stop();
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((left, right) => left - right);
  return sorted[sorted.length >> 1]!;
}

pinSelf();
const names = Object.keys(PEERS).filter((name) => {
  if (PEERS[name] !== null) return true;
  console.error(`MISSING: ${name}: node is not installed`);
  return false;
});
const folder = mkdtempSync(`${tmpdir()}/millrace-framed-`);
const client = compileClient();
const runners: Runner[] = [];
try {
  for (const name of names) runners.push(await start(name, PEERS[name]!));
  for (const runner of runners) {
    await measure({ ...runner, costs: [], busy: [], pieces: [] }, WARM_UP_MS);
  }
  for (let round = 0; round < roundCount; round++) {
    for (let turn = 0; turn < runners.length; turn++) {
      const runner = runners[(round + turn) % runners.length]!;
      await measure(runner, runMs);
    }
  }
} finally {
  for (const { server } of runners) server.kill("SIGKILL");
  await Promise.all(runners.map(({ server }) => server.exited));
  rmSync(folder, { recursive: true });
}
const own = runners.find(({ name }) => name === "millrace")!.costs;
const rows = runners.map(({ name, costs, busy, pieces }) => {
  const ratios = costs.map((cost, round) => cost / own[round]!);
  const spread = (Math.max(...costs) - Math.min(...costs)) / median(costs);
  return [
    name,
    median(costs).toFixed(3),
    `${(spread * 100).toFixed(0)} %`,
    `${median(busy).toFixed(0)} %`,
    median(pieces).toFixed(1),
    median(ratios).toFixed(2),
  ];
});
const { cpu, bun, node, commit } = describeMachine();
console.log(`${cpu}, bun ${bun}, node ${node}, commit ${commit}`);
console.log(
  `framed echo, ${PAYLOAD_BYTES} bytes, ${values.connections} connections, ` +
    `${values["in-flight"]} in flight, ${roundCount} rounds of ${values.seconds} s`,
);
const header = [
  "peer",
  "us/message",
  "spread",
  "busy",
  "a piece",
  "messages per CPU second: millrace / peer",
];
console.log(alignColumns([header, ...rows]));
