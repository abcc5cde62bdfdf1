// The bounds of the cache, what goes first, and that nothing is given back twice or too early.

import { statSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { KIB, MIB } from "../../src/core/limits.ts";
import { hashPath } from "../../src/http/path-hash.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import { CACHED_FILES_MAX, OPEN_FILES_MAX, StaticCache } from "../../src/server/static-cache.ts";
import { OpenFile, type OpenFailure, SiteRoot } from "../../src/server/static-open.ts";
import { Representation } from "../../src/server/static-representation.ts";
import { SiteFile } from "../../src/server/static-site-file.ts";
import { Random, seedOfRun } from "../support/random.ts";
import { SiteFolder } from "./static-world.ts";

const stats = statSync(import.meta.path);

function fileAt(path: string): SiteFile {
  const plain = new Representation({
    path,
    stats,
    coding: 0,
    derived: false,
    type: "text/plain",
    varies: false,
    cacheControl: null,
    nowMs: 0,
  });
  const siblings = [null, null, null, null];
  return new SiteFile({
    path,
    filePath: path,
    plain,
    siblings,
    compressible: false,
    cacheControl: null,
  });
}

function cacheOf(bytesMax: number, poolBytes: number = 64 * MIB): [StaticCache, BufferPool] {
  const pool = new BufferPool(new PlainStore(poolBytes));
  return [new StaticCache(pool, bytesMax), pool];
}

/** Puts a file with so much content. */
function put(cache: StaticCache, path: string, bytes: number): SiteFile {
  const file = fileAt(path);
  file.plain.body = cache.store(Buffer.alloc(bytes, path.length));
  cache.put(file);
  return file;
}

function find(cache: StaticCache, path: string): SiteFile | null {
  const bytes = Buffer.from(`GET ${path} HTTP/1.1`, "latin1");
  return cache.find(bytes, 4, 4 + Buffer.byteLength(path, "latin1"), hashPath(path));
}

describe("StaticCache finds", () => {
  test("a file by the bytes of its path, and by no others", () => {
    const [cache] = cacheOf(MIB);
    const file = put(cache, "/a.txt", 10);
    expect(find(cache, "/a.txt")).toBe(file);
    for (const path of ["/a.tx", "/a.txt/", "/A.txt", "/b.txt", "/"]) {
      expect([path, find(cache, path)]).toEqual([path, null]);
    }
    const bytes = Buffer.from("/b.txt"); // another path that has the same hash
    expect(cache.find(bytes, 0, bytes.length, hashPath("/a.txt"))).toBeNull();
  });

  test("a path that must be decoded only by its name", () => {
    const [cache] = cacheOf(MIB);
    for (const path of ["/a b.txt", "/é", "/%20"]) {
      const file = put(cache, path, 10);
      expect(cache.get(path)).toBe(file);
      expect([path, find(cache, path)]).toEqual([path, null]);
    }
    cache.checkInvariants();
  });
});

describe("StaticCache keeps", () => {
  test("its bytes below the bound, by capacity, and gives all back", () => {
    const [cache, pool] = cacheOf(64 * KIB);
    for (let index = 0; index < 100; index++) {
      put(cache, `/${index}`, 1 + (index % 5) * 4000);
      expect(cache.chargedBytes).toBeLessThanOrEqual(64 * KIB);
      expect(pool.heldBytes).toBe(cache.chargedBytes);
      cache.checkInvariants();
    }
    cache.clear();
    expect([cache.chargedBytes, pool.heldBytes, cache.size]).toEqual([0, 0, 0]);
  });

  test("what is asked for, when something has to go", () => {
    const [cache] = cacheOf(16 * KIB);
    const hot = put(cache, "/hot", 4096);
    for (let index = 0; index < 50; index++) {
      put(cache, `/${index}`, 4096);
      expect(find(cache, "/hot")).toBe(hot);
    }
  });

  test("a bounded number of files", () => {
    const [cache] = cacheOf(0);
    for (let index = 0; index < CACHED_FILES_MAX + 10; index++) put(cache, `/${index}`, 0);
    expect(cache.size).toBe(CACHED_FILES_MAX);
    cache.checkInvariants();
  });

  test("nothing that is larger than itself, or than memory allows", () => {
    expect(cacheOf(8 * KIB)[0].store(Buffer.alloc(9 * KIB))).toBeNull();
    expect(cacheOf(0)[0].store(Buffer.alloc(1))).toBeNull();
    expect(cacheOf(MIB, 8 * KIB)[0].store(Buffer.alloc(16 * KIB))).toBeNull();
    expect(cacheOf(64 * MIB)[0].store(Buffer.alloc(9 * MIB))).toBeNull();
  });

  test("content that an answer holds, until the answer lets go", () => {
    const [cache, pool] = cacheOf(MIB);
    const body = put(cache, "/a", 100).plain.body!.retain();
    cache.clear();
    expect(pool.heldBytes).toBe(4096);
    expect(body.bytes.every((byte) => byte === 2)).toBe(true);
    body.release();
    expect([pool.heldBytes, cache.chargedBytes]).toEqual([0, 0]);
    expect(() => body.release()).toThrow("released twice");
    expect(() => body.retain()).toThrow("retained");
  });

  test("nothing once memory was refused to somebody", () => {
    const [cache, pool] = cacheOf(MIB, 64 * KIB);
    put(cache, "/a", 100);
    cache.relieve();
    expect(cache.size).toBe(1);
    expect(pool.acquire(64 * KIB)).toBeNull();
    cache.relieve();
    expect([cache.size, pool.heldBytes]).toEqual([0, 0]);
    expect(pool.acquire(64 * KIB)).not.toBeNull();
  });
});

describe("StaticCache keeps open", () => {
  test("a bounded number of files, and closes them for those who need descriptors", () => {
    using site = new SiteFolder({ "a.txt": "a" });
    const root = new SiteRoot(site.root);
    const [cache] = cacheOf(MIB);
    const forms: Representation[] = [];
    for (let index = 0; index < OPEN_FILES_MAX + 5; index++) {
      const { plain } = put(cache, `/${index}`, 10);
      const opened = requireOpen(root.open("/a.txt"));
      cache.keepOpen(plain, opened);
      opened.release();
      forms.push(plain);
    }
    expect(forms.filter((form) => form.file !== null)).toHaveLength(OPEN_FILES_MAX);
    const held = forms.at(-1)!.file!.retain();
    cache.closeFiles();
    expect(forms.every((form) => form.file === null)).toBe(true);
    held.release();
    expect(() => held.release()).toThrow();
  });
});

function requireOpen(found: OpenFile | OpenFailure): OpenFile {
  if (typeof found === "number") throw new Error(`not opened: ${found}`);
  return found;
}

test("StaticCache holds its invariants through any sequence of calls", () => {
  const random = new Random(seedOfRun());
  const [cache, pool] = cacheOf(40 * KIB);
  const held: { release(): void }[] = [];
  for (let step = 0; step < 3_000; step++) {
    const path = `/${random.below(40)}`;
    const known = cache.get(path);
    if (known === null) put(cache, path, random.below(20_000));
    else if (random.oneIn(3)) cache.drop(known);
    else if (known.plain.body !== null && random.oneIn(4)) held.push(known.plain.body.retain());
    else find(cache, path);
    if (held.length > 2) held.shift()!.release();
    cache.checkInvariants();
    if (pool.heldBytes !== cache.chargedBytes) throw new Error(`seed ${random.seed}: step ${step}`);
  }
  for (const one of held) one.release();
  cache.clear();
  expect(pool.heldBytes).toBe(0);
});
