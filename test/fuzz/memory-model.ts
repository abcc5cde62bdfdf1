// A model-based machine over whole arenas: typed instructions from a seed, several workers in one
// thread (which makes every run repeatable), and a shadow that knows each block's bytes. After each
// step of a short run the audit walks the arena: spans, lists, marks, counts, and the identity that
// every reserved byte is accounted for.
//
//   bun test/fuzz/memory-model.ts [steps] [seed]      the long form: 1,000,000 steps by default

import { MIB } from "../../src/core/limits.ts";
import { auditArena } from "../../src/memory/arena-audit.ts";
import { Arena, type ArenaOptions } from "../../src/memory/arena.ts";
import { BlockError } from "../../src/memory/block-error.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { Random } from "../support/random.ts";

export interface ModelOptions extends ArenaOptions {
  steps: number;
  seed: number;
  /** Walk the arena every so many steps. */
  auditEvery: number;
}

export interface ModelReport {
  acquired: number;
  refused: number;
  faults: number;
  deaths: number;
  liveMax: number;
}

interface LiveBlock {
  address: number;
  bytes: number;
  cookie: number;
  owner: number;
}

const WORKERS = 4;

export class MemoryModel {
  readonly report: ModelReport = { acquired: 0, refused: 0, faults: 0, deaths: 0, liveMax: 0 };
  private readonly options: ModelOptions;
  private readonly memory: SharedMemory;
  private readonly arenas: Arena[] = [];
  private readonly live: LiveBlock[] = [];
  private readonly released: number[] = [];
  private readonly dice: Random;

  constructor(options: ModelOptions) {
    this.options = options;
    this.dice = new Random(options.seed);
    const first = Arena.create({ ...options, workers: WORKERS });
    this.memory = new SharedMemory(first.handle);
    this.arenas.push(first);
    for (let id = 1; id < WORKERS; id++) this.arenas.push(this.attach(id));
  }

  run(): ModelReport {
    for (let step = 0; step < this.options.steps; step++) {
      try {
        this.step();
        if (step % this.options.auditEvery === 0) this.audit();
      } catch (cause) {
        throw new Error(`seed ${this.options.seed}, step ${step}: ${String(cause)}`, { cause });
      }
    }
    this.finish();
    return this.report;
  }

  private step(): void {
    const dice = this.random(1000);
    if (dice < 470) this.acquire();
    else if (dice < 920) this.release(this.pick());
    else if (dice < 950) this.releaseWrong();
    else if (dice < 960) this.arena().tick();
    else if (dice < 975) this.changeOwner();
    else if (dice < 980) this.releaseMany();
    else if (dice < 985) this.acquireMany();
    else if (dice < 990) this.arena().trim();
    else if (dice < 996) this.rejoin();
    else this.die();
  }

  private acquire(): void {
    const bytes = this.randomBytes();
    const arena = this.arena();
    const address = arena.acquire(bytes);
    if (address === 0) {
      this.report.refused++;
      this.shed();
      return;
    }
    const cookie = this.random(255) + 1;
    this.write(address, bytes, cookie);
    this.live.push({ address, bytes, cookie, owner: arena.worker });
    this.report.acquired++;
    this.report.liveMax = Math.max(this.report.liveMax, this.live.length);
  }

  /** At the limit half of all blocks go, or the run would only ever see refusals. */
  private shed(): void {
    for (let left = this.live.length >> 1; left > 0; left--) this.release(this.pick());
  }

  private acquireMany(): void {
    const count = this.random(200);
    for (let index = 0; index < count; index++) this.acquire();
  }

  private releaseMany(): void {
    const count = Math.min(this.random(200), this.live.length);
    for (let index = 0; index < count; index++) this.release(this.pick());
  }

  private release(index: number): void {
    const block = this.live[index];
    if (block === undefined) return;
    this.live[index] = this.live[this.live.length - 1]!;
    this.live.pop();
    this.verify(block);
    this.arena().release(block.address, this.random(2) === 0 ? block.bytes : undefined);
    this.released.push(block.address);
    if (this.released.length > 64) this.released.shift();
  }

  /** Double, interior, foreign and senseless frees: each must throw and change nothing. */
  private releaseWrong(): void {
    const block = this.live[this.pick()];
    const wrong = [
      this.released[this.random(Math.max(this.released.length, 1))] ?? 0,
      block === undefined ? 0 : block.address + 1 + this.random((block.bytes >> 3) + 1),
      this.random(this.memory.shape.pages << 10),
      -1,
      0,
      0.5,
      Number.NaN,
      2 ** 31 - 1,
    ][this.random(8)]!;
    if (this.live.some(({ address }) => address === wrong)) return;
    try {
      this.arena().release(wrong);
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      this.report.faults++;
      return;
    }
    throw new Error(`the release of ${wrong} was accepted`);
  }

  private changeOwner(): void {
    const block = this.live[this.pick()];
    if (block === undefined) return;
    const arena = this.arena();
    const give = this.random(2) === 0;
    if (give) arena.disown(block.address);
    else arena.adopt(block.address);
    block.owner = give ? -1 : arena.worker;
    if (arena.ownerOf(block.address) !== block.owner) throw new Error("the owner is wrong");
  }

  private rejoin(): void {
    const id = 1 + this.random(WORKERS - 1);
    this.arenas[id]!.detach();
    this.arenas[id] = this.attach(id);
  }

  /** A worker is forgotten where it stands; its blocks must come back, and nobody else's. */
  private die(): void {
    const id = 1 + this.random(WORKERS - 1);
    const owned = this.live.filter(({ owner }) => owner === id).length;
    const report = this.arenas[0]!.recover(id);
    if (report.ownedBlocks < owned) throw new Error("owned blocks were lost");
    for (let index = this.live.length - 1; index >= 0; index--) {
      if (this.live[index]!.owner === id) this.live.splice(index, 1);
    }
    this.arenas[id] = this.attach(id);
    this.report.deaths++;
  }

  private attach(worker: number): Arena {
    return Arena.attach(this.arenas[0]!.handle, { worker });
  }

  private audit(): void {
    auditArena(this.memory);
    if (this.options.checked === true) return;
    const stats = this.arenas[0]!.stats();
    const blocks = stats.classes.reduce((sum, { live }) => sum + live, 0);
    const large = this.live.filter(({ bytes }) => bytes > 65_536).length;
    if (blocks !== this.live.length - large) throw new Error("live blocks are miscounted");
  }

  private finish(): void {
    while (this.live.length > 0) this.release(0);
    for (const arena of this.arenas) arena.trim();
    auditArena(this.memory);
    const { liveBytes, committedBytes } = this.arenas[0]!.stats();
    if (liveBytes !== 0 || committedBytes !== 0) throw new Error("something was not given back");
  }

  private write(address: number, bytes: number, cookie: number): void {
    if (bytes === 0) return;
    const view = this.arenas[0]!.view(address, bytes);
    view[0] = cookie;
    view[bytes >> 1] = cookie;
    view[bytes - 1] = cookie;
  }

  private verify({ address, bytes, cookie }: LiveBlock): void {
    if (bytes === 0) return;
    const view = this.arenas[0]!.view(address, bytes);
    const intact = view[0] === cookie && view[bytes >> 1] === cookie && view[bytes - 1] === cookie;
    if (!intact) throw new Error(`block ${address} of ${bytes} bytes was overwritten`);
  }

  private arena(): Arena {
    return this.arenas[this.random(WORKERS)]!;
  }

  private pick(): number {
    return this.random(Math.max(this.live.length, 1));
  }

  /** Mostly small, some at the borders, a few above 64 KiB, rarely above 128 pages. */
  private randomBytes(): number {
    const dice = this.random(100);
    if (dice < 60) return this.random(1 << (3 + this.random(8)));
    if (dice < 80) return this.random(65_537);
    if (dice < 90) return [4096, 16_384, 65_536, 65_537, 56, 57, 64, 1024, 1025][this.random(9)]!;
    if (dice < 98) return 65_537 + this.random(262_144);
    return this.random(2 * MIB);
  }

  private random(below: number): number {
    return this.dice.below(below);
  }
}

if (import.meta.main) {
  const steps = Number(process.argv[2] ?? 1_000_000);
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
  const shapes: ArenaOptions[] = [
    { bytesMax: 24 * MIB },
    { bytesMax: 24 * MIB, segmentShift: 20 },
    { bytesMax: 24 * MIB, scheme: "geometric" },
    { bytesMax: 64 * MIB, checked: true },
  ];
  for (const [index, shape] of shapes.entries()) {
    const options = { ...shape, steps: Math.ceil(steps / shapes.length), seed: seed + index };
    const report = new MemoryModel({
      ...options,
      auditEvery: Number(process.argv[4] ?? 5000),
    }).run();
    console.log(JSON.stringify({ ...shape, seed: options.seed, steps: options.steps, ...report }));
  }
}
