// What this machine allows: processors and file descriptors, as defaults and bounds for settings.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Machine } from "../server/settings.ts";

export function inspectMachine(): Machine {
  return { processors: availableParallelism(), fdLimit: readFdLimit() };
}

/** The runtime has raised the soft limit to the hard one already. */
function readFdLimit(): number {
  try {
    return parseFdLimit(readFileSync("/proc/self/limits", "latin1"));
  } catch {
    return FD_LIMIT_ELSEWHERE; // no procfs: not Linux
  }
}

/** The default of macOS; more can be had there, but not be asked for without a shell. */
const FD_LIMIT_ELSEWHERE = 10_240;

/** The soft limit in the text of /proc/self/limits. */
export function parseFdLimit(limits: string): number {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(limits);
  if (match === null) return FD_LIMIT_ELSEWHERE;
  return match[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(match[1]);
}
