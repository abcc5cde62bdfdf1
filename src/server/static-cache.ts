// The hot files of one listener in one worker: found by the bytes of a request's path without a
// string, content of small ones in io_bufs, descriptors of large ones kept open. Bounded in files,
// in bytes and in descriptors; what has not been asked for again since the hand came by goes first.
//
//   hash of path -> SiteFile       decoded path -> SiteFile       ring of SiteFiles, hand
//
// Invariant: chargedBytes = the capacities of the io_bufs of all CachedBytes that live, those that
// only an answer on its way still holds included.

import { assert } from "../core/assert.ts";
import { IO_BUF_CLASS_BYTES } from "../core/limits.ts";
import type { BufferPool } from "../buffer/buffer-pool.ts";
import type { IoBuf } from "../buffer/io-buf.ts";
import { hashPath } from "../http/path-hash.ts";
import type { OpenFile } from "./static-open.ts";
import type { Representation } from "./static-representation.ts";
import type { SiteFile } from "./static-site-file.ts";

export const CACHED_FILES_MAX = 4096;
export const OPEN_FILES_MAX = 32; // per worker: descriptors are for connections

/** Content in pooled memory, shared by the cache and by answers that are on their way. */
export class CachedBytes {
  readonly bytes: Buffer;
  private readonly cache: StaticCache;
  private readonly buf: IoBuf;
  private holders = 1;

  constructor(cache: StaticCache, buf: IoBuf, length: number) {
    this.cache = cache;
    this.buf = buf;
    this.bytes = buf.bytes.subarray(0, length);
  }

  retain(): this {
    assert(this.holders > 0, "released content is retained");
    this.holders++;
    return this;
  }

  release(): void {
    assert(this.holders > 0, "content released twice");
    if (--this.holders === 0) this.cache.giveBack(this.buf);
  }
}

export class StaticCache {
  chargedBytes = 0;
  private readonly pool: BufferPool;
  private readonly bytesMax: number;
  private readonly byPath: Map<string, SiteFile> = new Map();
  private readonly byHash: Map<number, SiteFile> = new Map();
  private readonly ring: SiteFile[] = [];
  private hand = 0;
  private readonly opened: Representation[] = [];
  private refusedCount: number;

  constructor(pool: BufferPool, bytesMax: number) {
    this.pool = pool;
    this.bytesMax = bytesMax;
    this.refusedCount = pool.refusedCount;
  }

  get size(): number {
    return this.ring.length;
  }

  /** The file whose path is bytes[start, end), if it is here and its path needs no decoding. */
  find(bytes: Buffer, start: number, end: number, hash: number): SiteFile | null {
    const file = this.byHash.get(hash);
    if (file === undefined) return null;
    const raw = file.raw!;
    const length = raw.length;
    if (end - start !== length) return null;
    for (let index = 0; index < length; index++) {
      if (raw[index] !== bytes[start + index]) return null;
    }
    file.used = true;
    return file;
  }

  /** The file at a decoded path. */
  get(path: string): SiteFile | null {
    return this.byPath.get(path) ?? null;
  }

  put(file: SiteFile): void {
    assert(!this.byPath.has(file.path), "a path is cached twice");
    if (this.ring.length >= CACHED_FILES_MAX) this.evictOne();
    file.cached = true;
    this.byPath.set(file.path, file);
    this.ring.push(file);
    if (!/^[\x21-\x24\x26-\x7e]*$/.test(file.path)) return; // clients must encode it
    file.raw = Buffer.from(file.path, "latin1");
    file.hash = hashPath(file.path);
    this.byHash.set(file.hash, file);
  }

  drop(file: SiteFile): void {
    const place = this.ring.indexOf(file);
    assert(place >= 0, "a file is dropped that is not cached");
    this.dropAt(place);
  }

  /** Room for content, making some if need be; null when there is none to be had. */
  store(content: Uint8Array): CachedBytes | null {
    const capacity = IO_BUF_CLASS_BYTES.find((bytes) => bytes >= content.length);
    if (capacity === undefined || capacity > this.bytesMax) return null;
    while (this.chargedBytes + capacity > this.bytesMax) {
      if (!this.evictOne()) return null;
    }
    const buf = this.pool.acquire(content.length);
    if (buf === null) return null;
    this.chargedBytes += buf.capacity;
    buf.append(content, 0, content.length);
    return new CachedBytes(this, buf, content.length);
  }

  /** Called by CachedBytes alone. */
  giveBack(buf: IoBuf): void {
    this.chargedBytes -= buf.capacity;
    this.pool.release(buf);
  }

  /** Keeps a file open for the next answers; the one that was kept longest goes for it. */
  keepOpen(representation: Representation, file: OpenFile): void {
    assert(representation.file === null, "a file is kept open twice");
    representation.file = file.retain();
    this.opened.push(representation);
    if (this.opened.length > OPEN_FILES_MAX) this.closeOldest();
  }

  /** Closes what is kept open: descriptors have run out. */
  closeFiles(): void {
    while (this.opened.length > 0) this.closeOldest();
  }

  /** Gives everything back once the memory limit has refused somebody: they need it more. */
  relieve(): void {
    if (this.pool.refusedCount === this.refusedCount) return;
    this.clear();
    this.refusedCount = this.pool.refusedCount;
  }

  clear(): void {
    while (this.ring.length > 0) this.dropAt(this.ring.length - 1);
    this.closeFiles();
  }

  checkInvariants(): void {
    assert(this.byPath.size === this.ring.length, "ring and map differ");
    assert(this.ring.length <= CACHED_FILES_MAX, "more files than allowed");
    assert(this.opened.length <= OPEN_FILES_MAX, "more open files than allowed");
    assert(this.chargedBytes >= 0, "more given back than was taken");
    for (const file of this.byHash.values()) {
      assert(this.byPath.get(file.path) === file, "the hash leads to a file that is gone");
    }
  }

  private evictOne(): boolean {
    for (let steps = this.ring.length * 2; steps > 0; steps--) {
      if (this.hand >= this.ring.length) this.hand = 0;
      const file = this.ring[this.hand]!;
      if (!file.used) {
        this.dropAt(this.hand);
        return true;
      }
      file.used = false;
      this.hand++;
    }
    return false;
  }

  private dropAt(place: number): void {
    const file = this.ring[place]!;
    const last = this.ring.pop()!;
    if (last !== file) this.ring[place] = last;
    this.byPath.delete(file.path);
    if (this.byHash.get(file.hash) === file) this.byHash.delete(file.hash);
    file.cached = false;
    file.release();
  }

  private closeOldest(): void {
    const representation = this.opened.shift()!;
    representation.file?.release();
    representation.file = null;
  }
}
