// Many real connections, a tenth of which fall silent: exactly those must be closed, none early,
// within 50 ms; and what the server costs while all are idle. Clients are processes of their own,
// on the last core.
//   bun bench/macro/silent-connections.ts [--count 15000] [--timeout 15] [--workers 2]
//                                         [--clients 2]

import { parseArgs } from "node:util";
import { CLIENT_CORE, describeMachine, openFilesMax, pinned, SERVER_CORES } from "./machine.ts";
import { linesOf } from "./lines-of.ts";
import { type Cost, cpuBetween, readCost } from "./process-cost.ts";
import { alignColumns } from "./report.ts";
import type { Outcome } from "./silent-client.ts";

const HERE: string = import.meta.dir;
const SILENT_SHARE = 0.1;
const IDLE_MS = 5_000;
const LATE_MS_MAX = 50; // what the reactor promises: two ticks of its wheel
const AFTER_MS = 1_500; // after the last deadline
const SPARE_FILES = 300;

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "15000" },
    timeout: { type: "string", default: "15" },
    workers: { type: "string", default: "2" },
    clients: { type: "string", default: "2" },
  },
});
const count = Number(values.count);
const clients = Number(values.clients);
const timeoutMs = Number(values.timeout) * 1000;
const share = Math.floor(count / clients);
const silent = Math.floor(share * SILENT_SHARE);
if (count + SPARE_FILES > openFilesMax()) {
  throw new RangeError(`Cannot hold ${count} connections: ${openFilesMax()} open files at most`);
}

class ClientProcess {
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  private readonly lines: AsyncIterator<string>;

  constructor(port: string) {
    const command = [process.execPath, `${HERE}/silent-client.ts`, port, `${share}`, `${silent}`];
    this.child = Bun.spawn(pinned(command, CLIENT_CORE), {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.lines = linesOf(this.child.stdout);
  }

  say(line: string): void {
    this.child.stdin.write(`${line}\n`);
    this.child.stdin.flush();
  }

  async hear(): Promise<string> {
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error("a client has ended before its time");
    return value;
  }
}

/** Share of a core, in per cent, over so long a time. */
async function idleCpu(pid: number): Promise<number> {
  const before: Cost = readCost(pid);
  const start = performance.now();
  await Bun.sleep(IDLE_MS);
  const { userMs, systemMs } = cpuBetween(before, readCost(pid));
  return ((userMs + systemMs) / (performance.now() - start)) * 100;
}

async function run(port: string, pid: number): Promise<void> {
  const start = performance.now();
  const processes = Array.from({ length: clients }, () => new ClientProcess(port));
  for (const client of processes) await client.hear();
  const openMs = performance.now() - start;
  if (openMs + IDLE_MS > timeoutMs) throw new Error("opening took too long: raise --timeout");
  const cpu = await idleCpu(pid);
  const rssMb = readCost(pid).rssBytes / 2 ** 20;
  for (const client of processes) client.say("talk");
  for (const client of processes) await client.hear();
  await Bun.sleep(start + openMs + timeoutMs + AFTER_MS - performance.now());
  const before: Cost = readCost(pid);
  for (const client of processes) client.say("end");
  const outcomes: Outcome[] = [];
  for (const client of processes) outcomes.push(JSON.parse(await client.hear()) as Outcome);
  report(outcomes, cpu, rssMb, before.rssBytes / 2 ** 20);
}

function report(outcomes: readonly Outcome[], cpu: number, rssMb: number, laterMb: number): void {
  const since = (times: readonly number[]) =>
    times.map((ms) => ms - timeoutMs).sort((left, right) => left - right);
  const lateMs = since(outcomes.flatMap(({ echoToEndMs }) => echoToEndMs));
  const early = since(outcomes.flatMap(({ sentToEndMs }) => sentToEndMs)).filter((ms) => ms < 0);
  const at = (quantile: number) =>
    (lateMs[Math.min(lateMs.length - 1, Math.floor(quantile * lateMs.length))] ?? NaN).toFixed(1);
  const closed = outcomes.reduce((sum, one) => sum + one.closedSilent, 0);
  const wrong = outcomes.reduce((sum, one) => sum + one.closedTalkers, 0);
  const machine = describeMachine();
  console.log(`${machine.cpu}, bun ${machine.bun}, commit ${machine.commit}`);
  console.log(
    alignColumns([
      ["connections", `${share * clients}, ${values.workers} workers, T = ${values.timeout} s`],
      ["CPU while all are idle", `${cpu.toFixed(2)} % of a core, over ${IDLE_MS / 1000} s`],
      ["resident memory", `${rssMb.toFixed(0)} MB idle, ${laterMb.toFixed(0)} MB after`],
      ["silent ones closed", `${closed} of ${silent * clients}`],
      ["others closed", `${wrong} of ${(share - silent) * clients}`],
      ["late by, ms", `min ${at(0)}, p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}`],
      ["early", `${early.length}`],
      [`later than ${LATE_MS_MAX} ms`, `${lateMs.filter((ms) => ms > LATE_MS_MAX).length}`],
    ]),
  );
  if (closed !== silent * clients || wrong > 0 || early.length > 0) process.exitCode = 1;
}

const server = Bun.spawn(
  pinned(
    [
      ...[process.execPath, `${HERE}/../../src/cli/main.ts`, "start"],
      ...[`${HERE}/peers/silent-millrace.ts`, "--port", "0", "--workers", values.workers],
    ],
    SERVER_CORES,
  ),
  {
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, BENCH_TIMEOUT_MS: String(timeoutMs) },
  },
);
try {
  const { value } = await linesOf(server.stdout).next();
  await run(/:(\d+) /.exec(value ?? "")?.[1] ?? "", server.pid);
} finally {
  server.kill("SIGKILL");
  await server.exited;
}
process.exit();
