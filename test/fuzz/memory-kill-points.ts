// Death at every store: one worker runs a script through all tiers and is stopped before its n-th
// store to shared memory, for every n. Then another worker recovers it, and the arena must be
// whole: no lock held, no block lost, the blocks of others untouched, every byte accounted for.
//
//   bun test/fuzz/memory-kill-points.ts [stride] [scheme]      1 = every store

import { KIB, MIB } from "../../src/core/limits.ts";
import type { Arena } from "../../src/memory/arena.ts";
import type { SizeScheme } from "../../src/memory/size-classes.ts";
import { Random } from "../support/random.ts";
import { loadStepped, type SteppedAllocator } from "./memory-stepped.ts";

export interface KillReport {
  places: number;
  kills: number;
  locksBroken: number;
  cachedBlocks: number;
  ownedBlocks: number;
  detachedSpans: number;
}

const VICTIM = 1;
const FILL = 0x5a;

class Killed extends Error {}

interface World {
  survivor: Arena;
  victim: Arena;
  /** Blocks of the survivor that the victim never touches. */
  kept: number[];
  /** Blocks of the survivor that the victim releases. */
  handed: number[];
  /** Blocks that the victim gave away. */
  disowned: number[];
}

export async function killEverywhere(
  stride: number,
  seed: number,
  scheme: SizeScheme = "aligned",
): Promise<KillReport> {
  const stepped = await loadStepped();
  const report: KillReport = {
    places: stepped.places,
    kills: 0,
    locksBroken: 0,
    cachedBlocks: 0,
    ownedBlocks: 0,
    detachedSpans: 0,
  };
  for (let at = 1 + (seed % stride); ; at += stride) {
    try {
      if (!killAt(stepped, at, seed, scheme, report)) return report;
    } catch (cause) {
      const text = String((cause as Error).stack ?? cause);
      throw new Error(`seed ${seed}, killed at store ${at}: ${text}`, { cause });
    }
  }
}

/** False when the script ended before the n-th store. */
function killAt(
  stepped: SteppedAllocator,
  at: number,
  seed: number,
  scheme: SizeScheme,
  report: KillReport,
): boolean {
  const world = build(stepped, scheme);
  let left = at;
  stepped.onStep(() => {
    if (--left === 0) throw new Killed();
  });
  const died = diesIn(() => script(world, new Random(seed)));
  stepped.onStep(() => {});
  if (!died) return false;
  const { locks, cachedBlocks, ownedBlocks, detachedSpans } = world.survivor.recover(VICTIM);
  report.kills++;
  report.locksBroken += locks;
  report.cachedBlocks += cachedBlocks;
  report.ownedBlocks += ownedBlocks;
  report.detachedSpans += detachedSpans;
  verify(stepped, world);
  return true;
}

function build(stepped: SteppedAllocator, scheme: SizeScheme): World {
  const survivor = stepped.Arena.create({ bytesMax: 6 * MIB, workers: 2, scheme });
  const sizes = [24, 64, 500, 4 * KIB, 20 * KIB, 100 * KIB];
  const blocks = (count: number): number[] =>
    Array.from({ length: count }, (_, index) => fill(survivor, sizes[index % sizes.length]!));
  const kept = blocks(18);
  const handed = blocks(18);
  const victim = stepped.Arena.attach(survivor.handle, { worker: VICTIM });
  return { survivor, victim, kept, handed, disowned: [] };
}

/** Every way through the tiers: refill, spill, split, merge, large, huge, limit, tick, trim. */
function script(world: World, random: Random): void {
  const { victim } = world;
  const own: number[] = [];
  const acquire = (bytes: number): void => {
    const address = victim.acquire(bytes);
    if (address !== 0) own.push(address);
  };
  for (let index = 0; index < 40; index++) acquire(64);
  for (let index = 0; index < 12; index++) acquire(4 * KIB);
  for (let index = 0; index < 30; index++) acquire(1 + random.below(40 * KIB));
  for (const address of world.handed.slice(0, 9)) victim.release(address);
  const given = own.pop()!;
  world.disowned.push(given);
  victim.disown(given);
  while (own.length > 20) victim.release(own.splice(random.below(own.length), 1)[0]!);
  victim.tick();
  acquire(70 * KIB);
  acquire(MIB + 1);
  victim.release(own.pop()!);
  acquire(2 * MIB);
  acquire(5 * MIB); // refused: all measures at the limit
  while (own.length > 0) victim.release(own.pop()!);
  victim.tick();
  for (const address of world.handed.slice(9)) victim.release(address);
  victim.trim();
  for (let index = 0; index < 20; index++) acquire(64);
  victim.detach();
}

function verify(stepped: SteppedAllocator, world: World): void {
  const { survivor, kept, handed, disowned } = world;
  stepped.auditArena(new stepped.SharedMemory(survivor.handle));
  for (const address of kept) {
    if (!survivor.isLive(address)) throw new Error("a block of the survivor is gone");
    if (survivor.view(address, 8)[0] !== FILL) throw new Error("a block was overwritten");
  }
  // What the victim was handed or gave away may be released or not, but is not lost.
  const candidates = new Set([...kept, ...handed, ...disowned]);
  for (const address of candidates) if (survivor.isLive(address)) survivor.release(address);
  survivor.trim();
  const { liveBytes, committedBytes } = survivor.stats();
  if (liveBytes !== 0 || committedBytes !== 0) throw new Error("blocks were lost");
  const again = stepped.Arena.attach(survivor.handle, { worker: VICTIM });
  if (again.acquire(4 * MIB) === 0) throw new Error("the memory is not whole again");
  again.detach();
}

function fill(arena: Arena, bytes: number): number {
  const address = arena.acquire(bytes);
  arena.view(address, bytes).fill(FILL);
  return address;
}

function diesIn(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  }
}

if (import.meta.main) {
  const stride = Number(process.argv[2] ?? 1);
  const scheme = (process.argv[3] ?? "aligned") as SizeScheme;
  const seed = Number(process.argv[4] ?? 1);
  console.log(JSON.stringify(await killEverywhere(stride, seed, scheme)));
}
