// `millrace webbench` as a child process: run to its end, or signalled on the way.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RunResult } from "../../src/webbench/run-result.ts";

const MAIN: string = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const PATIENCE_MS = 25_000;

export interface WebbenchEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class WebbenchProcess {
  readonly ended: Promise<WebbenchEnd>;
  private readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;

  constructor(...args: readonly string[]) {
    this.child = Bun.spawn([process.execPath, MAIN, "webbench", ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: PATIENCE_MS,
    });
    this.ended = this.collect();
  }

  static run(...args: readonly string[]): Promise<WebbenchEnd> {
    return new WebbenchProcess(...args).ended;
  }

  /** With --json -: the result, and the exit code. */
  static async result(
    ...args: readonly string[]
  ): Promise<{ code: number | null; result: RunResult }> {
    const { code, stdout, stderr } = await WebbenchProcess.run("-q", "--json", "-", ...args);
    if (!stdout.startsWith("{")) throw new Error(`webbench said: ${stdout}${stderr}`);
    return { code, result: JSON.parse(stdout) as RunResult };
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Process ids of its load processes. */
  loadProcesses(): number[] {
    const text = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "latin1");
    return text.trim().split(" ").filter(Boolean).map(Number);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  private async collect(): Promise<WebbenchEnd> {
    const [stdout, stderr] = await Promise.all([
      new Response(this.child.stdout).text(),
      new Response(this.child.stderr).text(),
    ]);
    await this.child.exited;
    return { code: this.child.exitCode, stdout, stderr };
  }
}

/** Whether a process has not ended yet; one that only waits to be reaped has. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/\) [ZX] /.test(stat);
  } catch {
    return false;
  }
}

/** Resolves when it holds; throws with `what` when it never does. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(5);
  }
}
