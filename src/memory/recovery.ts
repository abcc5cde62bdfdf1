// After the death of a worker, at whatever instruction: its locks, its cached blocks, the spans in
// its hands and the blocks it owned come back. Called by one other thread, once the dead one is
// certain not to run any more.
//
// It rests on one word of truth per thing (a span's state, a block's mark) and on the order of the
// stores around it, so that a half-done step leaves a block listed twice or listed with an odd
// mark, and never nowhere:
//   allocate   mark in use, shorten list     |  free   lengthen list, mark cached
//   fetch      list, then mark cached        |  spill  mark free, then shorten list
//   transfer   copy, receiver, giver         |  spans  bounds, then state
// A list entry with an in-use mark is therefore the dead worker's own; one that is marked free, or
// that stands in the transfer cache too, is not.

import { MillraceError } from "../core/errors.ts";
import { PAGE_BYTES, PAGE_GRANULES, addressOf } from "./address.ts";
import {
  CLASS_TRANSFER_USED,
  LIST_SLOTS,
  RECORD_CLASS,
  SLOT_ADDRESS_MASK,
  WORKER_HEADER_WORDS,
  WORKER_STATE,
} from "./arena-layout.ts";
import {
  BlockMarks,
  MARK_CACHED,
  MARK_FREE,
  MARK_IN_USE,
  MARK_LEAVING,
  MARK_MATCH_MASK,
  MARK_NONE,
  MARK_QUARANTINED,
  OWNER_SHIFT,
  TINY_IN_USE,
} from "./block-marks.ts";
import { CacheBudget } from "./cache-budget.ts";
import type { CentralCache } from "./central-cache.ts";
import { inheritLock } from "./lock.ts";
import type { PageCache } from "./page-cache.ts";
import type { SharedMemory } from "./shared-memory.ts";
import { SPAN_DETACHED, SPAN_LARGE, SPAN_SMALL, type SpanTable } from "./span-table.ts";
import { markDead, releaseWorker } from "./worker-registry.ts";

const ACQUIRE_ATTEMPTS_MAX = 3; // of about 100 ms each

/** What a death had left behind. */
export interface RecoveryReport {
  /** Locks that the dead worker held. */
  locks: number;
  /** Blocks in its cache. */
  cachedBlocks: number;
  /** Blocks it had acquired, or was about to release, and their bytes. */
  ownedBlocks: number;
  ownedBytes: number;
  /** Spans on their way between the tiers. */
  detachedSpans: number;
}

export class Recovery {
  private readonly memory: SharedMemory;
  private readonly pages: PageCache;
  private readonly spans: SpanTable;
  private readonly central: CentralCache;
  private readonly marks: BlockMarks;
  private readonly worker: number;

  constructor(memory: SharedMemory, pages: PageCache, central: CentralCache, worker: number) {
    this.memory = memory;
    this.pages = pages;
    this.spans = pages.spans;
    this.central = central;
    this.marks = new BlockMarks(memory);
    this.worker = worker;
  }

  recover(dead: number): RecoveryReport {
    const report = { locks: 0, cachedBlocks: 0, ownedBlocks: 0, ownedBytes: 0, detachedSpans: 0 };
    if (!markDead(this.memory, dead)) {
      releaseWorker(this.memory, dead);
      return report;
    }
    this.recoverPages(dead, report);
    this.requirePages();
    const { count } = this.memory.layout.classes;
    for (let index = 1; index <= count; index++) this.recoverClass(dead, index, report);
    for (let page = 1; page < this.spans.pages; page++) this.recoverSpan(dead, page, report);
    new CacheBudget(this.memory, dead).surrender();
    this.clearRegion(dead);
    releaseWorker(this.memory, dead);
    return report;
  }

  private recoverPages(dead: number, report: RecoveryReport): void {
    const { words } = this.memory;
    if (!inheritLock(words, this.pages.lockAt, dead + 1, this.worker + 1)) return;
    report.locks++;
    this.pages.repair();
    this.pages.unlock();
  }

  private recoverClass(dead: number, sizeClass: number, report: RecoveryReport): void {
    const lockAt = this.central.lockAt(sizeClass);
    const listed = new Set<number>();
    if (inheritLock(this.memory.words, lockAt, dead + 1, this.worker + 1)) {
      report.locks++;
      this.dropFreeFromTransfer(sizeClass);
      this.central.repair(sizeClass);
      this.transferEntries(sizeClass, (address) => listed.add(address));
    } else if (this.isListEmpty(dead, sizeClass)) return;
    else this.acquireClass(sizeClass);
    this.emptyList(dead, sizeClass, listed, report);
    this.central.unlock(sizeClass);
    this.central.passOnEmpty(sizeClass);
  }

  private emptyList(
    dead: number,
    sizeClass: number,
    listed: Set<number>,
    report: RecoveryReport,
  ): void {
    const { words } = this.memory;
    const list = this.listOf(dead, sizeClass);
    const tiny = this.central.isTiny(sizeClass);
    for (let index = words[list]! - 1; index >= 0; index--) {
      const address = words[list + LIST_SLOTS + index]! & SLOT_ADDRESS_MASK;
      words[list] = index;
      if (listed.has(address) || this.marks.read(address, tiny) === MARK_FREE) continue;
      this.central.putBlock(sizeClass, address);
      report.cachedBlocks++;
    }
  }

  /** Blocks that had gone back to their span while still listed in the transfer cache. */
  private dropFreeFromTransfer(sizeClass: number): void {
    const { words, layout } = this.memory;
    const slots = layout.transferBase[sizeClass]!;
    const tiny = this.central.isTiny(sizeClass);
    let kept = 0;
    this.transferEntries(sizeClass, (address) => {
      if (this.marks.read(address, tiny) === MARK_CACHED) words[slots + kept++] = address;
    });
    words[layout.classBase[sizeClass]! + CLASS_TRANSFER_USED] = kept;
  }

  private transferEntries(sizeClass: number, visit: (address: number) => void): void {
    const { words, layout } = this.memory;
    const slots = layout.transferBase[sizeClass]!;
    const used = words[layout.classBase[sizeClass]! + CLASS_TRANSFER_USED]!;
    for (let index = 0; index < used; index++) visit(words[slots + index]!);
  }

  private recoverSpan(dead: number, page: number, report: RecoveryReport): void {
    const kind = this.spans.kind(page);
    if (kind === SPAN_DETACHED && this.spans.owner(page) === dead)
      this.recoverDetached(page, report);
    else if (kind === SPAN_LARGE) this.recoverLarge(dead, page, report);
    else if (kind === SPAN_SMALL) this.recoverSmall(dead, page, report);
  }

  private recoverDetached(page: number, report: RecoveryReport): void {
    report.detachedSpans++;
    this.takeOver(page);
  }

  private recoverLarge(dead: number, page: number, report: RecoveryReport): void {
    const mark = this.marks.read(addressOf(page), false);
    if (mark >> OWNER_SHIFT !== dead || !isOwnedState(mark & MARK_MATCH_MASK)) return;
    const leaving = MARK_LEAVING | (this.worker << OWNER_SHIFT);
    if (!this.marks.replace(addressOf(page), false, mark, leaving)) return;
    report.ownedBlocks++;
    report.ownedBytes += this.spans.length(page) * PAGE_BYTES;
    this.takeOver(page);
  }

  private recoverSmall(dead: number, page: number, report: RecoveryReport): void {
    const { classes } = this.memory.layout;
    const sizeClass = this.spans.field(page, RECORD_CLASS);
    const granules = classes.granules[sizeClass]!;
    const tiny = this.central.isTiny(sizeClass);
    if (!this.ownsAny(dead, page, sizeClass)) return;
    this.acquireClass(sizeClass);
    const blocks = this.spans.kind(page) === SPAN_SMALL ? classes.spanBlocks[sizeClass]! : 0;
    for (let index = 0; index < blocks; index++) {
      const address = addressOf(page) + index * granules;
      const mark = this.marks.read(address, tiny);
      if (!isOwned(mark, tiny, dead)) continue;
      if (!this.marks.replace(address, tiny, mark, MARK_CACHED)) continue;
      this.central.putBlock(sizeClass, address);
      report.ownedBlocks++;
      report.ownedBytes += classes.bytes[sizeClass]!;
    }
    this.central.unlock(sizeClass);
    this.central.passOnEmpty(sizeClass);
  }

  private ownsAny(dead: number, page: number, sizeClass: number): boolean {
    const { classes } = this.memory.layout;
    const granules = classes.granules[sizeClass]!;
    const tiny = this.central.isTiny(sizeClass);
    const end = addressOf(page) + classes.spanBlocks[sizeClass]! * granules;
    for (let address = addressOf(page); address < end; address += granules) {
      if (isOwned(this.marks.read(address, tiny), tiny, dead)) return true;
    }
    return false;
  }

  private takeOver(page: number): void {
    const granules = this.spans.length(page) * PAGE_GRANULES;
    this.spans.setKind(page, SPAN_DETACHED, this.worker);
    this.memory.pageClass.fill(MARK_NONE, page, page + this.spans.length(page));
    this.marks.clear(addressOf(page), granules, false);
    this.marks.clear(addressOf(page), granules, true);
    this.pages.put(page);
  }

  /** Spans could not be put back without it: better not to begin. */
  private requirePages(): void {
    if (!this.pages.acquire()) throw anotherDead();
    this.pages.unlock();
  }

  /** The holder lives, so the lock comes. A second death just now is reported, not waited for. */
  private acquireClass(sizeClass: number): void {
    for (let attempt = 0; attempt < ACQUIRE_ATTEMPTS_MAX; attempt++) {
      if (this.central.acquire(sizeClass)) return;
    }
    throw anotherDead();
  }

  private isListEmpty(dead: number, sizeClass: number): boolean {
    return this.memory.words[this.listOf(dead, sizeClass)] === 0;
  }

  private listOf(worker: number, sizeClass: number): number {
    const { workerBase, listOffset } = this.memory.layout;
    return workerBase[worker]! + listOffset[sizeClass]!;
  }

  private clearRegion(dead: number): void {
    const { words, layout } = this.memory;
    const base = layout.workerBase[dead]!;
    words.fill(0, base + WORKER_STATE + 1, base + WORKER_HEADER_WORDS);
    for (let index = 1; index <= layout.classes.count; index++) {
      const list = this.listOf(dead, index);
      words.fill(0, list, list + LIST_SLOTS);
    }
  }
}

/** What is done stays done: recover it again after that one. */
function anotherDead(): MillraceError {
  return new MillraceError("ERR_WORKER", "Cannot recover: another dead worker holds a lock");
}

function isOwned(mark: number, tiny: boolean, owner: number): boolean {
  if (tiny) return mark === TINY_IN_USE + owner;
  return mark >> OWNER_SHIFT === owner && isOwnedState(mark & MARK_MATCH_MASK);
}

function isOwnedState(state: number): boolean {
  return state >= MARK_IN_USE || state === MARK_QUARANTINED || state === MARK_LEAVING;
}
