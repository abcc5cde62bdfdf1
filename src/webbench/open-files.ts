// How many files this process and its children may open: every client needs one.

import { readFileSync } from "node:fs";
import { MillraceError } from "../core/errors.ts";

/** Beside its clients a load process has pipes, its probe, the event loop and the runtime's own. */
export const OPEN_FILES_SPARE = 48;

/** Of RLIMIT_NOFILE; null where the system does not tell. */
export function openFilesMax(): number | null {
  try {
    const limits = readFileSync("/proc/self/limits", "latin1");
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

/** Throws MillraceError ERR_USAGE when a process cannot hold its clients' connections. */
export function checkOpenFiles(clients: number, processes: number, most: number | null): void {
  const each = Math.ceil(clients / processes) + OPEN_FILES_SPARE;
  if (most === null || each <= most) return;
  const fitting = Math.max(0, (most - OPEN_FILES_SPARE) * processes);
  const text =
    `Cannot hold ${clients} clients in ${processes} process${processes === 1 ? "" : "es"}: ` +
    `${each} open files are needed in each and ${most} are allowed (ulimit -n): ` +
    `at most ${fitting} clients, or more processes (-P)`;
  throw new MillraceError("ERR_USAGE", text);
}
