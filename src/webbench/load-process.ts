// The inside of a load process: reads its share and the parent's words from standard input, runs a
// generator, and writes what was counted to standard output. It ends with the run, or as soon as
// its input ends: then the parent is gone, and nobody would stop the load.

import { assert } from "../core/assert.ts";
import { Generator, PHASE_OVER } from "./generator.ts";
import { LatencyBuckets } from "./latency-buckets.ts";
import type { LoadShare } from "./load-plan.ts";
import {
  type CountsReport,
  type LatencyName,
  LineSplitter,
  type LoadReport,
  SAY_START,
  SAY_STOP,
} from "./load-report.ts";
import { SelfProbe } from "./self-probe.ts";
import { takeTally } from "./tally.ts";

export interface LoadProcessPipes {
  readonly input: ReadableStream<Uint8Array>;
  readonly write: (line: string) => void;
  /** Ends the process; what was written is flushed before. */
  readonly exit: (code: number) => void;
}

export async function runLoadProcess(pipes: LoadProcessPipes): Promise<void> {
  const process = new LoadProcess(pipes);
  const splitter = new LineSplitter();
  for await (const chunk of pipes.input) {
    for (const line of splitter.push(chunk)) await process.hear(line);
  }
  process.stop();
}

class LoadProcess {
  private readonly pipes: LoadProcessPipes;
  private generator: Generator | null = null;
  private probe: SelfProbe | null = null;
  private readonly ownDelay: LatencyBuckets = new LatencyBuckets();
  private plan: LoadShare | null = null;
  private timer: Timer | null = null;
  private startMs = 0;
  private reportedMs = 0;
  private phase = -1; // not begun
  private cpuBefore: NodeJS.CpuUsage = process.cpuUsage();

  constructor(pipes: LoadProcessPipes) {
    this.pipes = pipes;
  }

  async hear(line: string): Promise<void> {
    if (line === SAY_START) this.start();
    else if (line === SAY_STOP) this.stop();
    else await this.prepare(JSON.parse(line) as LoadShare);
  }

  stop(): void {
    if (this.generator !== null && this.startMs > 0) return this.generator.stop();
    this.probe?.stop();
    this.say({ type: "done", oldestCutOffMs: 0 });
    this.pipes.exit(0);
  }

  private async prepare(plan: LoadShare): Promise<void> {
    this.plan = plan;
    this.generator = new Generator(plan, {
      onPhase: (phase) => this.enter(phase),
      onBug: (error) => this.fail(error),
    });
    this.probe = await SelfProbe.open(this.ownDelay);
    this.say({ type: "ready" });
  }

  private start(): void {
    assert(this.generator !== null && this.plan !== null, "a load process starts with a plan");
    this.startMs = performance.now();
    this.reportedMs = this.startMs;
    this.cpuBefore = process.cpuUsage();
    this.timer = setInterval(() => this.report(), this.plan.tickMs);
    this.probe?.start();
    this.generator.start();
  }

  /** What was counted until now was counted in the phase before. */
  private enter(phase: number): void {
    if (this.phase >= 0) this.report();
    this.phase = phase;
    if (phase !== PHASE_OVER) return;
    if (this.timer !== null) clearInterval(this.timer);
    this.probe?.stop();
    this.say({ type: "done", oldestCutOffMs: this.generator!.oldestCutOffMs });
    this.pipes.exit(0);
  }

  private report(): void {
    const generator = this.generator!;
    const nowMs = performance.now();
    const report: CountsReport = {
      type: "counts",
      phase: this.phase,
      elapsedMs: nowMs - this.startMs,
      coveredMs: nowMs - this.reportedMs,
      tally: takeTally(generator.tally),
      latencies: this.takeLatencies(generator),
      openConnections: generator.openConnections,
      cpuMs: this.takeCpuMs(),
    };
    this.reportedMs = nowMs;
    this.say(report);
  }

  private takeLatencies(generator: Generator): CountsReport["latencies"] {
    const { total, firstByte, connect, service, lateness } = generator;
    const buckets = { total, firstByte, connect, service, lateness, ownDelay: this.ownDelay };
    const counts: Partial<Record<LatencyName, number[]>> = {};
    for (const [name, each] of Object.entries(buckets)) {
      const pairs = each?.takeCounts() ?? [];
      if (pairs.length > 0) counts[name as LatencyName] = pairs;
    }
    return counts;
  }

  private takeCpuMs(): number {
    const now = process.cpuUsage();
    const spent = now.user - this.cpuBefore.user + now.system - this.cpuBefore.system;
    this.cpuBefore = now;
    return spent / 1000;
  }

  private say(report: LoadReport): void {
    this.pipes.write(`${JSON.stringify(report)}\n`);
  }

  private fail(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.say({ type: "bug", text });
    this.pipes.exit(1);
  }
}
