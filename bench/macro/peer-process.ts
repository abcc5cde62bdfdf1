// One server under measurement: started on its core, waited for until it gives the right answer,
// watched, and stopped by its own pid. What it writes to standard error is kept for the report of
// a failure.

import { readFileSync } from "node:fs";
import type { Scenario } from "./load.ts";
import { pinned } from "./machine.ts";
import { type Cost, readCost } from "./process-cost.ts";

const READY_MS_MAX = 15_000;
const STOP_MS_MAX = 5_000;
const POLL_MS = 20;

export class PeerProcess {
  readonly port: number;
  private readonly child: Bun.Subprocess<"ignore", "ignore", Bun.BunFile>;
  private readonly errorPath: string;

  private constructor(
    port: number,
    child: Bun.Subprocess<"ignore", "ignore", Bun.BunFile>,
    errorPath: string,
  ) {
    this.port = port;
    this.child = child;
    this.errorPath = errorPath;
  }

  /** Starts `command` and waits for a right answer; throws with its standard error otherwise. */
  static async start(options: {
    command: (port: number) => string[];
    cores: string;
    folder: string;
    scenario: Scenario;
  }): Promise<PeerProcess> {
    const port = freePort();
    const errorPath = `${options.folder}/stderr-${port}.txt`;
    const child = Bun.spawn(pinned(options.command(port), options.cores), {
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(errorPath),
    });
    const peer = new PeerProcess(port, child, errorPath);
    try {
      await peer.waitForAnswer(options.scenario);
    } catch (error) {
      await peer.stop();
      throw error;
    }
    return peer;
  }

  get pid(): number {
    return this.child.pid;
  }

  cost(): Cost {
    return readCost(this.child.pid);
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS_MAX);
    await this.child.exited;
    clearTimeout(late);
  }

  private async waitForAnswer(scenario: Scenario): Promise<void> {
    const deadline = performance.now() + READY_MS_MAX;
    let last = "no answer";
    while (performance.now() < deadline && this.child.exitCode === null) {
      try {
        last = await ask(scenario, this.port);
        if (last === "") return;
      } catch (error) {
        last = error instanceof Error ? error.message : String(error);
      }
      await Bun.sleep(POLL_MS);
    }
    const said = readFileSync(this.errorPath, "utf8").trim().slice(-400);
    throw new Error(`${last}${said === "" ? "" : `; it said: ${said}`}`);
  }
}

/** An empty text when the answer is the one that is to be measured. */
async function ask(scenario: Scenario, port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${scenario.path}`, {
    method: scenario.method,
    ...(scenario.bodyBytes > 0 ? { body: "x".repeat(scenario.bodyBytes) } : {}),
    headers: { Connection: "close" },
  });
  const { byteLength } = await response.arrayBuffer();
  if (response.status === 200 && byteLength === scenario.expectBytes) return "";
  return `answered ${response.status} with ${byteLength} bytes, not ${scenario.expectBytes}`;
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const port = listener.port;
  listener.stop(true);
  return port;
}
