// The folder as a set of paths: finds the file for a path in the cache or on disk, looks again when
// the time has come, and opens and reads what answers need. All calls on the file system are short
// and synchronous: for a hot file there is one stat in each period, for a cold one a trip through a
// thread pool would cost more than the calls.

import { readSync, type Stats } from "node:fs";
import { assert } from "../core/assert.ts";
import type { Reactor } from "../net/reactor.ts";
import { StaticCache } from "./static-cache.ts";
import { CODING_COUNT, CODING_IDENTITY, CODING_SUFFIXES } from "./static-codings.ts";
import {
  isSameFile,
  OPEN_ABSENT,
  OPEN_BUSY,
  OPEN_FAILED,
  OPEN_FOLDER,
  type OpenFailure,
  OpenFile,
  SiteRoot,
} from "./static-open.ts";
import type { StaticSettings } from "./static-options.ts";
import { isSettled, Representation } from "./static-representation.ts";
import { SiteFile } from "./static-site-file.ts";
import { contentTypeOf, isCompressed, isCompressible } from "./static-types.ts";

/** Up to here content is kept in memory; above, sending from the page cache costs less. */
export const INLINE_BYTES_MAX: number = 32 * 1024;
/** More than the head of an answer takes: the options bound what goes into it. */
const HEAD_BYTES_MAX = 4096;
/** Smaller ones do not get smaller; larger ones take too long. */
export const COMPRESS_BYTES_MIN = 1024;
export const COMPRESS_BYTES_MAX: number = 1024 * 1024;

/** The clock by which a file system marks a change moves in steps of this size at most. */
const CLOCK_GRAIN_MS = 50;

export class StaticSite {
  readonly cache: StaticCache;
  private readonly settings: StaticSettings;
  private readonly reactor: Reactor;
  private readonly root: SiteRoot;

  constructor(settings: StaticSettings, reactor: Reactor) {
    // Small content is copied at once: the cache may let go of it after the call.
    const room = reactor.corkBytes.length;
    assert(room >= INLINE_BYTES_MAX + HEAD_BYTES_MAX, "a small file must fit into the cork");
    this.settings = settings;
    this.reactor = reactor;
    this.root = new SiteRoot(settings.root);
    this.cache = new StaticCache(reactor.pool, settings.cacheBytes);
  }

  /** Whether what the cache has may be sent without a look at the disk. */
  isRecent(file: SiteFile): boolean {
    return this.reactor.nowMs - file.checkedAtMs < this.settings.revalidateMs;
  }

  /** The file at a decoded path. A file that is not cached must be released by the caller. */
  find(path: string): SiteFile | OpenFailure {
    const known = this.cache.get(path);
    if (known !== null) {
      known.used = true;
      if (this.isRecent(known) || this.isUnchanged(known)) return known;
      this.cache.drop(known);
    }
    return this.load(path);
  }

  /** Opens the file of a representation; OPEN_ABSENT when it is not the same any more. */
  open(representation: Representation): OpenFile | OpenFailure {
    if (representation.file !== null) return representation.file.retain();
    const opened = this.openFile(representation.path);
    if (typeof opened === "number") return opened;
    if (isSameFile(opened.stats, representation.stats)) return opened;
    opened.release();
    return OPEN_ABSENT;
  }

  /** The file is not what it was: it must be found anew. */
  forget(file: SiteFile): void {
    if (file.cached) this.cache.drop(file);
  }

  private load(path: string): SiteFile | OpenFailure {
    const { index } = this.settings;
    const isFolder = path.endsWith("/");
    if (isFolder && index === "") return this.openFolder(path);
    const filePath = isFolder ? path + index : path;
    const opened = this.openFile(filePath);
    if (opened === OPEN_ABSENT || opened === OPEN_FOLDER) {
      return isFolder ? this.openFolder(path) : opened;
    }
    if (typeof opened === "number") return opened;
    try {
      return this.admit(path, filePath, opened);
    } finally {
      opened.release();
    }
  }

  private openFolder(path: string): OpenFailure {
    const found = this.openFile(path);
    return typeof found === "number" ? found : OPEN_ABSENT;
  }

  /** Makes a SiteFile of an open file, and caches it unless it may be in the middle of a change. */
  private admit(path: string, filePath: string, opened: OpenFile): SiteFile {
    const nowMs = this.reactor.wallMs;
    const file = this.describe(path, filePath, opened, nowMs);
    const { stats } = opened;
    if (!isSettled(stats, nowMs) || Math.abs(nowMs - stats.ctimeMs) < CLOCK_GRAIN_MS) return file;
    file.checkedAtMs = this.reactor.nowMs;
    if (stats.size > INLINE_BYTES_MAX) {
      this.cache.keepOpen(file.plain, opened);
    } else {
      const content = readWhole(opened);
      if (content !== null) file.plain.body = this.cache.store(content);
    }
    this.cache.put(file);
    return file;
  }

  private describe(path: string, filePath: string, opened: OpenFile, nowMs: number): SiteFile {
    const { settings } = this;
    const { size } = opened.stats;
    const type = contentTypeOf(filePath, settings.types);
    const cacheControl = settings.cacheControl(filePath);
    const codings = this.siblingsOf(filePath, type, opened);
    const compressible =
      settings.compress &&
      isCompressible(type) &&
      size >= COMPRESS_BYTES_MIN &&
      size <= COMPRESS_BYTES_MAX;
    const varies = compressible || codings.some((stats) => stats !== null);
    const common = { derived: false, type, varies, cacheControl, nowMs };
    const siblings = codings.map((stats, coding) => {
      if (stats === null) return null;
      const siblingPath = filePath + CODING_SUFFIXES[coding]!;
      return new Representation({ ...common, path: siblingPath, stats, coding });
    });
    const plain = new Representation({
      ...common,
      path: filePath,
      stats: opened.stats,
      coding: CODING_IDENTITY,
    });
    return new SiteFile({ path, filePath, plain, siblings, compressible, cacheControl });
  }

  /** By coding: the sibling's stats, if it is there, inside, and not older than its original. */
  private siblingsOf(filePath: string, type: string, opened: OpenFile): (Stats | null)[] {
    const found = new Array<Stats | null>(CODING_COUNT).fill(null);
    if (!this.settings.precompressed || isCompressed(type)) return found;
    for (let coding = CODING_IDENTITY + 1; coding < CODING_COUNT; coding++) {
      const sibling = this.openFile(filePath + CODING_SUFFIXES[coding]!);
      if (typeof sibling === "number") continue;
      if (sibling.stats.mtimeMs >= opened.stats.mtimeMs) found[coding] = sibling.stats;
      sibling.release();
    }
    return found;
  }

  private isUnchanged(file: SiteFile): boolean {
    if (!this.isSame(file.plain)) return false;
    for (let coding = CODING_IDENTITY + 1; coding < CODING_COUNT; coding++) {
      const sibling = file.siblings[coding]!;
      if (sibling !== null && !this.isSame(sibling)) return false;
      if (sibling === null && this.hasAppeared(file, coding)) return false;
    }
    file.checkedAtMs = this.reactor.nowMs;
    return true;
  }

  private isSame(representation: Representation): boolean {
    const stats = this.root.stat(representation.path);
    return stats !== null && isSameFile(stats, representation.stats);
  }

  private hasAppeared(file: SiteFile, coding: number): boolean {
    if (!this.settings.precompressed || isCompressed(file.plain.type)) return false;
    const stats = this.root.stat(file.filePath + CODING_SUFFIXES[coding]!);
    return stats !== null && stats.isFile() && stats.mtimeMs >= file.plain.stats.mtimeMs;
  }

  /** Once more without the files that are only kept open for later, if descriptors have run out. */
  private openFile(path: string): OpenFile | OpenFailure {
    const opened = this.root.open(path);
    if (opened !== OPEN_BUSY) return opened;
    this.cache.closeFiles();
    return this.root.open(path);
  }
}

/** The whole content of a small file; null when it is shorter now than it was, or unreadable. */
export function readWhole(opened: OpenFile): Buffer | null {
  const { fd, stats } = opened;
  const content = Buffer.allocUnsafe(stats.size);
  let length = 0;
  try {
    while (length < stats.size) {
      const count = readSync(fd, content, length, stats.size - length, length);
      if (count === 0) return null;
      length += count;
    }
  } catch {
    return null; // the device fails, or the file is on a network that does
  }
  return content;
}

/** The status that answers a path which cannot be opened; 404 where nothing is. */
export function statusOfFailure(failure: OpenFailure): number {
  if (failure === OPEN_BUSY) return 503;
  if (failure === OPEN_FAILED) return 500;
  return failure === OPEN_ABSENT || failure === OPEN_FOLDER ? 404 : 403;
}
