// The parent's side of one load process: spawned, given its share, heard line by line. However the
// process ends, `ended` tells how, once; a death before its last word is never silent.

import { messageOf } from "../core/errors.ts";
import type { LoadShare } from "./load-plan.ts";
import { LineSplitter, type LoadReport, SAY_START, SAY_STOP } from "./load-report.ts";

const STDERR_BYTES_KEPT = 2000;
const LINE_CHARACTERS_SHOWN = 80;

export interface LoadChildEvents {
  onReport(report: LoadReport): void;
  /** `reason` is null when it has said all it had to say. */
  onEnd(reason: string | null): void;
}

export class LoadChild {
  readonly pid: number;
  private readonly child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  private isDone = false;
  private bug = "";

  private constructor(child: Bun.Subprocess<"pipe", "pipe", "pipe">, events: LoadChildEvents) {
    this.child = child;
    this.pid = child.pid;
    void this.listen(events);
  }

  /** Throws when the system cannot start a process. */
  static spawn(command: readonly string[], share: LoadShare, events: LoadChildEvents): LoadChild {
    const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    const load = new LoadChild(child, events);
    load.say(JSON.stringify(share));
    return load;
  }

  start(): void {
    this.say(SAY_START);
  }

  stop(): void {
    this.say(SAY_STOP);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  private say(line: string): void {
    try {
      this.child.stdin.write(`${line}\n`);
      void Promise.resolve(this.child.stdin.flush()).catch(() => undefined);
    } catch {
      return; // it has ended: listen() tells
    }
  }

  private async listen(events: LoadChildEvents): Promise<void> {
    const splitter = new LineSplitter();
    const stderr = new Response(this.child.stderr).text();
    for await (const chunk of this.child.stdout) {
      for (const line of splitter.push(chunk)) this.hearLine(line, events);
    }
    await this.child.exited;
    if (this.isDone) return events.onEnd(null);
    events.onEnd(this.howItEnded(await stderr));
  }

  private hearLine(line: string, events: LoadChildEvents): void {
    try {
      this.hear(JSON.parse(line) as LoadReport, events);
    } catch (error) {
      this.bug = `said "${line.slice(0, LINE_CHARACTERS_SHOWN)}": ${messageOf(error)}`;
      this.kill();
    }
  }

  private hear(report: LoadReport, events: LoadChildEvents): void {
    if (report.type === "done") this.isDone = true;
    if (report.type === "bug") this.bug = report.text;
    events.onReport(report);
  }

  private howItEnded(stderr: string): string {
    const { signalCode, exitCode } = this.child;
    const how =
      signalCode === null ? `exited with code ${exitCode}` : `was killed by ${signalCode}`;
    const said = (this.bug || stderr).trim().slice(-STDERR_BYTES_KEPT);
    return said === "" ? how : `${how}: ${said}`;
  }
}
