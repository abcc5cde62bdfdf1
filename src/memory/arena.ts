// Memory that all workers of a process share: blocks outside the garbage collector's heap, named by
// an int32 address that is valid in every worker, under one hard limit. This is one thread's door
// to it; each thread makes its own, from the handle, under a worker number of its own.
//
//   Arena --> ThreadCache (no lock) --> CentralCache (a lock a class) --> PageCache (one lock)
//         \-> LargeBlocks, above 64 KiB ---------------------------------^

import { KIB, MIB } from "../core/limits.ts";
import { PAGE_BYTES, SMALL_BYTES_MAX, TINY_BYTES_MAX, pageOf, pagesFor } from "./address.ts";
import {
  ARENA_BYTES_MAX,
  ARENA_MAGIC,
  HEADER_MAGIC,
  HEADER_PRESSURE,
  HEADER_REFUSED,
  HEADER_SCAVENGES,
  WORKER_CLAIMED,
  WORKER_REFUSED,
  arenaShape,
} from "./arena-layout.ts";
import { arenaStats, liveBytes, type ArenaStats } from "./arena-stats.ts";
import { BlockError, faultOf } from "./block-error.ts";
import { ARENA_WORKERS_MAX, BlockMarks, OWNER_NONE } from "./block-marks.ts";
import type { BlockStore } from "./block-store.ts";
import { CentralCache } from "./central-cache.ts";
import { CheckedBlocks, checkedBytes } from "./checked-blocks.ts";
import { LargeBlocks } from "./large-blocks.ts";
import { LeakTracker, type LeakReport, type LeakTracking } from "./leak-tracker.ts";
import { PageCache } from "./page-cache.ts";
import { Recovery, type RecoveryReport } from "./recovery.ts";
import { SharedMemory, type ArenaHandle } from "./shared-memory.ts";
import { lookupIndex, type SizeScheme } from "./size-classes.ts";
import { canReleasePages } from "./system-memory.ts";
import { ThreadCache } from "./thread-cache.ts";
import { ViewCache } from "./view-cache.ts";
import { claimWorker, liveWorkers, releaseWorker } from "./worker-registry.ts";

const BYTES_MAX_DEFAULT: number = 512 * MIB;
const BYTES_MIN: number = 64 * KIB;
const WORKERS_DEFAULT = 16;
// Address space over limit, where pages can be given back. Not more: the engine counts what is
// reserved as heap when it decides how much garbage may pile up before it collects.
const ADDRESS_SPREAD = 1.25;

export interface ArenaOptions {
  /** The hard limit in bytes, 64 KiB to 16 GiB. Default 512 MiB. Reserved now, committed by use. */
  bytesMax?: number;
  /** How many threads may be attached at a time, the creator included: 1 to 250. Default 16. */
  workers?: number;
  /** Finds overflow, use after release, size mismatch; 10 to 100 times slower. Default false. */
  checked?: boolean;
  /** The table of block sizes. Default "aligned": 240 classes, at most 12.5 % waste above 128 B. */
  scheme?: SizeScheme;
  /**
   * Keeps the pages outside of what the collector counts as heap, on Linux: beside a large
   * reservation it lets that much more garbage pile up. No block is then smaller than 72 bytes, the
   * arena cannot be checked, and it lives until unmap(). Default false.
   */
  mapped?: boolean;
  /** Bits of an address inside a segment. For tests: 29 is 4 GiB. */
  segmentShift?: number;
}

export interface AttachOptions {
  /** The number of this thread. Default: the first free one. */
  worker?: number;
  /** Whether acquires are tracked by call site. Default "off". */
  leaks?: LeakTracking;
  /** Called at the limit, to let go of idle blocks before a request is refused. */
  onPressure?: () => void;
}

export class Arena implements BlockStore {
  /** Post it to a Worker; `Arena.attach(handle)` there. */
  readonly handle: ArenaHandle;
  /** The number of this thread in this arena. */
  readonly worker: number;
  /** The hard limit: bytes of pages in use or kept for reuse. */
  readonly bytesMax: number;

  private readonly memory: SharedMemory;
  private readonly cache: ThreadCache;
  private readonly central: CentralCache;
  private readonly pages: PageCache;
  private readonly large: LargeBlocks;
  private readonly marks: BlockMarks;
  private readonly views: ViewCache;
  private readonly checked: CheckedBlocks | null;
  private readonly leakTracker: LeakTracker | null;
  /** The largest request of the fast path: none when blocks are checked or tracked. */
  private readonly fastBytesMax: number;
  private readonly plain: boolean;
  private readonly onPressure: (() => void) | undefined;

  /** Reserves an arena and attaches the calling thread to it. */
  static create(options: ArenaOptions & AttachOptions = {}): Arena {
    const bytesMax = options.bytesMax ?? BYTES_MAX_DEFAULT;
    const workers = options.workers ?? WORKERS_DEFAULT;
    requireRange("bytesMax", bytesMax, BYTES_MIN, ARENA_BYTES_MAX);
    requireRange("workers", workers, 1, ARENA_WORKERS_MAX);
    if (options.mapped === true && options.checked === true) {
      throw new TypeError("Cannot create an arena that is both mapped and checked");
    }
    const spread = canReleasePages() ? ADDRESS_SPREAD : 1;
    const shape = arenaShape({ ...options, bytesMax, workers, spread });
    const memory = SharedMemory.reserve(shape);
    return new Arena(memory, options, true);
  }

  /** Joins an arena that another thread created. Throws when the worker number is taken. */
  static attach(handle: ArenaHandle, options: AttachOptions = {}): Arena {
    const memory = new SharedMemory(handle);
    if (memory.words[HEADER_MAGIC] !== ARENA_MAGIC) {
      throw new TypeError("Cannot attach: this is not the handle of an arena");
    }
    return new Arena(memory, options, false);
  }

  private constructor(memory: SharedMemory, options: AttachOptions, isNew: boolean) {
    const worker = claimWorker(memory, options.worker);
    this.handle = memory.handle;
    this.worker = worker;
    this.bytesMax = memory.shape.pagesMax * PAGE_BYTES;
    this.memory = memory;
    this.pages = new PageCache(memory, worker);
    if (isNew) this.pages.format();
    this.central = new CentralCache(memory, this.pages, worker);
    this.cache = new ThreadCache(memory, this.central, worker);
    this.large = new LargeBlocks(memory, this.pages, worker);
    this.marks = new BlockMarks(memory);
    this.views = new ViewCache(memory);
    this.checked = memory.shape.checked ? this.createChecked() : null;
    const leaks = options.leaks ?? "off";
    this.leakTracker = leaks === "off" ? null : new LeakTracker(leaks);
    this.plain = this.checked === null && this.leakTracker === null;
    this.fastBytesMax = this.plain ? SMALL_BYTES_MAX : 0;
    this.onPressure = options.onPressure;
  }

  /** A block of at least `bytes` bytes (an integer), aligned to 8; 0 when the limit refuses it. */
  acquire(bytes: number): number {
    if (bytes > TINY_BYTES_MAX && bytes <= this.fastBytesMax) {
      const address = this.cache.allocate(bytes);
      if (address !== 0) return address;
    }
    return this.acquireSlow(bytes);
  }

  /**
   * Takes a block back, in whichever thread. Throws BlockError for what is no block in use. With
   * `bytes`, also for a block that was acquired with another size.
   */
  release(address: number, bytes?: number): void {
    if (this.plain && bytes === undefined && this.cache.free(address)) return;
    this.releaseSlow(address, bytes);
  }

  /**
   * The first `bytes` bytes of a block as a Buffer. Views are cached, so the same one may come
   * again for the same block; do not use it after the release. Only a checked arena throws when the
   * block is not in use or shorter than that.
   */
  view(address: number, bytes: number): Buffer {
    this.checked?.requireRoom(address, bytes);
    return this.views.get(address, bytes);
  }

  /** The real size of a block in use. Throws BlockError for any other address. */
  sizeOf(address: number): number {
    if (!this.isLive(address)) this.fail("measure", address);
    return this.realSize(address);
  }

  /** Whether a block that is in use starts at this address. */
  isLive(address: number): boolean {
    if (!Number.isInteger(address) || address <= 0) return false;
    const sizeClass = this.memory.pageClass[pageOf(address)] ?? 0;
    if (sizeClass === 0) return this.large.isBlock(address);
    return this.marks.isInUse(address, this.central.isTiny(sizeClass));
  }

  /** Leaves a block to whoever releases it: the death of this thread will not free it. */
  disown(address: number): void {
    this.setOwner("disown", address, OWNER_NONE);
  }

  /** Takes a block over: the death of this thread, and of no other, will free it. */
  adopt(address: number): void {
    this.setOwner("adopt", address, this.worker);
  }

  /** The worker whose death frees the block, -1 for none. */
  ownerOf(address: number): number {
    if (!this.isLive(address)) this.fail("look up", address);
    const owner = this.marks.owner(address, this.isTiny(address));
    return owner === OWNER_NONE ? -1 : owner;
  }

  /** In a checked arena: the address with its generation, a safe integer. */
  handleOf(address: number): number {
    return this.requireChecked().handle(address);
  }

  /** The address of such a handle. Throws BlockError when the block was released since. */
  resolve(handle: number): number {
    return this.requireChecked().resolve(handle);
  }

  /**
   * Once a second from every thread's event loop: what the cache did not use goes to the others,
   * and free spans go to the operating system. Returns the bytes that went there.
   */
  tick(): number {
    this.cache.settle();
    this.cache.scavenge();
    if (this.isTurnToScavenge()) {
      this.central.scavenge();
      return this.pages.scavenge() * PAGE_BYTES;
    }
    return 0;
  }

  /** Gives back all that is not in use: caches to the pages, pages to the system. Returns bytes. */
  trim(): number {
    this.checked?.drain();
    this.cache.flush();
    this.central.drain();
    this.raisePressure();
    return this.pages.release(1, 0) * PAGE_BYTES;
  }

  /** After a thread died, never before: its locks, cached blocks and owned blocks come back. */
  recover(worker: number): RecoveryReport {
    const { workers } = this.memory.shape;
    if (!Number.isInteger(worker) || worker < 0 || worker >= workers || worker === this.worker) {
      throw new RangeError(`Cannot recover worker ${worker}: not another worker of this arena`);
    }
    return new Recovery(this.memory, this.pages, this.central, this.worker).recover(worker);
  }

  /** Hands the cache back and gives up the worker number, at the end. Blocks in use stay. */
  detach(): void {
    this.checked?.drain();
    this.cache.leave();
    releaseWorker(this.memory, this.worker);
  }

  /** Ends a mapped arena, when every other thread has ended or detached. Nothing works after it. */
  unmap(): void {
    this.memory.unmap();
  }

  stats(): ArenaStats {
    return arenaStats(this.memory);
  }

  /** Tracked blocks that this thread acquired and that are still out, by call site. */
  leaks(): LeakReport[] {
    return this.leakTracker?.report((address) => this.isLive(address)) ?? [];
  }

  /** Bytes of all blocks that are out, by real size. A pass over all classes: not per packet. */
  get bytesInUse(): number {
    return liveBytes(this.memory);
  }

  private acquireSlow(bytes: number): number {
    requireRange("bytes", bytes, 0, ARENA_BYTES_MAX);
    const real = this.checked === null ? bytes : checkedBytes(bytes);
    const address = this.attempt(real) || this.acquireUnderPressure(real);
    if (address === 0) return this.refuse();
    this.checked?.prepare(address, bytes);
    this.leakTracker?.acquired(address, bytes);
    return address;
  }

  private attempt(bytes: number): number {
    if (bytes > this.bytesMax) return 0;
    if (bytes <= TINY_BYTES_MAX) {
      if (this.memory.shape.mapped) return this.cache.allocate(TINY_BYTES_MAX + 1);
      return this.cache.allocateTiny(bytes);
    }
    return bytes <= SMALL_BYTES_MAX ? this.cache.allocate(bytes) : this.large.allocate(bytes);
  }

  /** The measures at the limit, cheapest and most private first. */
  private acquireUnderPressure(bytes: number): number {
    if (bytes > this.bytesMax) return 0;
    this.checked?.drain();
    this.cache.flush();
    this.central.drain();
    const address = this.attempt(bytes);
    if (address !== 0) return address;
    this.raisePressure();
    if (this.onPressure === undefined) return 0;
    this.onPressure();
    this.cache.flush();
    this.central.drain();
    return this.attempt(bytes);
  }

  /** The others flush their caches at their next slow path or tick, if they hold anything. */
  private raisePressure(): void {
    if (!this.othersHoldBlocks()) return;
    Atomics.add(this.memory.words, HEADER_PRESSURE, 1);
  }

  private othersHoldBlocks(): boolean {
    const { words, layout, shape } = this.memory;
    for (let worker = 0; worker < shape.workers; worker++) {
      const claimed = words[layout.workerBase[worker]! + WORKER_CLAIMED]!;
      if (worker !== this.worker && claimed !== 0) return true;
    }
    return false;
  }

  private refuse(): number {
    const base = this.memory.layout.workerBase[this.worker]!;
    this.memory.words[base + WORKER_REFUSED]!++;
    Atomics.add(this.memory.words, HEADER_REFUSED, 1);
    return 0;
  }

  private releaseSlow(address: number, bytes: number | undefined): void {
    if (this.checked !== null) this.checked.release(address, bytes);
    else this.releaseUnchecked(address, bytes);
    this.leakTracker?.released(address);
  }

  private releaseUnchecked(address: number, bytes: number | undefined): void {
    if (bytes !== undefined) this.requireSize(address, bytes);
    if (!this.discardBlock(address)) this.fail("release", address);
  }

  private discardBlock(address: number): boolean {
    if (!Number.isInteger(address)) return false;
    return this.cache.free(address) || this.large.free(address);
  }

  /** Without a record of the requested size, the class is what can be compared. */
  private requireSize(address: number, bytes: number): void {
    const real = this.sizeOf(address);
    const { classes } = this.memory.layout;
    const expected =
      bytes <= SMALL_BYTES_MAX
        ? classes.bytes[classes.lookup[lookupIndex(bytes)]!]!
        : pagesFor(bytes) * PAGE_BYTES;
    if (real !== expected) throw new BlockError("size-mismatch", "release", address);
  }

  private realSize(address: number): number {
    const sizeClass = this.memory.pageClass[pageOf(address)]!;
    return sizeClass === 0
      ? this.large.bytes(address)
      : this.memory.layout.classes.bytes[sizeClass]!;
  }

  private isTiny(address: number): boolean {
    const sizeClass = this.memory.pageClass[pageOf(address)]!;
    return sizeClass !== 0 && this.central.isTiny(sizeClass);
  }

  private setOwner(verb: string, address: number, owner: number): void {
    if (!this.isLive(address)) this.fail(verb, address);
    this.marks.writeInUse(address, this.isTiny(address), owner);
  }

  /** The shared tiers are scavenged once a tick, not once a tick of every worker. */
  private isTurnToScavenge(): boolean {
    const ticks = Atomics.add(this.memory.words, HEADER_SCAVENGES, 1);
    return ticks % Math.max(liveWorkers(this.memory), 1) === 0;
  }

  private requireChecked(): CheckedBlocks {
    if (this.checked !== null) return this.checked;
    throw new TypeError("Cannot use handles: the arena was not created with checked: true");
  }

  private createChecked(): CheckedBlocks {
    const source = {
      sizeOf: (address: number) => this.realSize(address),
      discard: (address: number) => void this.discardBlock(address),
    };
    return new CheckedBlocks(this.memory, this.pages.spans, source, this.worker);
  }

  private fail(verb: string, address: number): never {
    throw new BlockError(faultOf(this.memory, this.pages.spans, address), verb, address);
  }
}

function requireRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`Cannot use ${name} ${value}: it must be an integer in ${least}..${most}`);
}
