// One allocator under one workload in a process of its own, for allocators.ts. Prints nanoseconds
// per operation as JSON, the median of several rounds, with a hash of the work.
//
//   bun bench/macro/allocators-js.ts PEER WORKLOAD [scale]

import { MIB } from "../../src/core/limits.ts";
import { Arena } from "../../src/memory/arena.ts";

/** Something that gives and takes blocks; `touch` writes the first and the last byte. */
interface Peer<Block> {
  acquire(bytes: number): Block;
  release(block: Block): void;
  touch(block: Block, bytes: number, value: number): void;
}

/** The part of @thi.ng/malloc that is used; it is measured when it can be resolved. */
interface MemPool {
  malloc(bytes: number): number;
  free(address: number): boolean;
  u8: Uint8Array;
}

const ROUNDS = 5;
const LARSON_SLOTS = 5_000;

const [peerName = "arena", workload = "pair-64", scaleText = "1"] = process.argv.slice(2);
const scale = Number(scaleText);

async function main(): Promise<void> {
  const peer = await createPeer(peerName);
  if (peer === undefined) {
    console.log(JSON.stringify({ skipped: `${peerName} is not installed` }));
    return;
  }
  const run = workload === "larson" ? larson : pair;
  const bytes = Number(workload.split("-")[1] ?? 0);
  const operations = Math.ceil(countOf(peerName, workload) * scale);
  run(peer, bytes, operations); // warm-up
  const samples: number[] = [];
  let hash = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const started = Bun.nanoseconds();
    hash = run(peer, bytes, operations);
    samples.push((Bun.nanoseconds() - started) / operations);
  }
  samples.sort((a, b) => a - b);
  console.log(JSON.stringify({ ns: samples[ROUNDS >> 1], least: samples[0], hash: hash >>> 0 }));
}

/** Slow peers get fewer operations, so that each run takes about a second. */
function countOf(name: string, work: string): number {
  if (name === "arena" || name === "void") return 4_000_000;
  if (name === "thi.ng" && work === "larson") return 20_000;
  const large = work === "pair-65536" || work === "pair-16384";
  return large && name !== "thi.ng" ? 50_000 : 500_000;
}

function pair<Block>(peer: Peer<Block>, bytes: number, operations: number): number {
  for (let index = 0; index < operations; index++) {
    const block = peer.acquire(bytes);
    peer.touch(block, bytes, index);
    peer.release(block);
  }
  return operations;
}

/** Each step replaces a random one of 5,000 blocks by one of 8..1000 bytes. */
function larson<Block>(peer: Peer<Block>, _bytes: number, operations: number): number {
  const slots: Block[] = [];
  let state = 4141;
  let hash = 0;
  for (let index = 0; index < LARSON_SLOTS; index++) slots.push(peer.acquire(8 + (index % 993)));
  for (let index = 0; index < operations; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const victim = (state >>> 1) % LARSON_SLOTS;
    const bytes = 8 + ((state >>> 3) % 993);
    peer.release(slots[victim]!);
    const block = peer.acquire(bytes);
    peer.touch(block, bytes, index);
    slots[victim] = block;
    hash = (hash + bytes) | 0;
  }
  for (const block of slots) peer.release(block);
  return hash;
}

async function createPeer(name: string): Promise<Peer<never> | undefined> {
  const make = PEERS[name];
  if (make === undefined) throw new RangeError(`Cannot measure ${name}: no such allocator`);
  return (await make()) as Peer<never> | undefined;
}

const PEERS: Record<string, () => unknown> = {
  arena: () => {
    const arena = Arena.create({ bytesMax: 512 * MIB });
    const memory = new Uint8Array(arena.handle.segments[0]!);
    return {
      acquire: (bytes: number) => arena.acquire(bytes),
      release: (block: number) => arena.release(block),
      touch: (block: number, bytes: number, value: number) => {
        memory[block * 8] = value;
        memory[block * 8 + bytes - 1] = value;
      },
    };
  },
  void: () => {
    const memory = new Uint8Array(new SharedArrayBuffer(MIB));
    return {
      acquire: (bytes: number) => bytes & 0xfff8,
      release: () => {},
      touch: (block: number, bytes: number, value: number) => {
        memory[block] = value;
        memory[block + bytes - 1] = value;
      },
    };
  },
  allocUnsafe: () => heapPeer((bytes) => Buffer.allocUnsafe(bytes)),
  allocUnsafeSlow: () => heapPeer((bytes) => Buffer.allocUnsafeSlow(bytes)),
  Uint8Array: () => heapPeer((bytes) => new Uint8Array(bytes)),
  "thi.ng": async () => {
    const folder = process.env["MILLRACE_PEER_MODULES"];
    const name = folder === undefined ? "@thi.ng/malloc" : `${folder}/@thi.ng/malloc`;
    try {
      const { MemPool } = (await import(name)) as { MemPool: new (options: object) => MemPool };
      const pool = new MemPool({ size: 64 * MIB });
      return {
        acquire: (bytes: number) => pool.malloc(bytes),
        release: (block: number) => void pool.free(block),
        touch: (block: number, bytes: number, value: number) => {
          pool.u8[block] = value;
          pool.u8[block + bytes - 1] = value;
        },
      };
    } catch {
      return undefined;
    }
  },
};

function heapPeer(acquire: (bytes: number) => Uint8Array): Peer<Uint8Array> {
  return {
    acquire,
    release: () => {},
    touch: (block, bytes, value) => {
      block[0] = value;
      block[bytes - 1] = value;
    },
  };
}

await main();
