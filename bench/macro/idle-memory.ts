// What an idle connection costs a server: resident memory before and after it holds many kept
// connections, each of which has had one answer. The client is a process of its own.

import { SCENARIOS } from "./load.ts";
import { CLIENT_CORE, openFilesMax, pinned, SERVER_CORES } from "./machine.ts";
import type { Peer } from "./peer-list.ts";
import { PeerProcess } from "./peer-process.ts";
import { alignColumns } from "./report.ts";

export interface IdleRow {
  peer: string;
  held: number;
  dropped: number;
  beforeBytes: number;
  afterBytes: number;
  perConnectionBytes: number;
}

export const IDLE_COUNT = 10_000;

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

/** The most connections that this machine lets a client hold. */
export function idleCountMax(): number {
  return Math.min(openFilesMax() - SPARE_FILES, PORTS_MAX);
}

/** A text where there is no figure, which says why. */
export async function measureIdle(
  peer: Peer,
  count: number,
  folder: string,
): Promise<IdleRow | string> {
  if (count > idleCountMax()) return `only ${idleCountMax()} files may be open: see ulimit -n`;
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

export function idleTable(rows: readonly IdleRow[]): string {
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
  return alignColumns([header, ...cells]);
}
