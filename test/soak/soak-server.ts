// The server under the soak: `millrace start` as a process of its own, with limits low enough that
// they are met, seen from outside: its counters, its descriptors, its resident memory, its log.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MEMORY_LIMIT_BYTES_MIN } from "../../src/core/limits.ts";
import type { ServerStats } from "../../src/master/server-stats.ts";
import { ServerProcess } from "../support/server-process.ts";

const APP = fileURLToPath(new URL("./soak-app.ts", import.meta.url));
const PAGE_BYTES = 4096;
const POLL_MS = 20;
const WORKERS = 2;
const WHOLE_MS = 30_000; // a worker that leaves has 10 s for it, and two may follow each other

const LIMITS: readonly string[] = [
  ...["--workers", String(WORKERS), "--memory-limit", `${MEMORY_LIMIT_BYTES_MIN >> 20}MB`],
  ...["--idle-timeout", "3s", "--head-timeout", "1s", "--write-timeout", "2s"],
  ...["--body-timeout", "3s"],
  ...["--admin", "127.0.0.1:0"],
];

export interface Ports {
  readonly http: number;
  readonly peerBeats: number;
  readonly serverBeats: number;
}

export class SoakServer {
  readonly process: ServerProcess;
  readonly ports: Ports;
  private readonly admin: string;

  private constructor(process: ServerProcess, ports: Ports, admin: string) {
    this.process = process;
    this.ports = ports;
    this.admin = admin;
  }

  /** Serves `folder` beside its routes. */
  static async start(folder: string): Promise<SoakServer> {
    const server = await ServerProcess.start([APP, ...LIMITS], { SOAK_FOLDER: folder });
    await server.untilLogged(/counters at/);
    while (server.stdout.length < 3) await Bun.sleep(1);
    const ports = server.stdout.map((line) => Number(/ on \w+:\/\/[^:]+:(\d+)/.exec(line)![1]));
    const [http, peerBeats, serverBeats] = ports as [number, number, number];
    const admin = /at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
    return new SoakServer(server, { http, peerBeats, serverBeats }, admin);
  }

  async stats(): Promise<ServerStats> {
    const answer = await fetch(`${this.admin}/stats`, { keepalive: false }); // leaves no descriptor
    return (await answer.json()) as ServerStats;
  }

  /** How often the memory limit has refused a buffer. */
  async refusals(): Promise<number> {
    const { totals, memory } = await this.stats();
    return totals["closed_memory"]! + memory!.refused;
  }

  get rssBytes(): number {
    const pages = readFileSync(`/proc/${this.process.pid}/statm`, "latin1").split(" ")[1];
    return Number(pages) * PAGE_BYTES;
  }

  /** What the process has open, a line for each descriptor, in no order of theirs. */
  get descriptors(): readonly string[] {
    const folder = `/proc/${this.process.pid}/fd`;
    return readdirSync(folder)
      .map((fd) => readLink(`${folder}/${fd}`))
      .sort();
  }

  /** Every slot has its worker, and no other is left. */
  isWhole({ workers }: ServerStats): boolean {
    return workers.length === WORKERS && workers.every(({ state }) => state === "ready");
  }

  /** One ends with a line of its own when the worker that is being replaced dies meanwhile. */
  get isReloading(): boolean {
    const begun = this.process.logged(/reload: replacing/);
    return begun > this.process.logged(/reload: done|Reload ended/);
  }

  /** Resolves with the first counters that are as they should be; null when they never are. */
  async until(holds: (stats: ServerStats) => boolean, ms: number): Promise<ServerStats | null> {
    const endMs = performance.now() + ms;
    for (;;) {
      const stats = await this.stats();
      if (holds(stats)) return stats;
      if (performance.now() > endMs) return null;
      await Bun.sleep(POLL_MS);
    }
  }

  /** Asks for a reload; resolves when it has begun. */
  async beginReload(): Promise<void> {
    const begun = this.process.logged(/reload: replacing/);
    this.process.signal("SIGHUP");
    await this.process.untilLogged(/reload: replacing/, begun + 1);
  }

  /** No reload, no death, no worker that is still leaving. */
  async untilWhole(): Promise<boolean> {
    return (
      (await this.until((stats) => !this.isReloading && this.isWhole(stats), WHOLE_MS)) !== null
    );
  }
}

/** It may have been closed since it was listed. */
function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "closed";
  }
}
