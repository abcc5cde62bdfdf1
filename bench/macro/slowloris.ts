// Honest clients beside attackers that are slow on purpose: heads and bodies at one byte a second,
// answers that are never read. The honest ones must see no error, and a p99 below twice the quiet
// one. Server on the first core; clients and attackers, in processes of their own, on the last.
//   bun bench/macro/slowloris.ts [--attackers 2000] [--seconds 12] [--workers 2]

import { parseArgs } from "node:util";
import { CLIENT_CORE, describeMachine, pinned, pinSelf, SERVER_CORES } from "./machine.ts";
import { alignColumns } from "./report.ts";

const HERE: string = import.meta.dir;
const CONNECTIONS = 32;
const INTERVAL_MS = 25;
const LATE_MS_MAX = 5_000;
const REQUEST: Buffer = Buffer.from("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
const ANSWER = /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nHello, World!$/;

const { values } = parseArgs({
  options: {
    attackers: { type: "string", default: "2000" },
    seconds: { type: "string", default: "10" },
    workers: { type: "string", default: "2" },
  },
});
const runMs = Number(values.seconds) * 1000;

interface Honest {
  text: string;
  askedMs: number;
}

interface Figures {
  /** By the second in which they were answered. */
  readonly seconds: number[][];
  errors: number;
  /** Requests that were not sent because the one before had no answer yet. */
  skipped: number;
}

let figures: Figures = { seconds: [], errors: 0, skipped: 0 };
let startMs = 0;

async function connectHonest(port: number): Promise<Bun.Socket<Honest>> {
  return await Bun.connect<Honest>({
    hostname: "127.0.0.1",
    port,
    data: { text: "", askedMs: 0 },
    socket: {
      data({ data }, chunk) {
        data.text += chunk.toString("latin1");
        if (!data.text.endsWith("Hello, World!")) return;
        if (!ANSWER.test(data.text)) figures.errors++;
        const nowMs = performance.now();
        (figures.seconds[Math.floor((nowMs - startMs) / 1000)] ??= []).push(nowMs - data.askedMs);
        data.text = "";
        data.askedMs = 0;
      },
      close() {
        figures.errors++;
      },
    },
  });
}

/** Asks on every connection at its own phase of the interval, for so long. */
async function measure(sockets: readonly Bun.Socket<Honest>[]): Promise<Figures> {
  figures = { seconds: [], errors: 0, skipped: 0 };
  startMs = performance.now();
  const timers: Timer[] = [];
  for (const socket of sockets) {
    await Bun.sleep(INTERVAL_MS / CONNECTIONS);
    timers.push(
      setInterval(() => {
        if (socket.data.askedMs > 0) return void figures.skipped++;
        socket.data.askedMs = performance.now();
        socket.write(REQUEST);
      }, INTERVAL_MS),
    );
  }
  await Bun.sleep(runMs);
  for (const timer of timers) clearInterval(timer);
  const patience = performance.now() + LATE_MS_MAX;
  const isOwed = () => sockets.some((socket) => socket.data.askedMs > 0);
  while (isOwed() && performance.now() < patience) await Bun.sleep(1);
  const done = figures;
  done.errors += sockets.filter((socket) => socket.data.askedMs > 0).length; // never answered
  return done;
}

function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** Of the median second: what else the machine does spoils some of them, in every phase. */
function usualP99(one: Figures): number {
  const each = one.seconds.map((second) => quantile(second, 0.99));
  return quantile(each, 0.5);
}

function row(name: string, one: Figures): string[] {
  const all = one.seconds.flat();
  const figures = [quantile(all, 0.5), usualP99(one), quantile(all, 0.99), quantile(all, 0.999)];
  const texts = figures.map((figure) => figure.toFixed(2));
  return [name, `${all.length}`, `${one.errors}`, `${one.skipped}`, ...texts];
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value);
}

async function totals(admin: string): Promise<Record<string, number>> {
  return ((await (await fetch(`${admin}/stats`)).json()) as { totals: Record<string, number> })
    .totals;
}

async function run(port: string, admin: string): Promise<void> {
  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => connectHonest(Number(port))),
  );
  await measure(sockets); // warms up
  const quiet = await measure(sockets);
  const command = [process.execPath, `${HERE}/slow-attackers.ts`, port, values.attackers];
  const attackers = Bun.spawn(pinned(command, CLIENT_CORE), { stdin: "pipe", stdout: "pipe" });
  const coming = await measure(sockets);
  await firstLine(attackers.stdout);
  const attacked = await measure(sockets);
  const after = await totals(admin);
  await attackers.stdin.end();
  const books = await firstLine(attackers.stdout);
  await attackers.exited;
  const again = await measure(sockets);
  const machine = describeMachine();
  console.log(`${machine.cpu}, bun ${machine.bun}, commit ${machine.commit}`);
  const header = ["", "requests", "errors", "skipped", "p50 ms", "median p99", "p99", "p99.9"];
  const rows = [
    row("quiet", quiet),
    row(`${values.attackers} attackers come`, coming),
    row(`${values.attackers} attackers stay`, attacked),
    row("quiet again", again),
  ];
  console.log(alignColumns([header, ...rows]));
  const base = (usualP99(quiet) + usualP99(again)) / 2;
  const ratio = usualP99(attacked) / base;
  console.log(`median p99 with attackers / quiet: ${ratio.toFixed(2)}; attackers: ${books.trim()}`);
  const names = ["open", "closed_head_timeout", "closed_body_timeout", "closed_write_stall"];
  console.log(names.map((name) => `${name} ${after[name]}`).join(", "));
  if (quiet.errors + coming.errors + attacked.errors + again.errors > 0 || ratio >= 2)
    process.exitCode = 1;
}

pinSelf();
const server = Bun.spawn(
  pinned(
    [
      ...[process.execPath, `${HERE}/../../src/cli/main.ts`, "start"],
      ...[`${HERE}/peers/slow-millrace.ts`, "--port", "0", "--workers", values.workers],
      ...["--admin", "127.0.0.1:0"],
    ],
    SERVER_CORES,
  ),
  { stdout: "pipe", stderr: "pipe" },
);
try {
  const port = /:(\d+) /.exec(await firstLine(server.stdout))?.[1] ?? "";
  const admin = /at (http:\S+)\/stats/.exec(await firstLine(server.stderr))?.[1] ?? "";
  await run(port, admin);
} finally {
  server.kill("SIGKILL");
  await server.exited;
}
process.exit();
