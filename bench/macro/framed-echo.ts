// Messages per CPU second of a framed echo: millrace's tcp service, a bare Bun.listen with the
// framing by hand, node:net under Bun and under Node.js. All run on the first core, one at a time
// has something to do, and the order rotates; the client is on the last core. A ratio is the median
// of the rounds' own ratios.
//   bun bench/macro/framed-echo.ts [--rounds 5] [--seconds 2] [--connections 50] [--in-flight 4]

import { parseArgs } from "node:util";
import { describeMachine, pinned, pinSelf, SERVER_CORES, toolPath } from "./machine.ts";
import { type Cost, cpuBetween, readCost } from "./process-cost.ts";
import { alignColumns } from "./report.ts";

const HERE: string = import.meta.dir;
const MAIN = `${HERE}/../../src/cli/main.ts`;
const BUN: string = process.execPath;
const PAYLOAD_BYTES = 64;
const WIRE_BYTES: number = PAYLOAD_BYTES + 4;
const WARM_UP_MS = 3_000; // the compilers are still at work before
const SETTLE_MS = 50; // for what is on its way when a round ends

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
const inFlight = Number(values["in-flight"]);
const frames: Buffer = Buffer.alloc(WIRE_BYTES * inFlight, 0x2e);
for (let at = 0; at < frames.length; at += WIRE_BYTES) frames.writeUInt32BE(PAYLOAD_BYTES, at);

/** One connection: keeps its frames in flight and checks the length of what comes back. */
interface Client {
  partial: number;
  owed: number;
}

let answered = 0;
let broken = 0;
let running = true;

async function open(port: number): Promise<Bun.Socket<Client>> {
  return await Bun.connect<Client>({
    hostname: "127.0.0.1",
    port,
    data: { partial: 0, owed: 0 },
    socket: {
      data(socket, chunk) {
        const client = socket.data;
        client.partial += chunk.length;
        const count = Math.floor(client.partial / WIRE_BYTES);
        client.partial -= count * WIRE_BYTES;
        answered += count;
        client.owed += count * WIRE_BYTES;
        if (running) pay(socket);
      },
      drain: pay,
      close() {
        if (running) broken++;
      },
    },
  });
}

/** Sends as many bytes of frames as answers have come; a rest waits for drain. */
function pay(socket: Bun.Socket<Client>): void {
  const client = socket.data;
  while (client.owed > 0) {
    const offset = (frames.length - (client.owed % frames.length)) % frames.length;
    const wanted = Math.min(client.owed, frames.length - offset);
    const count = socket.write(frames, offset, wanted);
    if (count <= 0) return;
    client.owed -= count;
    if (count < wanted) return;
  }
}

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
  server: Bun.Subprocess;
  sockets: Bun.Socket<Client>[];
  costs: number[];
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
  const count = Number(values.connections);
  const sockets = await Promise.all(Array.from({ length: count }, () => open(port)));
  for (const { data } of sockets) data.owed = frames.length;
  return { name, server, sockets, costs: [] };
}

/** CPU microseconds of the server per message. */
async function measure({ name, server, sockets }: Runner, milliseconds: number): Promise<number> {
  running = true;
  for (const socket of sockets) pay(socket);
  const before: Cost = readCost(server.pid);
  const first = answered;
  await Bun.sleep(milliseconds);
  const cpu = cpuBetween(before, readCost(server.pid));
  const count = answered - first;
  running = false;
  await Bun.sleep(SETTLE_MS);
  if (broken > 0) throw new Error(`${name}: ${broken} connections broke`);
  if (count === 0) throw new Error(`${name}: no answers`);
  return ((cpu.userMs + cpu.systemMs) * 1000) / count;
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
const runners: Runner[] = [];
try {
  for (const name of names) runners.push(await start(name, PEERS[name]!));
  for (const runner of runners) await measure(runner, WARM_UP_MS);
  for (let round = 0; round < roundCount; round++) {
    for (let turn = 0; turn < runners.length; turn++) {
      const runner = runners[(round + turn) % runners.length]!;
      runner.costs.push(await measure(runner, runMs));
    }
  }
} finally {
  running = false;
  for (const { server } of runners) server.kill("SIGKILL");
  await Promise.all(runners.map(({ server }) => server.exited));
}
const own = runners.find(({ name }) => name === "millrace")!.costs;
const rows = runners.map(({ name, costs }) => {
  const ratios = costs.map((cost, round) => cost / own[round]!);
  const spread = (Math.max(...costs) - Math.min(...costs)) / median(costs);
  return [
    name,
    median(costs).toFixed(3),
    `${(spread * 100).toFixed(0)} %`,
    median(ratios).toFixed(2),
  ];
});
const { cpu, bun, node, commit } = describeMachine();
console.log(`${cpu}, bun ${bun}, node ${node}, commit ${commit}`);
console.log(
  `framed echo, ${PAYLOAD_BYTES} bytes, ${values.connections} connections, ` +
    `${inFlight} in flight, ${roundCount} rounds of ${values.seconds} s`,
);
const header = ["peer", "us/message", "spread", "messages per CPU second: millrace / peer"];
console.log(alignColumns([header, ...rows]));
