// All interleavings of the lock and transfer code, up to a number of preemptions. The source of
// src/memory/lock.ts and transfer-cache.ts is turned into generators that pause before each access
// to shared words; a schedule says which thread takes the next step; every schedule is run from the
// start. Sleeping is modelled without its timeout, so a lost wake-up shows as a deadlock.
//
//   bun test/fuzz/memory-schedules.ts [preemptions] [threads]

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { CLASS_TRANSFER_USED, LIST_SLOTS } from "../../src/memory/arena-layout.ts";

export interface ScheduleReport {
  schedules: number;
  steps: number;
  /** What went wrong, with the schedule that shows it. */
  failure: string | undefined;
}

export interface Mutation {
  file: "lock.ts" | "transfer-cache.ts";
  from: string;
  to: string;
}

type Step = Generator<string, void>;

interface Program {
  lock: (words: Int32Array, at: number, holder: number) => Step;
  unlock: (words: Int32Array, at: number) => Step;
  take: (words: Int32Array, base: number, slots: number, list: number, want: number) => Step;
  put: (
    words: Int32Array,
    base: number,
    slots: number,
    max: number,
    list: number,
    count: number,
  ) => Step;
}

const SOURCE: string = join(import.meta.dir, "../../src/memory");
const BASE = 8; // words of the class; its lock is word 0
const SLOTS = 48;
const SLOTS_MAX = 4;
const LISTS = 64;
const LIST_STRIDE = 16;
const BLOCKS_PER_THREAD = 2;
const STEPS_MAX = 2_000;

/** Runs every schedule; stops at the first failure. */
export function explore(preemptions: number, threads: number, mutation?: Mutation): ScheduleReport {
  const program = compile(mutation);
  const report: ScheduleReport = { schedules: 0, steps: 0, failure: undefined };
  const pending: number[][] = [[]];
  while (pending.length > 0 && report.failure === undefined) {
    const run = new ScheduleRun(program, threads, pending.pop()!, preemptions);
    report.failure = run.go();
    report.schedules++;
    report.steps += run.trace.length;
    pending.push(...run.branches);
  }
  return report;
}

/** One execution: a forced prefix, then without preemption; it notes where others could go on. */
class ScheduleRun {
  readonly trace: number[] = [];
  readonly branches: number[][] = [];
  private readonly words = new Int32Array(new SharedArrayBuffer(1024));
  private readonly threads: Step[];
  private readonly blockedOn: (number | undefined)[];
  private readonly done: boolean[];
  private readonly prefix: readonly number[];
  private preemptionsLeft: number;
  private inside = -1;
  private violation: string | undefined;

  constructor(program: Program, threads: number, prefix: number[], preemptions: number) {
    this.prefix = prefix;
    this.preemptionsLeft = preemptions;
    this.done = new Array<boolean>(threads).fill(false);
    this.blockedOn = new Array<number | undefined>(threads).fill(undefined);
    this.threads = this.done.map((_, id) => this.body(program, id));
    for (let id = 0; id < threads; id++) {
      const list = LISTS + id * LIST_STRIDE;
      this.words[list] = BLOCKS_PER_THREAD;
      for (let block = 0; block < BLOCKS_PER_THREAD; block++) {
        this.words[list + LIST_SLOTS + block] = 100 + id * 10 + block;
      }
    }
  }

  go(): string | undefined {
    let current = -1;
    while (this.done.includes(false)) {
      const runnable = this.runnable();
      if (runnable.length === 0) return this.describe("deadlock: a wake-up was lost");
      const next = this.choose(current, runnable);
      this.trace.push(next);
      this.advance(next);
      current = next;
      if (this.violation !== undefined) return this.describe(this.violation);
      if (this.trace.length > STEPS_MAX) return this.describe("livelock");
    }
    return this.verify();
  }

  /** Each thread puts its blocks into the transfer cache and takes some, twice under the lock. */
  private *body(program: Program, id: number): Step {
    const { words } = this;
    const list = LISTS + id * LIST_STRIDE;
    yield* this.critical(program, id, program.put(words, BASE, SLOTS, SLOTS_MAX, list, 2));
    yield* this.critical(program, id, program.take(words, BASE, SLOTS, list, 1));
  }

  private *critical(program: Program, id: number, work: Step): Step {
    yield* program.lock(this.words, 0, id + 1);
    if (this.inside >= 0) this.violation = "two threads hold the lock";
    this.inside = id;
    yield* work;
    this.inside = -1;
    yield* program.unlock(this.words, 0);
  }

  private choose(current: number, runnable: readonly number[]): number {
    const at = this.trace.length;
    const stay = runnable.includes(current);
    if (at < this.prefix.length) {
      const next = this.prefix[at]!;
      if (stay && next !== current) this.preemptionsLeft--;
      return next;
    }
    const next = stay ? current : runnable[0]!;
    if (!stay || this.preemptionsLeft > 0) {
      for (const other of runnable) {
        if (other !== next) this.branches.push([...this.trace, other]);
      }
    }
    return next;
  }

  private advance(id: number): void {
    const { value, done } = this.threads[id]!.next();
    if (done === true) this.done[id] = true;
    else if (value.startsWith("wait:")) this.blockedOn[id] = Number(value.slice(5));
    else if (value === "notify") this.wakeOne();
  }

  /** A sleeper stays asleep until it is notified, unless the word had changed before it slept. */
  private runnable(): number[] {
    const free: number[] = [];
    for (let id = 0; id < this.done.length; id++) {
      if (!this.done[id] && this.blockedOn[id] === undefined) free.push(id);
    }
    return free;
  }

  private wakeOne(): void {
    const sleeper = this.blockedOn.findIndex((word) => word !== undefined);
    if (sleeper >= 0) this.blockedOn[sleeper] = undefined;
  }

  private verify(): string | undefined {
    const seen: number[] = [];
    for (let id = 0; id < this.done.length; id++) {
      const list = LISTS + id * LIST_STRIDE;
      for (let index = 0; index < this.words[list]!; index++) {
        seen.push(this.words[list + LIST_SLOTS + index]!);
      }
    }
    const used = this.words[BASE + CLASS_TRANSFER_USED]!;
    for (let index = 0; index < used; index++) seen.push(this.words[SLOTS + index]!);
    const whole = seen.length === this.done.length * BLOCKS_PER_THREAD;
    if (!whole || new Set(seen).size !== seen.length) {
      return this.describe(`blocks were lost or doubled: ${seen.join(" ")}`);
    }
    return this.words[0] === 0 ? undefined : this.describe("the lock is still held");
  }

  private describe(what: string): string {
    return `${what}; schedule ${this.trace.join("")}`;
  }
}

function compile(mutation: Mutation | undefined): Program {
  const lock = asGenerators("lock.ts", mutation);
  const transfer = asGenerators("transfer-cache.ts", mutation);
  const names = "{ lock, unlock, take: takeFromTransfer, put: putIntoTransfer }";
  const layout = readFileSync(join(SOURCE, "arena-layout.ts"), "utf8");
  const constants = [...layout.matchAll(/^export const ((?:CLASS|LIST|SLOT)_\w+)[^=]*= ([^;]+);/gm)]
    .map(([, name, value]) => `const ${name} = ${value};`)
    .join("\n");
  return new Function(`${constants}\n${lock}\n${transfer}\nreturn ${names};`)() as Program;
}

/** Turns a module into generators that pause before each access to `words`. */
function asGenerators(file: Mutation["file"], mutation: Mutation | undefined): string {
  let source = readFileSync(join(SOURCE, file), "utf8");
  if (mutation?.file === file) {
    if (!source.includes(mutation.from)) throw new Error(`${file} has no "${mutation.from}"`);
    source = source.replace(mutation.from, mutation.to);
  }
  const plain = new Bun.Transpiler({ loader: "ts" }).transformSync(source);
  return plain
    .replace(/^import .*$/gm, "")
    .replace(/^export (?=function|const)/gm, "")
    .replace(/^export \{[^}]*\};?$/gm, "")
    .replace(/LOCK_SPINS_MAX = \d+/, "LOCK_SPINS_MAX = 1")
    .replace(/^(\s*)function /gm, "$1function* ")
    .replace(/return (lockContended\(.*\));/g, "return yield* $1;")
    .replace(/Atomics\.pause\(\);?/g, "")
    .replace(/Atomics\.wait\((\w+), (\w+), (\w+), \w+\);?/g, WAIT)
    .replace(/Atomics\.notify\(\w+, \w+, \w+\);?/g, 'yield "notify";')
    .replace(/Atomics\.(\w+)\((\w+),/g, 'Atomics.$1((yield "atomic", $2),')
    .replace(/\bwords\[/g, '(yield "plain", words)[');
}

// Looking and falling asleep is one step of the kernel.
const WAIT = '{ yield "look"; if ($1[$2] === $3) yield "wait:" + $2; }';

if (import.meta.main) {
  const [preemptions, threads] = [Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 2)];
  console.log(JSON.stringify({ preemptions, threads, ...explore(preemptions, threads) }));
}
