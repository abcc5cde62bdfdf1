// The server at rest: no load, no connection. First with the workers that have done the work: what
// they hold must be what their caches hold, to the byte. Then, after a reload, with workers that
// have done nothing, so that all of them are of one age: what the process has then, resident and in
// the arena, is what it had at any other rest, whatever has happened in between.
//
// Each time the caches are filled with the same files, and garbage is collected.

import { accountedBytes } from "../../src/memory/arena-stats.ts";
import type { ServerStats } from "../../src/master/server-stats.ts";
import { get, HELLO, HttpCaller } from "./http-peers.ts";
import type { Soak } from "./soak-world.ts";

const REST_MS = 30_000;
const BEATS_TO_WAIT = 3;
const TRIES_PER_WORKER = 60;
const DESCRIPTOR_LOOKS = 50;
const RSS_LOOK_MS = 250;
const RSS_SETTLED_LOOKS = 10;
const RSS_SETTLED_BYTES: number = 1024 * 1024;

export interface Rest {
  /** With the workers of the soak. */
  readonly worn: ServerStats;
  /** After a reload. */
  readonly stats: ServerStats;
  readonly rssBytes: number;
  readonly descriptors: readonly string[];
}

/** Bytes of buffers that somebody has a name for: caches, and what each worker works with. */
export function heldBytes({ totals }: ServerStats): number {
  return totals["buffer_bytes_charged"]!;
}

/** What the identity of the arena leaves unaccounted for. */
export function lostBytes({ memory }: ServerStats): number {
  return memory!.reservedBytes - accountedBytes(memory!);
}

/** Once the load has ended. Waits for memory to fall to `rssBytesMax`, but not for ever. */
export async function comeToRest(soak: Soak, rssBytesMax: number): Promise<Rest> {
  const { server, books } = soak;
  if (!(await server.untilWhole())) books.complain("the server is not whole at rest");
  await touchWorkers(soak);
  const worn = await untilAtRest(soak, () => true);
  await server.beginReload();
  if (!(await server.untilWhole())) books.complain("the server is not whole after a reload");
  await touchWorkers(soak);
  const [stats, rssBytes] = await Promise.all([
    untilAtRest(soak, (now) => heldBytes(now) === now.memory!.liveBytes),
    settledRss(soak, rssBytesMax),
  ]);
  return { worn, stats, rssBytes, descriptors: await fewestDescriptors(soak) };
}

/** Nothing is open, and everybody has counted what it holds since. */
async function untilAtRest(
  soak: Soak,
  isSo: (stats: ServerStats) => boolean,
): Promise<ServerStats> {
  const { server, books } = soak;
  const beats = beatsOf(await server.stats());
  const isAtRest = (stats: ServerStats): boolean =>
    stats.totals["open"] === 0 &&
    beatsOf(stats) >= beats + BEATS_TO_WAIT * stats.workers.length &&
    isSo(stats);
  const atRest = await server.until(isAtRest, REST_MS);
  const stats = atRest ?? (await server.stats());
  if (atRest === null) books.complain(`does not come to rest: ${restText(stats)}`);
  return stats;
}

/** What is held is counted by the workers with each beat of theirs. */
function beatsOf({ workers }: ServerStats): number {
  return workers.reduce((sum, { counters }) => sum + counters["loop_beats"]!, 0);
}

function restText(stats: ServerStats): string {
  const { totals, memory } = stats;
  return `${totals["open"]} open, ${memory!.liveBytes} bytes live, ${heldBytes(stats)} held`;
}

/** Every file into the cache of every worker, and no garbage. */
async function touchWorkers(soak: Soak): Promise<void> {
  const touched = new Set<string>();
  const workers = (await soak.server.stats()).workers.length;
  for (let left = workers * TRIES_PER_WORKER; touched.size < workers && left > 0; left--) {
    const caller = await HttpCaller.open(soak);
    if (caller === null) return;
    await caller.ask(HELLO);
    const { life } = caller.socket;
    if (life !== null && !touched.has(life)) {
      touched.add(life);
      // Twice: a file that is asked for again is kept.
      for (const { name, bytes } of [...soak.files, ...soak.files]) {
        await caller.ask(get(`/${name}`, bytes, true));
      }
      await caller.ask(get("/collect", "collected", false));
    }
    await caller.leave();
  }
  if (touched.size < workers) soak.books.complain("a worker could not be reached");
}

/** As soon as it is not above `bytesMax` and does not fall any more; whatever it is in the end. */
async function settledRss(soak: Soak, bytesMax: number): Promise<number> {
  const endMs = performance.now() + REST_MS;
  let least = soak.server.rssBytes;
  let looks = 0;
  while (performance.now() < endMs && (looks < RSS_SETTLED_LOOKS || least > bytesMax)) {
    await Bun.sleep(RSS_LOOK_MS);
    const now = soak.server.rssBytes;
    looks = now < least - RSS_SETTLED_BYTES ? 0 : looks + 1;
    least = Math.min(least, now);
  }
  return least;
}

/** Whoever asks for the counters has one for a moment. */
async function fewestDescriptors(soak: Soak): Promise<readonly string[]> {
  let fewest = soak.server.descriptors;
  for (let look = 0; look < DESCRIPTOR_LOOKS; look++) {
    await Bun.sleep(1);
    const now = soak.server.descriptors;
    if (now.length < fewest.length) fewest = now;
  }
  return fewest;
}
