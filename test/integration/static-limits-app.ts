// A process of its own, because what it does cannot be undone for others: it runs out of
// descriptors, or gives up its rights. It prints the status of each answer as JSON.
//   bun static-limits-app.ts descriptors|rights FOLDER

import { closeSync, openSync } from "node:fs";
import { StaticWorld } from "../server/static-world.ts";

const NOBODY = 65_534;

/** Takes every descriptor that is left. */
function exhaust(): number[] {
  const fds: number[] = [];
  try {
    for (;;) fds.push(openSync("/dev/null", "r"));
  } catch {
    return fds;
  }
}

async function withoutDescriptors(world: StaticWorld): Promise<number[]> {
  const statuses: number[] = [];
  const ask = async (path: string): Promise<void> =>
    void statuses.push((await world.get(path)).status);
  await ask("/large-1");
  await ask("/small");
  const taken = exhaust();
  await ask("/small"); // from memory
  await ask("/large-1"); // still open
  await ask("/large-2"); // in the place of the one that is kept open
  world.files.close();
  taken.push(...exhaust());
  await ask("/large-1");
  for (const fd of taken) closeSync(fd);
  await ask("/large-1");
  world.checkEnd();
  return statuses;
}

async function withoutRights(world: StaticWorld): Promise<number[]> {
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
  const statuses: number[] = [];
  for (const path of ["/closed-file", "/closed/file", "/closed/", "/small"]) {
    statuses.push((await world.get(path)).status);
  }
  return statuses;
}

const world = new StaticWorld({ root: process.argv[3]! }, { listing: true });
const run = process.argv[2] === "rights" ? withoutRights : withoutDescriptors;
process.stdout.write(`${JSON.stringify(await run(world))}\n`);
