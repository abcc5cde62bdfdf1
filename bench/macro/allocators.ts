// The arena beside other allocators on the same loops: Bun's buffers, @thi.ng/malloc, and, where a
// C compiler and the libraries are there, glibc, mimalloc, tcmalloc and jemalloc. Each runs in a
// process of its own, in turn; a void allocator is measured the same way and subtracted. Then two
// workers against one, and what 400 MB in pieces leave behind.
//
//   bun bench/macro/allocators.ts [--scale 0.25] [--rounds 3] [--json FILE]
//   MILLRACE_PEER_MODULES=/some/node_modules    where @thi.ng/malloc is installed, if anywhere

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { MIB } from "../../src/core/limits.ts";
import { Arena } from "../../src/memory/arena.ts";
import { QUEUE_BYTES, type XmallocTask } from "./allocators-worker.ts";

const WORKLOADS = ["pair-64", "pair-512", "pair-4096", "pair-16384", "pair-65536", "larson"];
const JS_PEERS = ["arena", "allocUnsafe", "allocUnsafeSlow", "Uint8Array", "thi.ng"];
const LIBRARIES: Readonly<Record<string, string>> = {
  glibc: "",
  tcmalloc: "libtcmalloc_minimal.so.4",
  mimalloc: "libmimalloc.so.2.0",
  jemalloc: "libjemalloc.so.2",
};
const LIBRARY_FOLDERS = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
const C_OPERATIONS = 4_000_000;
const XMALLOC_BATCHES = 3_600; // a worker, or its start and its warm-up would count
const PIECES_BYTES: number = 400 * MIB;

/** Of all workers together. What a lock costs shows in `cpuNs` even when the cores are not free. */
interface XmallocResult {
  /** Millions of frees a second. */
  rate: number;
  /** Processor time per free. */
  cpuNs: number;
}

type Table = Map<string, Map<string, number>>;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      scale: { type: "string", default: "0.25" },
      rounds: { type: "string", default: "3" },
      json: { type: "string" },
    },
  });
  const scale = Number(values.scale);
  const rounds = Number(values.rounds);
  const folder = mkdtempSync(join(tmpdir(), "millrace-allocators-"));
  const binary = compileC(folder);
  const table = measureAll(binary, scale, rounds);
  printTable(table);
  const single = await xmalloc(["both"], scale);
  const double = await xmalloc(["both", "both"], scale);
  const sides = await xmalloc(["produce", "consume"], scale);
  const xmallocC = binary === undefined ? [] : measureXmallocC(binary);
  printXmalloc(single, double, sides, xmallocC);
  const pieces = measurePieces();
  console.log(`\n400 MB in pieces: ${JSON.stringify(pieces)}`);
  rmSync(folder, { recursive: true });
  if (values.json === undefined) return;
  const rows = Object.fromEntries([...table].map(([name, row]) => [name, Object.fromEntries(row)]));
  const xmallocJson = { single, double, sides, ratio: double.rate / single.rate, c: xmallocC };
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, bun: Bun.version };
  await Bun.write(
    values.json,
    JSON.stringify({ machine, rows, xmalloc: xmallocJson, pieces }, null, 2),
  );
}

/** Nanoseconds by peer and workload, void subtracted: the median of rounds taken in turn. */
function measureAll(binary: string | undefined, scale: number, rounds: number): Table {
  const table: Table = new Map();
  for (const workload of WORKLOADS) {
    const samples = new Map<string, number[]>();
    const note = (name: string, ns: number | undefined): void => {
      if (ns !== undefined) samples.set(name, [...(samples.get(name) ?? []), ns]);
    };
    for (let round = 0; round < rounds; round++) {
      const jsVoid = measureJs("void", workload, scale) ?? 0;
      for (const peer of JS_PEERS) note(peer, minus(measureJs(peer, workload, scale), jsVoid));
      if (binary === undefined) continue;
      const voidWork = workload === "larson" ? "larsonvoid" : workload.replace("pair", "void");
      const cVoid = measureC(binary, "", voidWork, scale) ?? 0;
      for (const [name, library] of Object.entries(LIBRARIES)) {
        note(name, minus(measureC(binary, library, workload, scale), cVoid));
      }
    }
    for (const [name, values] of samples) {
      const row = table.get(name) ?? new Map<string, number>();
      table.set(name, row.set(workload, median(values)));
    }
  }
  return table;
}

function measureJs(peer: string, workload: string, scale: number): number | undefined {
  const script = join(import.meta.dir, "allocators-js.ts");
  const command = [...pin(), process.execPath, script, peer, workload, String(scale)];
  const { stdout, stderr, success } = Bun.spawnSync(command, { timeout: 120_000 });
  if (!success) throw new Error(`${peer} failed: ${stderr.toString()}`);
  return (JSON.parse(stdout.toString()) as { ns?: number }).ns;
}

function measureC(
  binary: string,
  library: string,
  workload: string,
  scale: number,
  pinned = true,
): number | undefined {
  const file = library === "" ? "" : findLibrary(library);
  if (file === undefined) return undefined;
  const operations = Math.ceil(C_OPERATIONS * scale);
  const command = [...(pinned ? pin() : []), binary, workload, String(operations)];
  const { stdout } = Bun.spawnSync(command, { env: { LD_PRELOAD: file }, timeout: 120_000 });
  return Number(stdout.toString());
}

function measureXmallocC(binary: string): [string, number, number][] {
  const rows: [string, number, number][] = [];
  for (const [name, library] of Object.entries(LIBRARIES)) {
    const one = measureC(binary, library, "xmalloc-1", 8, false);
    const two = measureC(binary, library, "xmalloc-2", 8, false);
    if (one !== undefined && two !== undefined) rows.push([name, one, two]);
  }
  return rows;
}

/** The median of five runs. */
async function xmalloc(roles: XmallocTask["role"][], scale: number): Promise<XmallocResult> {
  const samples: XmallocResult[] = [];
  for (let round = 0; round < 5; round++) samples.push(await xmallocOnce(roles, scale));
  return {
    rate: median(samples.map(({ rate }) => rate)),
    cpuNs: median(samples.map(({ cpuNs }) => cpuNs)),
  };
}

async function xmallocOnce(
  roles: readonly XmallocTask["role"][],
  scale: number,
): Promise<XmallocResult> {
  const arena = Arena.create({ bytesMax: 512 * MIB, workers: 4 });
  const queue = new SharedArrayBuffer(QUEUE_BYTES);
  const batches = Math.ceil(XMALLOC_BATCHES * Math.min(scale * 4, 1));
  const ready: Promise<void>[] = [];
  const done: Promise<{ freed: number; started: number; ended: number }>[] = [];
  for (const [index, role] of roles.entries()) {
    const thread = new Worker(new URL("./allocators-worker.ts", import.meta.url).href);
    const isReady = Promise.withResolvers<void>();
    const isDone = Promise.withResolvers<{ freed: number; started: number; ended: number }>();
    thread.onmessage = ({ data }): void => {
      if (data === "ready") isReady.resolve();
      else {
        isDone.resolve(data);
        thread.terminate();
      }
    };
    const { handle } = arena;
    thread.postMessage({ handle, worker: index + 1, role, batches, queue } satisfies XmallocTask);
    ready.push(isReady.promise);
    done.push(isDone.promise);
  }
  await Promise.all(ready);
  const before = process.cpuUsage();
  Atomics.store(new Int32Array(queue), 2, 1);
  Atomics.notify(new Int32Array(queue), 2);
  const results = await Promise.all(done);
  const { user, system } = process.cpuUsage(before);
  const started = Math.min(...results.map((result) => result.started));
  const ended = Math.max(...results.map((result) => result.ended));
  const freed = results.reduce((total, result) => total + result.freed, 0);
  return { rate: freed / (ended - started) / 1_000, cpuNs: ((user + system) * 1_000) / freed };
}

/** Every second piece of 400 MB is freed; what is free must be what was freed, and be usable. */
function measurePieces(): Record<string, number | boolean> {
  const arena = Arena.create({ bytesMax: 512 * MIB });
  const bytes = 65_536 + 8_192;
  const held: number[] = [];
  for (let total = 0; total < PIECES_BYTES; total += bytes) held.push(arena.acquire(bytes));
  const pages = new Uint8Array(arena.handle.segments[0]!);
  for (const address of held) for (let at = 0; at < bytes; at += 4_096) pages[address * 8 + at] = 1;
  const residentBefore = process.memoryUsage.rss();
  let expected = 0;
  for (let index = 0; index < held.length; index += 2) {
    expected += arena.sizeOf(held[index]!);
    arena.release(held[index]!);
  }
  const slack = arena.stats().pageFreeBytes;
  const megabyte = arena.acquire(MIB) > 0;
  const given = arena.trim();
  return {
    slackOverExpected: slack / expected,
    oneMegabyteServed: megabyte,
    givenBackMiB: given / MIB,
    residentBeforeMiB: Math.round(residentBefore / MIB),
    residentAfterMiB: Math.round(process.memoryUsage.rss() / MIB),
  };
}

function printTable(table: Table): void {
  console.log(`| ns per operation, void subtracted | ${WORKLOADS.join(" | ")} |`);
  console.log(`|---|${WORKLOADS.map(() => "---").join("|")}|`);
  for (const [name, row] of table) {
    const cells = WORKLOADS.map((workload) => row.get(workload)?.toFixed(1) ?? "-");
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
}

function printXmalloc(
  single: XmallocResult,
  double: XmallocResult,
  sides: XmallocResult,
  c: readonly [string, number, number][],
): void {
  console.log("\n| xmalloc-test, million frees/s | one worker | two | ratio |");
  console.log("|---|---|---|---|");
  const line = (name: string, one: number, two: number): void =>
    console.log(`| ${name} | ${one.toFixed(1)} | ${two.toFixed(1)} | ${(two / one).toFixed(2)} |`);
  line("arena", single.rate, double.rate);
  line("arena, one produces, one frees", single.rate, sides.rate);
  line("arena, processor ns per free", single.cpuNs, double.cpuNs);
  for (const [name, one, two] of c) line(name, one, two);
}

function compileC(folder: string): string | undefined {
  const compiler = Bun.which("cc");
  if (compiler === null) return undefined;
  const binary = join(folder, "allocators-c");
  const source = join(import.meta.dir, "allocators-c.c");
  const command = [compiler, "-O2", "-fno-builtin", "-pthread", source, "-o", binary];
  return Bun.spawnSync(command).success ? binary : undefined;
}

function findLibrary(name: string): string | undefined {
  return LIBRARY_FOLDERS.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** Bound to the last core, where there is a way to. */
function pin(): string[] {
  const taskset = Bun.which("taskset");
  return taskset === null ? [] : [taskset, "-c", String(cpus().length - 1)];
}

function minus(value: number | undefined, base: number): number | undefined {
  return value === undefined ? undefined : Math.max(value - base, 0);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

await main();
process.exit(0); // a terminated worker may keep the loop alive
