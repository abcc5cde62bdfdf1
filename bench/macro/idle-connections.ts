// What an idle connection costs a server: resident memory before and after it holds many
// keep-alive connections, each of which has had one answer. The client is a process of its own.
//   bun bench/macro/idle-connections.ts [--count 10000] [--peers millrace,nginx] [--json FILE]

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { SCENARIOS } from "./load.ts";
import { CLIENT_CORE, describeMachine, openFilesMax, pinned, SERVER_CORES } from "./machine.ts";
import { type Peer, PEERS, prepareFolder } from "./peer-list.ts";
import { PeerProcess } from "./peer-process.ts";
import { alignColumns } from "./report.ts";

interface Row {
  peer: string;
  held: number;
  dropped: number;
  beforeBytes: number;
  afterBytes: number;
  perConnectionBytes: number;
}

const PEERS_DEFAULT = "bun-listen,bun-fetch,nginx,millrace,millrace-fetch";
const WARM_UP_COUNT = 500;
const SPARE_FILES = 200;
const PORTS_MAX = 28_000; // of the ephemeral range, towards one address and port
const STABLE_SHARE = 0.005;
const STABLE_SAMPLES = 6;
const SAMPLE_MS = 250;
const SETTLE_MS_MAX = 10_000;
const scenario = SCENARIOS.find(({ name }) => name === "keepalive")!;

/** Resident memory once the server has come to rest (garbage, late frees). */
async function settledRss(server: PeerProcess): Promise<number> {
  const deadline = performance.now() + SETTLE_MS_MAX;
  let last = server.cost().rssBytes;
  for (let stable = 0; stable < STABLE_SAMPLES && performance.now() < deadline; stable++) {
    await Bun.sleep(SAMPLE_MS);
    const now = server.cost().rssBytes;
    if (Math.abs(now - last) > last * STABLE_SHARE) stable = -1;
    last = now;
  }
  return last;
}

/** Holds `count` connections while `during` runs. */
async function whileHeld(
  port: number,
  count: number,
  during: () => Promise<void>,
): Promise<{ answered: number; dropped: number }> {
  const command = [process.execPath, `${import.meta.dir}/idle-client.ts`, `${port}`, `${count}`];
  const client = Bun.spawn(pinned(command, CLIENT_CORE), { stdin: "pipe", stdout: "pipe" });
  const lines = client.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { answered } = JSON.parse((await lines.read()).value ?? "{}") as { answered: number };
  await during();
  await client.stdin.end();
  const { dropped } = JSON.parse((await lines.read()).value ?? "{}") as { dropped: number };
  await client.exited;
  return { answered, dropped };
}

async function measure(peer: Peer, count: number, folder: string): Promise<Row | string> {
  const missing = peer.missing(folder);
  const command = missing === null ? peer.command(scenario, folder, 1) : null;
  if (command === null) return missing ?? "does not offer this scenario";
  const server = await PeerProcess.start({ command, cores: SERVER_CORES, folder, scenario });
  try {
    await whileHeld(server.port, WARM_UP_COUNT, async () => {});
    const beforeBytes = await settledRss(server);
    let afterBytes = 0;
    const { answered, dropped } = await whileHeld(server.port, count, async () => {
      afterBytes = await settledRss(server);
    });
    const perConnectionBytes = (afterBytes - beforeBytes) / Math.max(1, answered);
    return {
      peer: peer.name,
      held: answered,
      dropped,
      beforeBytes,
      afterBytes,
      perConnectionBytes,
    };
  } finally {
    await server.stop();
  }
}

function print(rows: readonly Row[]): void {
  const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const header = ["peer", "held", "dropped", "RSS before MB", "RSS after MB", "bytes/connection"];
  const cells = rows.map((row) => [
    row.peer,
    String(row.held),
    String(row.dropped),
    megabytes(row.beforeBytes),
    megabytes(row.afterBytes),
    row.perConnectionBytes.toFixed(0),
  ]);
  console.log(alignColumns([header, ...cells]));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: "10000" },
      peers: { type: "string", default: PEERS_DEFAULT },
      json: { type: "string" },
    },
  });
  const count = Number(values.count);
  const countMax = Math.min(openFilesMax() - SPARE_FILES, PORTS_MAX);
  if (!(count > 0 && count <= countMax)) {
    throw new RangeError(`Cannot hold ${values.count} connections: 1..${countMax} (open files)`);
  }
  const wanted = values.peers.split(",");
  const folder = mkdtempSync(`${tmpdir()}/millrace-idle-`);
  const rows: Row[] = [];
  try {
    prepareFolder(folder);
    for (const peer of PEERS.filter(({ name }) => wanted.includes(name))) {
      const row = await measure(peer, count, folder).catch((error: Error) => error.message);
      if (typeof row === "string") console.log(`MISSING: ${peer.name}: ${row}`);
      else rows.push(row);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (rows.length > 0) print(rows);
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ machine: describeMachine(), count, rows }, null, 1)}\n`,
    );
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
