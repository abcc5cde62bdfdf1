// Descriptors belong to the process, not to the thread that opened them: whatever a worker has open
// when it dies, site files and access logs, must not stay open behind it.

import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const APP = fileURLToPath(new URL("../soak/soak-app.ts", import.meta.url));
const LARGE = 100_000; // above what is kept in memory: its descriptor is
const SETTLED_MS = 60_000;

let server: ServerProcess | null = null;
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-dead-worker-"));
});
afterEach(async () => {
  await server?.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** Paths of the folder that the process has open. */
function openPaths(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map((fd) => linkOf(pid, fd))
    .filter((path) => path.startsWith(folder))
    .sort();
}

/** Empty for one that has been closed meanwhile. */
function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return "";
  }
}

test.each(["/throw", "/exit"])("a worker that dies by %s leaves no file open", async (path) => {
  const site = join(folder, "site");
  const log = join(folder, "access.log");
  await Bun.write(join(site, "large.bin"), "x".repeat(LARGE));
  const old = new Date(Date.now() - SETTLED_MS); // what has just been written is not kept
  utimesSync(join(site, "large.bin"), old, old);
  writeFileSync(log, "");
  const args = [APP, "--workers", "1", "--access-log", log];
  server = await ServerProcess.start(args, { SOAK_FOLDER: site });
  const get = async (target: string): Promise<string> => {
    const answer = await fetch(`${server!.url}${target}`, { keepalive: false });
    return answer.text();
  };
  const { pid } = server;
  const atStart = openPaths(pid);
  expect(atStart).toEqual([log]);
  for (let death = 1; death <= 3; death++) {
    for (let time = 0; time < 3; time++) expect(await get("/large.bin")).toHaveLength(LARGE);
    expect(openPaths(pid)).toEqual([log, join(site, "large.bin")]);
    expect(await get(path)).toBe("felled");
    await server.untilLogged(/serves again/, death);
    expect(openPaths(pid)).toEqual(atStart);
  }
});
