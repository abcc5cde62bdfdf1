// What a server process has cost so far: CPU time of all its threads, those that have ended too,
// and of its child processes, and resident memory. The sum is the kernel's CPU clock of each
// process, in nanoseconds. The ticks of 10 ms of /proc only divide it into user and system: a server
// that works in short bursts, as one does that waits for a slow client, was seen to have a third less
// of them.

import { dlopen } from "bun:ffi";
import { readdirSync, readFileSync } from "node:fs";

export interface Cost {
  userTicks: number;
  systemTicks: number;
  runNs: number;
  rssBytes: number;
}

export interface CpuSpent {
  userMs: number;
  systemMs: number;
}

const TICK_MS = 10; // USER_HZ is 100 on every Linux that Bun runs on
const PAGE_BYTES = 4096;
const CPUCLOCK_SCHED = 2;

const { clock_gettime } = dlopen("libc.so.6", {
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
}).symbols;

/** The process and all its descendants now; throws when the process is gone. */
export function readCost(pid: number): Cost {
  const cost: Cost = { userTicks: 0, systemTicks: 0, runNs: 0, rssBytes: 0 };
  for (const member of [pid, ...descendantsOf(pid)]) {
    const fields = statFields(member);
    cost.userTicks += Number(fields[11]);
    cost.systemTicks += Number(fields[12]);
    cost.rssBytes += Number(fields[21]) * PAGE_BYTES;
    cost.runNs += runNsOf(member);
  }
  return cost;
}

export function cpuBetween(before: Cost, after: Cost): CpuSpent {
  const userMs = (after.userTicks - before.userTicks) * TICK_MS;
  const systemMs = (after.systemTicks - before.systemTicks) * TICK_MS;
  const tickMs = userMs + systemMs;
  const runMs = (after.runNs - before.runNs) / 1e6;
  if (tickMs === 0) return { userMs: 0, systemMs: runMs };
  return { userMs: (userMs / tickMs) * runMs, systemMs: (systemMs / tickMs) * runMs };
}

/** The fields of /proc/PID/stat behind the name, which may hold blanks: state is 0. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** The clock of clock_getcpuclockid(3). */
function runNsOf(pid: number): number {
  const time = new BigInt64Array(2); // seconds and nanoseconds
  if (clock_gettime((~pid << 3) | CPUCLOCK_SCHED, time) !== 0) {
    throw new Error(`process ${pid} has no CPU clock: it has ended`);
  }
  return Number(time[0]!) * 1e9 + Number(time[1]!);
}

function descendantsOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      parents.set(Number(name), Number(statFields(Number(name))[1]));
    } catch {
      // The process has ended since the folder was read.
    }
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}
