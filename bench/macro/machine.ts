// The machine that a figure belongs to, and the cores: servers run on the first, everything that
// makes load on the last, so that neither pays for the other.

import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

export const SERVER_CORES = "0";
export const CLIENT_CORE: string = String(cpus().length - 1);

export interface Machine {
  cpu: string;
  cores: number;
  kernel: string;
  memoryBytes: number;
  bun: string;
  node: string;
  nginx: string;
  wrk: string;
  commit: string;
  date: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    kernel: release(),
    memoryBytes: totalmem(),
    bun: Bun.version,
    node: firstLine(["node", "--version"]),
    nginx: firstLine(["nginx", "-v"]).replace("nginx version: ", ""),
    wrk: firstLine(["wrk", "--version"]).split(" ").slice(0, 2).join(" "),
    commit: commitOf(),
    date: new Date().toISOString(),
  };
}

/** The command bound to cores; as it is, loudly, where that cannot be. */
export function pinned(command: readonly string[], cores: string): string[] {
  if (canPin) return [taskset, "-c", cores, ...command];
  return [...command];
}

/** Takes this process off the server's core. */
export function pinSelf(): void {
  if (canPin) run([taskset, "-a", "-c", "-p", CLIENT_CORE, String(process.pid)]);
}

export function toolPath(name: string): string | null {
  return Bun.which(name, { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` });
}

/** Open files this process and its children may have. */
export function openFilesMax(): number {
  const limits = readFileSync("/proc/self/limits", "latin1");
  return Number(/Max open files\s+(\d+)/.exec(limits)?.[1] ?? 1024);
}

const taskset: string = toolPath("taskset") ?? "taskset";
const canPin: boolean = toolPath("taskset") !== null && cpus().length > 1;
if (!canPin)
  console.error("MISSING: taskset or a second core: nothing is pinned, figures are rough");

function commitOf(): string {
  const commit = firstLine(["git", "rev-parse", "--short=12", "HEAD"]);
  const changed = run(["git", "status", "--porcelain", "--untracked-files=no", "src"]);
  return changed === "" ? commit : `${commit}+changes`;
}

function firstLine(command: string[]): string {
  return run(command).split("\n")[0]!.trim() || "missing";
}

function run(command: string[]): string {
  const path = toolPath(command[0]!);
  if (path === null) return "";
  const done = Bun.spawnSync([path, ...command.slice(1)], { cwd: import.meta.dir });
  return `${done.stdout.toString()}${done.stderr.toString()}`.trim();
}
