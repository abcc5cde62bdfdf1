// What an idle connection costs: see idle-memory.ts. Other counts than in peers.ts, and other
// peers.
//   bun bench/macro/idle-connections.ts [--count 10000] [--peers millrace,nginx] [--json FILE]

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { IDLE_COUNT, idleCountMax, type IdleRow, idleTable, measureIdle } from "./idle-memory.ts";
import { describeMachine } from "./machine.ts";
import { PEERS, prepareFolder } from "./peer-list.ts";

const PEERS_DEFAULT = "bun-listen,bun-fetch,nginx,millrace,millrace-fetch";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: String(IDLE_COUNT) },
      peers: { type: "string", default: PEERS_DEFAULT },
      json: { type: "string" },
    },
  });
  const count = Number(values.count);
  const countMax = idleCountMax();
  if (!(count > 0 && count <= countMax)) {
    throw new RangeError(`Cannot hold ${values.count} connections: 1..${countMax} (open files)`);
  }
  const wanted = values.peers.split(",");
  const folder = mkdtempSync(`${tmpdir()}/millrace-idle-`);
  const rows: IdleRow[] = [];
  try {
    prepareFolder(folder);
    for (const peer of PEERS.filter(({ name }) => wanted.includes(name))) {
      const row = await measureIdle(peer, count, folder).catch((error: Error) => error.message);
      if (typeof row === "string") console.log(`MISSING: ${peer.name}: ${row}`);
      else rows.push(row);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (rows.length > 0) console.log(idleTable(rows));
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
