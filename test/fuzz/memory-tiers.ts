// A machine per tier, each against a shadow of its own: the page cache against a map of pages, the
// central cache against a set of blocks, the thread cache against both sides of its lists. The
// typed instructions come from a seed; what is checked after each step needs nothing of the tier's
// code.
//
//   bun test/fuzz/memory-tiers.ts [steps] [seed]

import { MIB } from "../../src/core/limits.ts";
import { PAGE_SHIFT, addressOf } from "../../src/memory/address.ts";
import { LIST_SLOTS, SLOT_ADDRESS_MASK, arenaShape } from "../../src/memory/arena-layout.ts";
import { CentralCache } from "../../src/memory/central-cache.ts";
import { PageCache } from "../../src/memory/page-cache.ts";
import { SharedMemory } from "../../src/memory/shared-memory.ts";
import { ThreadCache } from "../../src/memory/thread-cache.ts";
import { Random } from "../support/random.ts";

export type Tier = "pages" | "central" | "thread";

export interface TierReport {
  tier: Tier;
  steps: number;
  served: number;
  refused: number;
}

interface Machine {
  step(): void;
  finish(): void;
  readonly served: number;
  readonly refused: number;
}

function reserve(bytesMax: number): SharedMemory {
  const memory = SharedMemory.reserve(arenaShape({ bytesMax, workers: 2, spread: 2 }));
  new PageCache(memory, 0).format();
  return memory;
}

/** { allocate n, put, scavenge, release all } from two workers; no page may have two users. */
class PageMachine implements Machine {
  served = 0;
  refused = 0;
  private readonly random: Random;
  private readonly memory = reserve(16 * MIB);
  private readonly doors = [new PageCache(this.memory, 0), new PageCache(this.memory, 1)];
  private readonly users = new Int32Array(this.memory.shape.pages + 1);
  private readonly spans: { page: number; pages: number }[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  step(): void {
    const dice = this.random.below(100);
    if (dice < 52) this.allocate();
    else if (dice < 96) this.put(this.random.below(this.spans.length));
    else if (dice < 99) this.door().scavenge();
    else this.door().release(1, 0);
    this.check();
  }

  finish(): void {
    while (this.spans.length > 0) this.put(0);
    this.doors[0]!.release(1, 0);
    if (this.doors[0]!.committedPages !== 0) throw new Error("pages were lost");
    if (this.doors[0]!.allocate(this.memory.shape.pagesMax) === 0) throw new Error("not merged");
  }

  private allocate(): void {
    const pages = 1 + this.random.below(this.random.oneIn(10) ? 600 : 2 << this.random.below(7));
    const page = this.door().allocate(pages);
    if (page === 0) {
      this.refused++;
      if (pages <= this.memory.shape.pagesMax / 4) this.put(0);
      return;
    }
    for (let at = page; at < page + pages; at++) {
      if (this.users[at] !== 0) throw new Error(`page ${at} has two users`);
      this.users[at] = 1;
    }
    this.spans.push({ page, pages });
    this.served++;
  }

  private put(index: number): void {
    const span = this.spans[index];
    if (span === undefined) return;
    this.spans[index] = this.spans[this.spans.length - 1]!;
    this.spans.pop();
    this.users.fill(0, span.page, span.page + span.pages);
    this.door().put(span.page);
  }

  private check(): void {
    const used = this.spans.reduce((total, { pages }) => total + pages, 0);
    const [door] = this.doors;
    if (door!.committedPages - door!.freePages !== used) throw new Error("pages are miscounted");
    if (door!.committedPages > this.memory.shape.pagesMax) throw new Error("above the limit");
  }

  private door(): PageCache {
    return this.random.pick(this.doors);
  }
}

/** { fetch n, release n, shuffle, drain, scavenge } of a few classes; no block may be out twice. */
class CentralMachine implements Machine {
  served = 0;
  refused = 0;
  private readonly random: Random;
  private readonly memory = reserve(8 * MIB);
  private readonly doors = [0, 1].map((id) => {
    return new CentralCache(this.memory, new PageCache(this.memory, id), id);
  });
  private readonly out = new Map<number, number[]>();
  private readonly isOut = new Uint8Array(addressOf(this.memory.shape.pages));
  private readonly list: number = this.memory.layout.workerBase[0]!;

  constructor(random: Random) {
    this.random = random;
  }

  step(): void {
    const sizeClass = this.random.pick([1, 8, 40, 90, 128, 200, 240]);
    const dice = this.random.below(100);
    if (dice < 60) this.fetch(sizeClass);
    else if (dice < 96) this.release(sizeClass);
    else if (dice < 98) this.door().scavenge();
    else this.door().drain();
  }

  finish(): void {
    for (const sizeClass of this.out.keys()) {
      while (this.blocks(sizeClass).length > 0) this.release(sizeClass);
    }
    this.doors[0]!.drain();
    const pages = new PageCache(this.memory, 0);
    pages.release(1, 0);
    if (pages.committedPages !== 0) throw new Error("an empty span stayed in the centre");
  }

  private fetch(sizeClass: number): void {
    const { words, layout } = this.memory;
    const list = this.list + layout.listOffset[sizeClass]!;
    const want = 1 + this.random.below(layout.classes.batch[sizeClass]!);
    const got = this.door().fetch(sizeClass, list, want);
    if (got > want || words[list] !== got) throw new Error("more came than was asked for");
    if (got === 0) this.refused++;
    const blocks = this.blocks(sizeClass);
    for (let index = 0; index < got; index++) {
      const address = words[list + LIST_SLOTS + index]! & SLOT_ADDRESS_MASK;
      if (this.memory.pageClass[address >> PAGE_SHIFT] !== sizeClass)
        throw new Error("wrong class");
      if (this.isOut[address] !== 0) throw new Error(`block ${address} is out twice`);
      this.isOut[address] = 1;
      blocks.push(address);
    }
    words[list] = 0;
    this.served += got;
  }

  private release(sizeClass: number): void {
    const { words, layout } = this.memory;
    const list = this.list + layout.listOffset[sizeClass]!;
    const blocks = this.blocks(sizeClass);
    const count = Math.min(1 + this.random.below(layout.classes.batch[sizeClass]!), blocks.length);
    if (count === 0) return;
    for (let index = 0; index < count; index++) {
      const at = this.random.below(blocks.length);
      const address = blocks[at]!;
      blocks[at] = blocks[blocks.length - 1]!;
      blocks.pop();
      this.isOut[address] = 0;
      words[list + LIST_SLOTS + index] = address;
    }
    words[list] = count;
    if (!this.door().release(sizeClass, list, count)) throw new Error("the lock was not to be had");
    if (words[list] !== 0) throw new Error("not all blocks were taken");
  }

  private blocks(sizeClass: number): number[] {
    const known = this.out.get(sizeClass) ?? [];
    this.out.set(sizeClass, known);
    return known;
  }

  private door(): CentralCache {
    return this.random.pick(this.doors);
  }
}

/** { allocate, free here or there, scavenge, flush } of two caches; blocks must not overlap. */
class ThreadMachine implements Machine {
  served = 0;
  refused = 0;
  private readonly random: Random;
  private readonly memory = reserve(8 * MIB);
  private readonly doors = [0, 1].map((id) => {
    const pages = new PageCache(this.memory, id);
    return new ThreadCache(this.memory, new CentralCache(this.memory, pages, id), id);
  });
  private readonly granules = new Uint8Array(addressOf(this.memory.shape.pages));
  private readonly live: { address: number; granules: number }[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  step(): void {
    const dice = this.random.below(1000);
    if (dice < 500) this.allocate();
    else if (dice < 980) this.free(this.random.below(this.live.length));
    else if (dice < 995) this.door().scavenge();
    else this.door().flush();
  }

  finish(): void {
    while (this.live.length > 0) this.free(0);
    for (const door of this.doors) door.flush();
    if (this.doors.some((door) => door.cachedBytes !== 0)) throw new Error("a flush left blocks");
  }

  private allocate(): void {
    const bytes = this.random.below(2 << this.random.below(16));
    const door = this.door();
    const address = bytes <= 56 ? door.allocateTiny(bytes) : door.allocate(bytes);
    if (address === 0) {
      this.refused++;
      for (let left = this.live.length >> 1; left > 0; left--) this.free(0);
      for (const cache of this.doors) cache.flush();
      return;
    }
    const granules = Math.max((bytes + 7) >> 3, 1);
    if (this.granules.subarray(address, address + granules).includes(1)) throw new Error("overlap");
    this.granules.fill(1, address, address + granules);
    this.live.push({ address, granules });
    this.served++;
  }

  private free(index: number): void {
    const block = this.live[index];
    if (block === undefined) return;
    this.live[index] = this.live[this.live.length - 1]!;
    this.live.pop();
    this.granules.fill(0, block.address, block.address + block.granules);
    if (!this.door().free(block.address)) throw new Error("a block in use was not recognised");
    if (this.door().free(block.address)) throw new Error("a double free was accepted");
  }

  private door(): ThreadCache {
    return this.random.pick(this.doors);
  }
}

export function runTier(tier: Tier, steps: number, seed: number): TierReport {
  const random = new Random(seed);
  const machines = { pages: PageMachine, central: CentralMachine, thread: ThreadMachine };
  const machine: Machine = new machines[tier](random);
  let step = 0;
  try {
    for (; step < steps; step++) machine.step();
    machine.finish();
  } catch (cause) {
    throw new Error(`${tier}, seed ${seed}, step ${step}: ${String(cause)}`, { cause });
  }
  return { tier, steps, served: machine.served, refused: machine.refused };
}

if (import.meta.main) {
  const steps = Number(process.argv[2] ?? 1_000_000);
  const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}`);
  for (const tier of ["pages", "central", "thread"] as const) {
    console.log(JSON.stringify(runTier(tier, steps, seed)));
  }
}
