// What the soak does to the server itself: reloads, workers that are felled, both at once, and
// floods of the memory limit. One after the other; each is over when the server is whole again.

import { get, HttpCaller } from "./http-peers.ts";
import { floodMemory } from "./hostile-peers.ts";
import type { Soak, Way } from "./soak-world.ts";

const FATAL_PATHS = ["/throw", "/exit"] as const;
const REST_MS_MAX = 800;

/** Ends a worker by a request of its own, which is answered, and remembers which one it was. */
async function fell(soak: Soak): Promise<void> {
  const caller = await HttpCaller.open(soak);
  if (caller === null) return;
  const askedMs = performance.now();
  await caller.ask(get(soak.random.pick(FATAL_PATHS), "felled", false));
  const { life } = caller.socket;
  if (life === null) return soak.books.complain("one who felled a worker was not answered");
  soak.books.felledAtMs.set(life, askedMs);
  soak.books.kills++;
  await caller.leave();
}

async function untilWhole(soak: Soak, after: string): Promise<void> {
  if (!(await soak.server.untilWhole())) soak.books.complain(`not whole again after ${after}`);
}

async function reload(soak: Soak): Promise<void> {
  await soak.server.beginReload();
  soak.books.reloads++;
  await untilWhole(soak, "a reload");
}

async function kill(soak: Soak): Promise<void> {
  const died = soak.server.process.logged(/: died: /);
  await fell(soak);
  await soak.server.process.untilLogged(/: died: /, died + 1);
  await untilWhole(soak, "a death");
}

/** Reloads that overtake each other, and a death in the middle of them. */
async function storm(soak: Soak): Promise<void> {
  const { server, books } = soak;
  await server.beginReload();
  books.reloads++;
  server.process.signal("SIGUSR1");
  server.process.signal("SIGHUP");
  await fell(soak);
  await untilWhole(soak, "a reload with a death in it");
}

/** Each of them in turn, so that a short soak has them all. */
export function disturb(): Way {
  const all: readonly Way[] = [kill, storm, reload];
  let next = 0;
  return async (soak) => {
    await all[next++ % all.length]!(soak);
    if (!soak.isEnding) await Bun.sleep(soak.random.below(REST_MS_MAX));
  };
}

export const flood: Way = async (soak) => {
  await floodMemory(soak);
  if (!soak.isEnding) await Bun.sleep(soak.random.below(REST_MS_MAX));
};
