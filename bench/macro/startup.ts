// How long a server takes from its command to its ready line, and the CPU time it has spent by the
// end of an immediate SIGTERM: from source, as the binary, as a binary without bytecode; and, as
// the floor, the runtime with an empty Bun.serve. In turn, medians over the rounds.
//   bun bench/macro/startup.ts [--rounds N] [--workers N|auto]

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const ROOT: string = resolve(import.meta.dir, "../..");
const PATIENCE_MS = 20_000;
const FLOOR = 'Bun.serve({ port: 0, fetch: () => new Response() }); console.log("listening");';

interface Candidate {
  readonly name: string;
  readonly command: readonly string[];
  readonly readyMs: number[];
  readonly cpuMs: number[];
}

function candidatesOf(folder: string, workers: string): Candidate[] {
  const start = ["start", "--port", "0", "--workers", workers];
  const commands = {
    "bun -e Bun.serve": [process.execPath, "-e", FLOOR],
    "from source": [process.execPath, join(ROOT, "src/cli/main.ts"), ...start],
    "binary, no bytecode": [build(join(folder, "plain"), "--no-bytecode"), ...start],
    binary: [build(join(folder, "millrace")), ...start],
  };
  return Object.entries(commands).map(([name, command]) => ({
    name,
    command,
    readyMs: [],
    cpuMs: [],
  }));
}

function build(outfile: string, ...options: readonly string[]): string {
  const script = join(ROOT, "scripts/build.ts");
  const { success, stderr } = Bun.spawnSync({
    cmd: [process.execPath, script, "--outfile", outfile, ...options],
  });
  if (!success) throw new Error(stderr.toString());
  return outfile;
}

async function run({ name, command, readyMs, cpuMs }: Candidate): Promise<void> {
  const started = performance.now();
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    timeout: PATIENCE_MS,
  });
  const { value } = await child.stdout.getReader().read();
  const elapsed = performance.now() - started;
  child.kill();
  await child.exited;
  if (value === undefined) throw new Error(`${name}: ended before it was ready`);
  readyMs.push(elapsed);
  cpuMs.push(Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000);
}

function report(candidates: readonly Candidate[]): void {
  console.log("                      ready ms   (least)    CPU ms        MB");
  for (const { name, command, readyMs, cpuMs } of candidates) {
    const bytes = statSync(command[0]!).size;
    const figures = [median(readyMs), Math.min(...readyMs), median(cpuMs), bytes / 1e6];
    const columns = figures.map((figure) => figure.toFixed(1).padStart(10)).join("");
    console.log(`${name.padEnd(20)}${columns}`);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "21" },
    workers: { type: "string", default: "auto" },
  },
});
const folder: string = mkdtempSync(join(tmpdir(), "millrace-startup-"));
try {
  const candidates = candidatesOf(folder, values.workers);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const candidate of candidates) await run(candidate);
  }
  report(candidates);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
