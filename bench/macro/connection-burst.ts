// Thousands of connections at once while the server is busy: a full accept queue makes the kernel
// drop handshakes, and the client tries again a second later. Bun.listen has a fixed backlog of
// 512; millrace makes its own listening sockets. The kernel's own counters are shown beside it
// (they are of the whole network namespace: whatever else runs is in them).
//   bun bench/macro/connection-burst.ts [--count 4000] [--runs 3] [--json FILE]

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import type { Burst } from "./burst-client.ts";
import { SCENARIOS } from "./load.ts";
import { CLIENT_CORE, describeMachine, openFilesMax, pinned, SERVER_CORES } from "./machine.ts";
import { millraceCommand } from "./peer-list.ts";
import { PeerProcess } from "./peer-process.ts";
import { alignColumns } from "./report.ts";

interface Row extends Burst {
  peer: string;
  run: number;
  listenOverflows: number;
  listenDrops: number;
}

const HERE: string = import.meta.dir;
const SPARE_FILES = 200;
const BUSY_APP = `${HERE}/peers/busy-app.ts`;
const bun: string = process.execPath;
const scenario = SCENARIOS.find(({ name }) => name === "keepalive")!;

const SERVERS: Readonly<Record<string, (port: number) => string[]>> = {
  millrace: (port) => millraceCommand(BUSY_APP, port, 1),
  "bun-listen": (port) => [bun, `${HERE}/peers/bun-listen.ts`, String(port)],
  "bun-fetch": (port) => [bun, `${HERE}/peers/bun-serve.ts`, String(port), "fetch", BUSY_APP],
};

/** A counter of the kernel by name, out of the pairs of lines in /proc/net/netstat. */
function kernelCounter(name: string): number {
  const lines = readFileSync("/proc/net/netstat", "latin1").split("\n");
  const names = lines.find((line) => line.startsWith("TcpExt:") && line.includes(name));
  const values = lines[lines.indexOf(names ?? "") + 1]?.split(" ") ?? [];
  return Number(values[names?.split(" ").indexOf(name) ?? -1] ?? NaN);
}

async function runOnce(server: PeerProcess, count: number): Promise<Omit<Row, "peer" | "run">> {
  const overflows = kernelCounter("ListenOverflows");
  const drops = kernelCounter("ListenDrops");
  const command = [bun, `${HERE}/burst-client.ts`, String(server.port), String(count)];
  const client = Bun.spawn(pinned(command, CLIENT_CORE), { stdout: "pipe", stderr: "inherit" });
  const burst = JSON.parse(await new Response(client.stdout).text()) as Burst;
  return {
    ...burst,
    listenOverflows: kernelCounter("ListenOverflows") - overflows,
    listenDrops: kernelCounter("ListenDrops") - drops,
  };
}

async function runServer(name: string, count: number, runs: number): Promise<Row[]> {
  const folder = mkdtempSync(`${tmpdir()}/millrace-burst-`);
  const command = SERVERS[name]!;
  try {
    const server = await PeerProcess.start({ command, cores: SERVER_CORES, folder, scenario });
    const rows: Row[] = [];
    try {
      for (let run = 1; run <= runs; run++) {
        rows.push({ peer: name, run, ...(await runOnce(server, count)) });
      }
    } finally {
      await server.stop();
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(rows: readonly Row[]): void {
  const header =
    "peer,run,answered,failed,>= 900 ms,asked ms,p50 ms,p99 ms,max ms,overflows,drops".split(",");
  const cells = rows.map((row) => [
    row.peer,
    String(row.run),
    String(row.answered),
    String(row.failed),
    String(row.slow),
    ...[row.askedMs, row.p50Ms, row.p99Ms, row.maxMs].map((ms) => ms.toFixed(0)),
    String(row.listenOverflows),
    String(row.listenDrops),
  ]);
  console.log(alignColumns([header, ...cells]));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: "4000" },
      runs: { type: "string", default: "3" },
      json: { type: "string" },
    },
  });
  const [count, runs] = [Number(values.count), Number(values.runs)];
  if (!(count > 0 && count <= openFilesMax() - SPARE_FILES && runs > 0)) {
    throw new RangeError(`Cannot open ${values.count} connections ${values.runs} times: too many`);
  }
  const rows: Row[] = [];
  for (const name of Object.keys(SERVERS)) {
    try {
      rows.push(...(await runServer(name, count, runs)));
    } catch (error) {
      console.log(`MISSING: ${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const somaxconn = readFileSync("/proc/sys/net/core/somaxconn", "latin1").trim();
  console.log(`${count} connections at once, server busy for 300 ms, somaxconn ${somaxconn}`);
  if (rows.length > 0) print(rows);
  if (values.json !== undefined) {
    const record = { machine: describeMachine(), count, rows };
    writeFileSync(values.json, `${JSON.stringify(record, null, 1)}\n`);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
