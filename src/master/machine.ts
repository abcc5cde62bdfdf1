// What this machine allows: processors, memory and file descriptors, as defaults and bounds for
// settings. A container sees all processors and all memory of its host, but may use only what its
// cgroup grants: more workers than that would be throttled, more buffers would end the process.

import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import type { Machine } from "../server/settings.ts";

/** The default of macOS; more can be had there, but not be asked for without a shell. */
const FD_LIMIT_ELSEWHERE = 10_240;

/** The text of a file, or "" if there is none. */
export type ReadText = (path: string) => string;

export function inspectMachine(read: ReadText = readTextFile): Machine {
  return {
    processors: Math.min(availableParallelism(), parseCpuQuota(readCpuQuota(read))),
    memoryBytes: Math.min(totalmem(), parseMemoryLimit(readMemoryLimit(read))),
    fdLimit: parseFdLimit(read("/proc/self/limits")),
  };
}

function readTextFile(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** cgroup v2 says "quota period" in one file, v1 in two. */
function readCpuQuota(read: ReadText): string {
  const unified = read("/sys/fs/cgroup/cpu.max");
  if (unified !== "") return unified;
  const folder = "/sys/fs/cgroup/cpu";
  return `${read(`${folder}/cpu.cfs_quota_us`)} ${read(`${folder}/cpu.cfs_period_us`)}`;
}

function readMemoryLimit(read: ReadText): string {
  const unified = read("/sys/fs/cgroup/memory.max");
  return unified === "" ? read("/sys/fs/cgroup/memory/memory.limit_in_bytes") : unified;
}

/** Processors, rounded up, of "150000 100000"; Infinity of "max 100000" and of "-1 100000". */
export function parseCpuQuota(text: string): number {
  const [quota = Number.NaN, period = Number.NaN] = text.trim().split(/\s+/).map(Number);
  return quota > 0 && period > 0 ? Math.ceil(quota / period) : Number.POSITIVE_INFINITY;
}

/** Bytes; Infinity of "max". */
export function parseMemoryLimit(text: string): number {
  return /^\d+\s*$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}

/** The soft limit in the text of /proc/self/limits; the runtime has raised it to the hard one. */
export function parseFdLimit(limits: string): number {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(limits);
  if (match === null) return FD_LIMIT_ELSEWHERE; // not Linux
  return match[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(match[1]);
}
