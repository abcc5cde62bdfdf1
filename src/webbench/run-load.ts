// The parent of a run: spawns the load processes, lets them begin together, adds up what they
// report, and knows how each of them ended. It prints nothing: onProgress is for the live view.

import { MillraceError, messageOf } from "../core/errors.ts";
import { LoadChild } from "./load-child.ts";
import type { LoadPlan } from "./load-plan.ts";
import type { LoadReport } from "./load-report.ts";
import { intervalMsOf, RunTotals } from "./run-totals.ts";
import { sharePlan } from "./share-plan.ts";

const READY_MS_MAX = 15_000;
const OVERTIME_MS_MAX = 30_000; // beyond it a process that does not end is killed, and counted lost

export interface RunOptions {
  readonly plan: LoadPlan;
  readonly processes: number;
  /** How to start a load process: it runs runLoadProcess() of load-process.ts. */
  readonly command: readonly string[];
  /** After every report. */
  readonly onProgress?: (totals: RunTotals) => void;
}

export interface RunOutcome {
  readonly totals: RunTotals;
  readonly startedAt: Date;
  readonly processes: number;
  /** How processes died that had not reported all. */
  readonly lost: readonly string[];
  readonly interrupted: boolean;
}

export class LoadRun {
  private readonly options: RunOptions;
  private readonly totals: RunTotals;
  private readonly children: LoadChild[] = [];
  private readonly lost: string[] = [];
  private readonly ended: Set<number> = new Set();
  private readonly ready: Set<number> = new Set();
  private interrupted = false;
  private changed: () => void = () => undefined;

  constructor(options: RunOptions) {
    const { plan, processes } = options;
    this.options = options;
    const runMs = plan.count > 0 ? Infinity : plan.durationMs + plan.graceMs;
    this.totals = new RunTotals(processes, intervalMsOf(runMs, plan.tickMs));
  }

  /** Resolves when every process has ended; rejects with MillraceError when none can be started. */
  async run(): Promise<RunOutcome> {
    const { processes } = this.options;
    this.spawnAll();
    const timer = setTimeout(() => this.killAll(this.ready), READY_MS_MAX);
    await this.until(() => this.ready.size + this.ended.size >= processes);
    clearTimeout(timer);
    const startedAt = new Date();
    for (const child of this.children) child.start();
    if (this.interrupted) this.stopAll();
    const overtime = setTimeout(() => this.killAll(this.ended), this.runMs() + OVERTIME_MS_MAX);
    await this.until(() => this.ended.size >= processes);
    clearTimeout(overtime);
    const { totals, lost, interrupted } = this;
    return { totals, startedAt, processes, lost, interrupted };
  }

  /** Ends the run early; run() resolves with what was measured. A second call does not ask. */
  interrupt(): void {
    if (this.interrupted) return this.killAll(this.ended);
    this.interrupted = true;
    this.stopAll();
  }

  private runMs(): number {
    const { warmUpMs, durationMs, graceMs } = this.options.plan;
    return warmUpMs + durationMs + graceMs;
  }

  private spawnAll(): void {
    const { plan, processes, command } = this.options;
    for (const [index, share] of sharePlan(plan, processes).entries()) {
      try {
        const child = LoadChild.spawn(command, share, {
          onReport: (report) => this.hear(index, report),
          onEnd: (reason) => this.end(index, reason),
        });
        this.children.push(child);
      } catch (error) {
        for (const child of this.children) child.kill();
        const text = `Cannot start load process ${index}: ${messageOf(error)}`;
        throw new MillraceError("ERR_WORKER", text, error);
      }
    }
  }

  private hear(index: number, report: LoadReport): void {
    if (report.type === "ready") this.ready.add(index);
    if (report.type === "counts") this.totals.add(index, report);
    if (report.type === "done") {
      this.totals.oldestCutOffMs = Math.max(this.totals.oldestCutOffMs, report.oldestCutOffMs);
    }
    if (report.type === "counts") this.options.onProgress?.(this.totals);
    this.changed();
  }

  private end(index: number, reason: string | null): void {
    this.ended.add(index);
    if (reason !== null) {
      const { processes } = this.options;
      this.lost.push(`load process ${index + 1} of ${processes} ${reason}`);
    }
    this.changed();
  }

  private stopAll(): void {
    for (const child of this.children) child.stop();
  }

  private killAll(except: ReadonlySet<number>): void {
    for (const [index, child] of this.children.entries()) {
      if (!except.has(index)) child.kill();
    }
  }

  private async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.changed = resolve;
      await promise;
    }
  }
}
