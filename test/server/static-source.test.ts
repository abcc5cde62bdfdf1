// Bodies that are read: order and ends of their parts, failures, and that every hold is let go.

import { readdirSync, readlinkSync, truncateSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { IoBuf } from "../../src/buffer/io-buf.ts";
import { KIB, MIB, UNSENT_BYTES_MAX } from "../../src/core/limits.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import type { Piece } from "../../src/server/body-source.ts";
import { StaticCache } from "../../src/server/static-cache.ts";
import { type OpenFile, SiteRoot } from "../../src/server/static-open.ts";
import { frameRanges } from "../../src/server/static-ranges.ts";
import { cachedSource, emptySource, FileSource } from "../../src/server/static-source.ts";
import type { Connection } from "../../src/net/connection.ts";
import { pattern } from "../support/net-world.ts";
import { SiteFolder } from "./static-world.ts";

const SIZE = 600 * KIB;
const CONTENT = pattern(SIZE);

/** A connection to which no file can be sent by the system. */
const READ_ONLY = { files: { send: () => -1, widen() {} } } as unknown as Connection;

function openFile(folder: SiteFolder): OpenFile {
  const file = new SiteRoot(folder.root).open("/a.bin");
  if (typeof file === "number") throw new Error(`not opened: ${file}`);
  return file;
}

function openCount(folder: SiteFolder): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder.outside);
    } catch {
      return false;
    }
  }).length;
}

/** All that a source gives, as a ResponseWriter would ask for it. */
async function drain(source: FileSource, pool: BufferPool): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (;;) {
    expect(source.sendTo(READ_ONLY)).toBe(-1);
    const piece: Piece | null = await source.next();
    if (piece === null) return Buffer.concat(pieces);
    if (piece instanceof IoBuf) {
      pieces.push(Buffer.from(piece.bytes.subarray(piece.head, piece.tail)));
      pool.release(piece);
    } else {
      pieces.push(Buffer.from(piece));
    }
  }
}

describe("FileSource", () => {
  test("lets the kernel hold more once the peer has read some, until the end", async () => {
    using folder = new SiteFolder({ "a.bin": CONTENT });
    const trace: (number | boolean)[] = [];
    let takes = 2 * UNSENT_BYTES_MAX;
    const files = {
      takenBytes: 0,
      send: () => (trace.push(takes), (files.takenBytes += takes), takes),
      widen: (isWide: boolean) => void trace.push(isWide),
    };
    const connection = { files } as unknown as Connection;
    const pool = new BufferPool(new PlainStore(MIB));
    const sourceOf = (end: number): FileSource =>
      FileSource.ofRange(pool, openFile(folder), { start: 0, end });
    const first = sourceOf(64 * MIB);
    first.sendTo(connection);
    takes = 0; // as for one that reads nothing
    first.sendTo(connection);
    takes = 1;
    first.sendTo(connection);
    first.sendTo(connection);
    first.sendTo(connection);
    first.cancel();
    first.cancel();
    expect(trace.splice(0)).toEqual([2 * UNSENT_BYTES_MAX, 0, 1, true, 1, 1, false]);
    const second = sourceOf(64 * MIB); // to the same peer
    second.sendTo(connection);
    second.cancel();
    const small = sourceOf(UNSENT_BYTES_MAX);
    small.sendTo(connection);
    small.cancel();
    expect(trace).toEqual([true, 1, false, 1]);
    expect(openCount(folder)).toBe(0);
  });

  test("gives a range, whole and once", async () => {
    using folder = new SiteFolder({ "a.bin": CONTENT });
    const pool = new BufferPool(new PlainStore(MIB));
    for (const [start, end] of [
      [0, SIZE],
      [1, 2],
      [256 * KIB - 1, 512 * KIB + 1],
      [SIZE - 1, SIZE],
    ] as const) {
      const source = FileSource.ofRange(pool, openFile(folder), { start, end });
      expect(source.length).toBe(end - start);
      const got = await drain(source, pool);
      expect(got.equals(CONTENT.subarray(start, end))).toBe(true);
    }
    expect([pool.heldBytes, openCount(folder)]).toEqual([0, 0]);
  });

  test("gives parts with their frame, as long as it said", async () => {
    using folder = new SiteFolder({ "a.bin": CONTENT });
    const pool = new BufferPool(new PlainStore(MIB));
    const ranges = [
      { start: 10, end: 300 * KIB },
      { start: 0, end: 5 },
    ];
    const frame = frameRanges(ranges, SIZE, "a/b", "B");
    const got = await drain(FileSource.ofRanges(pool, openFile(folder), ranges, frame), pool);
    const wanted = Buffer.concat([
      frame.heads[0]!,
      CONTENT.subarray(10, 300 * KIB),
      frame.heads[1]!,
      CONTENT.subarray(0, 5),
      frame.tail,
    ]);
    expect(got.equals(wanted)).toBe(true);
    expect(got.length).toBe(frame.length);
    expect(openCount(folder)).toBe(0);
  });

  test("ends early when the file has been cut short", async () => {
    using folder = new SiteFolder({ "a.bin": CONTENT });
    const pool = new BufferPool(new PlainStore(MIB));
    const source = FileSource.ofRange(pool, openFile(folder), { start: 0, end: SIZE });
    truncateSync(`${folder.root}/a.bin`, 1000);
    expect((await drain(source, pool)).length).toBe(1000);
    expect([pool.heldBytes, openCount(folder)]).toEqual([0, 0]);
  });

  test("lets go of file and memory when it is cancelled, in the middle of a read too", async () => {
    using folder = new SiteFolder({ "a.bin": CONTENT });
    const pool = new BufferPool(new PlainStore(MIB));
    const early = FileSource.ofRange(pool, openFile(folder), { start: 0, end: SIZE });
    early.cancel();
    early.cancel();
    const source = FileSource.ofRange(pool, openFile(folder), { start: 0, end: SIZE });
    source.sendTo(READ_ONLY);
    const reading = source.next();
    source.cancel();
    expect(openCount(folder)).toBe(1); // the read still needs it
    expect(await reading).toBeNull();
    expect([pool.heldBytes, openCount(folder)]).toEqual([0, 0]);
    expect(source.sendTo(READ_ONLY)).toBe(-1);
  });

  test("says so when there is no memory for a piece", () => {
    using folder = new SiteFolder({ "a.bin": CONTENT });
    const pool = new BufferPool(new PlainStore(4 * KIB));
    const source = FileSource.ofRange(pool, openFile(folder), { start: 0, end: SIZE });
    source.sendTo(READ_ONLY);
    expect(() => source.next()).toThrow("no memory");
    source.cancel();
    expect(openCount(folder)).toBe(0);
  });
});

describe("cachedSource", () => {
  test("holds its content until it has left or is not wanted", () => {
    const pool = new BufferPool(new PlainStore(MIB));
    const cache = new StaticCache(pool, MIB);
    const content = cache.store(CONTENT.subarray(0, 100 * KIB))!;
    const read = cachedSource(content);
    const dropped = cachedSource(content);
    content.release(); // evicted
    const piece = read.next() as Uint8Array;
    expect(Buffer.from(piece).equals(CONTENT.subarray(0, 100 * KIB))).toBe(true);
    expect(read.next()).toBeNull();
    read.cancel();
    expect(cache.chargedBytes).toBeGreaterThan(0);
    dropped.cancel();
    dropped.cancel();
    expect([cache.chargedBytes, pool.heldBytes]).toEqual([0, 0]);
  });
});

test("emptySource tells a length and gives nothing", () => {
  const source = emptySource(7);
  expect([source.length, source.next()]).toEqual([7, null]);
});
