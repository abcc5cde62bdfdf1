import { describe, expect, test } from "bun:test";
import { runLoadProcess } from "../../src/webbench/load-process.ts";
import { type LoadReport, SAY_START, SAY_STOP } from "../../src/webbench/load-report.ts";
import type { LoadShare } from "../../src/webbench/load-plan.ts";
import { addTally, COUNT_SUCCEEDED, Tally } from "../../src/webbench/tally.ts";
import { OK, originOf, ScriptedServer, shareFor } from "./load-world.ts";

/** The pipes of a load process, with the parent's ends in the test's hands. */
class Pipes {
  readonly reports: LoadReport[] = [];
  readonly exited: Promise<number>;
  readonly input: ReadableStream<Uint8Array>;
  exit!: (code: number) => void;
  private controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor() {
    this.exited = new Promise((resolve) => (this.exit = resolve));
    this.input = new ReadableStream({ start: (controller) => void (this.controller = controller) });
  }

  readonly write = (line: string): void => {
    expect(line.endsWith("\n")).toBe(true);
    this.reports.push(JSON.parse(line) as LoadReport);
  };

  say(...lines: readonly string[]): void {
    this.controller.enqueue(Buffer.from(lines.map((line) => `${line}\n`).join("")));
  }

  hangUp(): void {
    this.controller.close();
  }

  async until(type: LoadReport["type"]): Promise<void> {
    while (!this.reports.some((report) => report.type === type)) await Bun.sleep(1);
  }

  get succeeded(): number {
    const total = new Tally();
    for (const report of this.reports) if (report.type === "counts") addTally(total, report.tally);
    return total.row[COUNT_SUCCEEDED]!;
  }
}

async function begin(share: LoadShare): Promise<Pipes> {
  const pipes = new Pipes();
  void runLoadProcess(pipes);
  pipes.say(JSON.stringify(share));
  await pipes.until("ready");
  return pipes;
}

describe("runLoadProcess", () => {
  test("waits for the word, reports, and ends with the run", async () => {
    const server = await ScriptedServer.answering(OK);
    const pipes = await begin(shareFor(server.origin, { count: 25, tickMs: 5 }));
    expect(server.connections).toBe(0);
    pipes.say(SAY_START);
    expect(await pipes.exited).toBe(0);
    expect(pipes.reports.at(-1)).toMatchObject({ type: "done" });
    expect(pipes.succeeded).toBe(25);
    expect(server.requests).toBe(25);
    server.stop();
  });

  test("ends at the parent's word with what was measured", async () => {
    const server = await ScriptedServer.answering(OK);
    const endless = { count: 0, durationMs: 60_000, tickMs: 5 };
    const pipes = await begin(shareFor(server.origin, endless));
    pipes.say(SAY_START);
    while (server.requests < 10) await Bun.sleep(1);
    pipes.say(SAY_STOP);
    expect(await pipes.exited).toBe(0);
    expect(pipes.succeeded).toBeGreaterThanOrEqual(8);
    server.stop();
  });

  test("ends when the parent is gone, before and after the start", async () => {
    const server = await ScriptedServer.answering(OK);
    const share = shareFor(server.origin, { count: 0, durationMs: 60_000 });
    const waiting = await begin(share);
    waiting.hangUp();
    expect(await waiting.exited).toBe(0);
    expect(waiting.reports.at(-1)).toMatchObject({ type: "done" }); // ended, not lost
    const running = await begin(share);
    running.say(SAY_START);
    running.hangUp();
    expect(await running.exited).toBe(0);
    server.stop();
  });

  test("needs nobody to talk to", async () => {
    const pipes = await begin(shareFor(originOf(1), { count: 0, durationMs: 50 }));
    pipes.say(SAY_START);
    expect(await pipes.exited).toBe(0);
    expect(pipes.succeeded).toBe(0);
  });
});
