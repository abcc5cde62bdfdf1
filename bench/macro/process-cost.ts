// What a server process has cost so far, read from /proc: CPU time of all its threads and of its
// child processes, and resident memory. User and system come in ticks of 10 ms; the sum is taken
// from the scheduler's nanoseconds as long as no thread has come or gone in between.

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
const TICKS_AGREE_MS = 40; // beyond it a thread has ended and taken its nanoseconds along

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
  if (tickMs === 0 || Math.abs(runMs - tickMs) > TICKS_AGREE_MS) return { userMs, systemMs };
  return { userMs: (userMs / tickMs) * runMs, systemMs: (systemMs / tickMs) * runMs };
}

/** The fields of /proc/PID/stat behind the name, which may hold blanks: state is 0. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function runNsOf(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      sum += parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1"), 10);
    } catch {
      // The thread has ended since the folder was read.
    }
  }
  return sum;
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
