// `bun run bench`: every bench/micro/*.bench.ts in turn, each in a process of its own, bound to one
// core. Small parameters by default, about a minute in all; `--full` for the large ones. A bench
// that fails, hangs, or prints no hash of what it computed makes the run fail.
//   bun scripts/bench.ts [--full] [--list] [PART_OF_A_NAME...]

import { cpus } from "node:os";
import { parseArgs } from "node:util";

const SMALL_SECONDS_MAX = 60;
const FULL_SECONDS_MAX = 900;
const MICRO = `${import.meta.dir}/../bench/micro`;

interface Outcome {
  name: string;
  seconds: number;
  hashes: string[];
  problem: string | null;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { full: { type: "boolean", default: false }, list: { type: "boolean" } },
    allowPositionals: true,
  });
  const names = await benchNames(positionals);
  if (names.length === 0) {
    console.error(`No bench matches ${positionals.join(" ")}: see --list`);
    return 2;
  }
  if (values.list === true) {
    console.log(names.join("\n"));
    return 0;
  }
  const outcomes: Outcome[] = [];
  for (const name of names) outcomes.push(await runBench(name, values.full));
  report(outcomes);
  return outcomes.some(({ problem }) => problem !== null) ? 1 : 0;
}

async function benchNames(parts: readonly string[]): Promise<string[]> {
  const names = await Array.fromAsync(new Bun.Glob("*.bench.ts").scan(MICRO));
  return names
    .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
    .sort();
}

async function runBench(name: string, full: boolean): Promise<Outcome> {
  console.log(`\n== ${name}${full ? " --full" : ""}`);
  const started = performance.now();
  const secondsMax = full ? FULL_SECONDS_MAX : SMALL_SECONDS_MAX;
  const bench = Bun.spawn([...pin(), process.execPath, `${MICRO}/${name}`, ...flag(full)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    timeout: secondsMax * 1000,
  });
  const text = await echo(bench.stdout);
  const code = await bench.exited;
  const hashes = text.split("\n").filter((line) => /\bhash\b/i.test(line));
  return {
    name,
    seconds: (performance.now() - started) / 1000,
    hashes: hashes.map((line) => line.trim()),
    problem: problemOf(code, bench.signalCode !== null, hashes.length, secondsMax),
  };
}

function problemOf(
  code: number,
  killed: boolean,
  hashes: number,
  secondsMax: number,
): string | null {
  if (killed) return `ended by a signal: crash, or longer than ${secondsMax} s`;
  if (code !== 0) return `exit code ${code}`;
  return hashes === 0 ? "prints no hash of what it computed" : null;
}

/** Passes the output on as it comes, and gives it whole. */
async function echo(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    const part = decoder.decode(chunk, { stream: true });
    process.stdout.write(part);
    text += part;
  }
  return text;
}

function report(outcomes: readonly Outcome[]): void {
  console.log("\n== benches");
  for (const { name, seconds, hashes, problem } of outcomes) {
    console.log(`${problem === null ? "ok    " : "FAILED"} ${name} ${seconds.toFixed(1)} s`);
    if (problem !== null) console.log(`       ${problem}`);
    for (const line of hashes) console.log(`       ${line}`);
  }
}

function flag(full: boolean): string[] {
  return full ? ["--full"] : [];
}

/** The last core: the first one takes most interrupts. */
function pin(): string[] {
  const taskset = Bun.which("taskset");
  return taskset === null ? [] : [taskset, "-c", String(cpus().length - 1)];
}

process.exitCode = await main();
