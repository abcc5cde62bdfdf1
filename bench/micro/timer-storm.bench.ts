// A storm: 100,000 timers of one slot fire on the runtime's own loop, and the longest time between
// two turns of that loop is asked. Three storms in each of ten processes, the first of each cold.
//
//   count     the callback counts: what the wheel and its driver take
//   close     the callback makes some 300 bytes of garbage: the collector's pauses come on top
//   control   no timers, in turn in the same process: turns of 2 ms that only read the clock
//
// "waited" is what the kernel kept the thread, ready to run, from a core in the longest gap; "net"
// is the longest gap after its waiting is taken off. The control shows what the machine does by
// itself. The hash is over what fired.
//
//   bun bench/micro/timer-storm.bench.ts [--processes 10] [--count 100000]      (Linux)

import { parseArgs } from "node:util";
import { systemClock } from "../../src/core/clock.ts";
import { TimerDriver } from "../../src/timer/timer-driver.ts";
import { TimingWheel } from "../../src/timer/timing-wheel.ts";
import { Random } from "../../test/support/random.ts";
import { runQueueMs } from "./run-queue.ts";

type Kind = "count" | "close" | "control";
const KINDS: readonly Kind[] = ["count", "close", "control"];

interface Gaps {
  kind: Kind;
  longestMs: number;
  /** Of the longest. */
  waitedMs: number;
  /** The longest without the time that it waited. */
  netMs: number;
  hash: number;
}

const STORMS = 3;
const SEED = 20_261_125;
const TICK_MS = 50;
const TURN_MS = 2;
const CONTROL_TURNS = 30; // about as long as a storm
const BOUND_MS = 10;
const SETTLE_MS = 300;

/** Looks at the loop once a turn. */
class LoopWatch {
  longestMs = 0;
  waitedMs = 0;
  netMs = 0;
  private lastMs = 0;
  private lastWaitedMs = 0;
  private isOn = false;
  private readonly onTurn: () => void = () => this.turn();

  start(): void {
    this.isOn = true;
    this.lastMs = systemClock.nowMs();
    this.lastWaitedMs = runQueueMs();
    setImmediate(this.onTurn);
  }

  stop(): void {
    this.isOn = false;
  }

  private turn(): void {
    if (!this.isOn) return;
    const gapMs = systemClock.nowMs() - this.lastMs;
    const totalMs = runQueueMs();
    const waitedMs = totalMs - this.lastWaitedMs;
    if (gapMs > this.longestMs) {
      this.longestMs = gapMs;
      this.waitedMs = waitedMs;
    }
    this.netMs = Math.max(this.netMs, gapMs - waitedMs);
    this.lastWaitedMs = totalMs;
    this.lastMs = systemClock.nowMs();
    setImmediate(this.onTurn);
  }
}

async function storm(kind: Kind, ids: Int32Array): Promise<Gaps> {
  const nowMs = systemClock.nowMs();
  const wheel = new TimingWheel({ capacity: ids.length, tickMs: TICK_MS, nowMs });
  const watch = new LoopWatch();
  const closed: object[] = [];
  let left = ids.length;
  let hash = 0;
  const done = Promise.withResolvers<void>();
  const onExpire = (id: number) => {
    if (kind === "close")
      closed.push({ id, peer: { address: "127.0.0.1", id }, why: `idle ${id}` });
    hash = (hash + Math.imul(id + 1, 0x9e3779b1)) | 0;
    if (--left === 0) done.resolve();
  };
  const driver = new TimerDriver({ wheel, clock: systemClock, turnMs: TURN_MS, onExpire });
  const deadlineMs = nowMs + SETTLE_MS;
  for (const id of ids) driver.schedule(id, deadlineMs);
  Bun.gc(true); // of the garbage that the storm before left
  await Bun.sleep(SETTLE_MS / 2);
  watch.start();
  await done.promise;
  watch.stop();
  return { ...figures(kind, watch), hash };
}

async function control(): Promise<Gaps> {
  const watch = new LoopWatch();
  const done = Promise.withResolvers<void>();
  let left = CONTROL_TURNS;
  const turn = () => {
    const endMs = systemClock.nowMs() + TURN_MS;
    while (systemClock.nowMs() < endMs);
    if (--left > 0) setImmediate(turn);
    else done.resolve();
  };
  await Bun.sleep(SETTLE_MS / 2);
  watch.start();
  setImmediate(turn);
  await done.promise;
  watch.stop();
  return figures("control", watch);
}

function figures(kind: Kind, watch: LoopWatch): Gaps {
  const { longestMs, waitedMs, netMs } = watch;
  return { kind, longestMs, waitedMs, netMs, hash: 0 };
}

async function measure(count: number): Promise<Gaps[]> {
  const random = new Random(SEED);
  const ids = Int32Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [ids[index], ids[other]] = [ids[other]!, ids[index]!];
  }
  const gaps: Gaps[] = [];
  for (let index = 0; index < STORMS; index++) {
    for (const kind of KINDS) {
      gaps.push(kind === "control" ? await control() : await storm(kind, ids));
    }
  }
  return gaps;
}

async function spawned(count: number): Promise<Gaps[]> {
  const command = [process.execPath, import.meta.path, "--child", "--count", `${count}`];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error("a process failed");
  return JSON.parse(text) as Gaps[];
}

function line(name: string, gaps: Gaps[]): string {
  const cells = KINDS.map((kind) => {
    const own = gaps.filter((gap) => gap.kind === kind);
    const longest = own.reduce((most, gap) => (gap.longestMs > most.longestMs ? gap : most));
    const netMs = Math.max(...own.map((gap) => gap.netMs));
    const cell = [longest.longestMs, longest.waitedMs, netMs];
    return cell.map((value) => value.toFixed(1).padStart(8)).join("");
  });
  return name.padEnd(11) + cells.join("   ");
}

async function compare(count: number, processes: number): Promise<void> {
  console.log(
    `${count} timers of one slot, turns of ${TURN_MS} ms; the longest gap, in milliseconds`,
  );
  const head = KINDS.map((kind) => `${kind.padStart(8)}  waited     net`);
  console.log(" ".repeat(11) + head.join("   "));
  const all: Gaps[] = [];
  for (let index = 1; index <= processes; index++) {
    const gaps = await spawned(count);
    console.log(line(`process ${index}`, gaps));
    all.push(...gaps);
  }
  console.log(line("all", all));
  for (const kind of KINDS) {
    const own = all.filter((gap) => gap.kind === kind);
    const over = own.filter((gap) => gap.longestMs > BOUND_MS).length;
    const overNet = own.filter((gap) => gap.netMs > BOUND_MS).length;
    console.log(`${kind}: ${over} of ${own.length} over ${BOUND_MS} ms, net ${overNet}`);
  }
  const hashes = new Set(all.filter(({ kind }) => kind !== "control").map(({ hash }) => hash));
  console.log(`hash of what fired: ${[...hashes].map((it) => (it >>> 0).toString(16)).join(" ")}`);
  if (hashes.size > 1) throw new Error("the storms did not fire the same timers");
}

const { values } = parseArgs({
  options: {
    processes: { type: "string", default: "10" },
    count: { type: "string", default: "100000" },
    child: { type: "boolean", default: false },
    full: { type: "boolean", default: false }, // it is whole anyway
  },
});
if (values.child) console.log(JSON.stringify(await measure(Number(values.count))));
else await compare(Number(values.count), Number(values.processes));
process.exit(0);
