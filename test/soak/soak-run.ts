// One soak from its start to its verdict: warm up, come to rest, load, come to rest again, compare.
//
//   start -> warm-up -> rest (before) -> load -> rest (after) -> SIGTERM, exit code 0 -> verdict
//
// The warm-up is the same load: caches, code and heaps have then the size that they work at.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NamedCounters, ServerStats } from "../../src/master/server-stats.ts";
import { Random } from "../support/random.ts";
import { disturb, flood } from "./disturbances.ts";
import * as frames from "./frame-peers.ts";
import * as hostile from "./hostile-peers.ts";
import * as honest from "./http-peers.ts";
import { SoakBooks } from "./soak-books.ts";
import { PATTERN } from "./soak-pattern.ts";
import { comeToRest, heldBytes, type Rest } from "./soak-rest.ts";
import { SoakServer } from "./soak-server.ts";
import { GROWTH_MAX, hasSeenAll, judge, type Verdict } from "./soak-verdict.ts";
import { Soak, type SoakFile, type Way } from "./soak-world.ts";

const FILE_BYTES: readonly number[] = [1, 1024, 20_000, 100_000, 1_500_000];
const NEWS_MS = 3_000;
const LOOK_MS = 100;
const WARM_ANSWERS = 5_000;
/** At most so long is waited for what has not happened yet. */
const ENCORE_MS = 30_000;
const ALARMS = /assert|uncaught(?!: TypeError: felled on demand)|cannot stop|Segmentation/i;

/** How many of each kind are there at any moment. */
const PEERS: readonly (readonly [number, Way])[] = [
  [20, honest.keepAlive],
  [8, honest.pipelined],
  [8, honest.oneShot],
  [6, honest.uploads],
  [4, honest.echoes],
  [4, honest.downloads],
  [6, honest.files],
  [1, honest.failingHandler],
  [4, honest.halfClosed],
  [4, honest.slowReader],
  [10, frames.peerBeats],
  [6, frames.serverBeats],
  [3, hostile.silent],
  [4, hostile.silentFrames],
  [3, hostile.halfHead],
  [3, hostile.malformed],
  [4, hostile.resetting],
  [1, flood],
];

export interface SoakOptions {
  readonly seed: number;
  readonly warmUpMs: number;
  readonly loadMs: number;
  /** Gets a line now and then. */
  readonly tell: (line: string) => void;
}

export interface SoakResult {
  readonly books: SoakBooks;
  readonly before: Rest;
  readonly after: Rest;
  readonly verdict: Verdict;
  /** What the server said. */
  readonly log: readonly string[];
}

/** Ends the server, whatever happens. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-soak-"));
  const files = writeFiles(folder);
  let server: SoakServer | null = null;
  try {
    server = await SoakServer.start(folder);
    return await soakServer(server, files, options);
  } finally {
    await server?.process.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function soakServer(
  server: SoakServer,
  files: readonly SoakFile[],
  options: SoakOptions,
): Promise<SoakResult> {
  const books = new SoakBooks();
  const soak = new Soak(server, books, new Random(options.seed), files);
  await load(soak, options.warmUpMs, options.tell, () => isWarm(books));
  const before = await comeToRest(soak, Infinity);
  options.tell(`at rest: ${restLine(before)}`);
  await load(soak, options.loadMs, options.tell, (totals) => hasSeenAll(books, totals));
  const after = await comeToRest(soak, before.rssBytes * GROWTH_MAX);
  options.tell(`at rest: ${restLine(after)}`);
  await stop(soak);
  books.decide();
  const log = server.process.stderr;
  return { books, before, after, verdict: judge(books, before, after), log };
}

/** For so long, and on until everything has happened that is to happen. */
async function load(
  soak: Soak,
  ms: number,
  tell: (line: string) => void,
  isDone: (totals: NamedCounters) => boolean,
): Promise<void> {
  const startMs = performance.now();
  for (const [count, way] of PEERS) soak.keepGoing(count, way);
  soak.keepGoing(1, disturb());
  let toldMs = startMs;
  for (;;) {
    const stats = await soak.server.stats();
    const nowMs = performance.now();
    const isOver = nowMs - startMs >= ms && isDone(stats.totals);
    if (isOver || nowMs - toldMs >= NEWS_MS) {
      tell(newsLine(soak, stats, nowMs - startMs));
      toldMs = nowMs;
    }
    if (isOver || nowMs - startMs >= ms + ENCORE_MS) break;
    await Bun.sleep(LOOK_MS);
  }
  await soak.untilEnded();
}

/** Memory has been as large as it gets: each disturbance has been, and enough was asked. */
function isWarm({ answered, floods, reloads, kills }: SoakBooks): boolean {
  return answered >= WARM_ANSWERS && Math.min(floods, reloads, kills) > 0;
}

async function stop({ server, books }: Soak): Promise<void> {
  server.process.signal("SIGTERM");
  const { code, stderr } = await server.process.untilEnded();
  if (code !== 0) books.complain(`the server left with ${code}`);
  for (const line of stderr.split("\n")) {
    if (ALARMS.test(line)) books.complain(`the server said: ${line}`);
  }
  const died = server.process.logged(/: died: /);
  if (died > books.kills) books.complain(`${died} workers died, ${books.kills} were felled`);
}

function writeFiles(folder: string): SoakFile[] {
  return FILE_BYTES.map((byteCount) => {
    const name = `${byteCount}.bin`;
    const bytes = PATTERN.subarray(byteCount, 2 * byteCount);
    writeFileSync(join(folder, name), bytes);
    return { name, bytes };
  });
}

function newsLine({ server, books }: Soak, stats: ServerStats, sinceMs: number): string {
  const { totals, memory, workers } = stats;
  return [
    `${(sinceMs / 1000).toFixed(0).padStart(4)} s`,
    `${totals["open"]} open`,
    `${books.answered} answered`,
    `${books.refused} refused`,
    `${books.echoes} frames back`,
    `${books.reloads} reloads`,
    `${books.kills} deaths`,
    `${workers.length} workers`,
    `${mib(memory!.liveBytes)} live`,
    `${mib(server.rssBytes)} resident`,
    ...(books.complaintCount === 0 ? [] : [`${books.complaintCount} COMPLAINTS`]),
  ].join(", ");
}

export function restLine(rest: Rest): string {
  const { worn, rssBytes, descriptors } = rest;
  const fds = `${descriptors.length} descriptors`;
  return `${heldBytes(worn)} bytes held, ${mib(rssBytes)} resident, ${fds}`;
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
