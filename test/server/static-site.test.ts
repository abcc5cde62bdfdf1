// The folder as it changes: what is seen when, what is kept, and what is never kept.

import { renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { OPEN_ABSENT, OPEN_FOLDER, type OpenFailure } from "../../src/server/static-open.ts";
import { CODING_BR, CODING_GZIP } from "../../src/server/static-codings.ts";
import {
  INLINE_BYTES_MAX,
  type StaticSite,
  statusOfFailure,
} from "../../src/server/static-site.ts";
import type { SiteFile } from "../../src/server/static-site-file.ts";
import { SiteFolder, type SiteOptions, StaticWorld } from "./static-world.ts";

const SECOND_MS = 1000;

function siteOf(folder: SiteFolder, options: SiteOptions = {}): [StaticSite, StaticWorld] {
  const world = new StaticWorld(folder, options);
  return [world.files.site, world];
}

function found(result: SiteFile | OpenFailure): SiteFile {
  if (typeof result === "number") throw new Error(`not found: ${result}`);
  return result;
}

/** Finds a file when its last change lies far enough back for it to be kept. */
function settled(world: StaticWorld, path: string): SiteFile {
  world.clock.advance(SECOND_MS);
  world.reactor.readClock();
  const file = found(world.files.site.find(path));
  expect(file.cached).toBe(true);
  return file;
}

describe("StaticSite finds", () => {
  test("files, the index of a folder, folders, and nothing", () => {
    using folder = new SiteFolder({ "index.html": "i", "a/b.txt": "b", "c/index.html": "c" });
    const [site] = siteOf(folder);
    expect(found(site.find("/")).filePath).toBe("/index.html");
    expect(found(site.find("/c/")).filePath).toBe("/c/index.html");
    expect(found(site.find("/a/b.txt")).plain.size).toBe(1);
    expect(site.find("/a")).toBe(OPEN_FOLDER);
    expect(site.find("/a/")).toBe(OPEN_FOLDER);
    for (const path of ["/gone", "/gone/", "/a/b.txt/", "/index.html/"]) {
      expect([path, site.find(path)]).toEqual([path, OPEN_ABSENT]);
    }
  });

  test("no index where there is none to be", () => {
    using folder = new SiteFolder({ "index.html": "i", "a/index.html/x": "a folder of that name" });
    expect(siteOf(folder, { index: false })[0].find("/")).toBe(OPEN_FOLDER);
    expect(siteOf(folder, { index: "home.html" })[0].find("/")).toBe(OPEN_FOLDER);
    expect(siteOf(folder)[0].find("/a/")).toBe(OPEN_FOLDER);
  });

  test("siblings that are inside, regular, and not older than their original", () => {
    using folder = new SiteFolder({ "a.js": "a", "a.js.br": "b", "b.js": "b", "c.js": "c" });
    folder.write("b.js.gz", "old", new Date(0));
    folder.write("../secret", "s");
    symlinkSync("../secret", `${folder.root}/c.js.br`);
    folder.write("c.js.zst/x", "a folder");
    const [site] = siteOf(folder);
    const siblings = (path: string): string =>
      found(site.find(path))
        .siblings.map((sibling) => (sibling === null ? "-" : "+"))
        .join("");
    expect(siblings("/a.js")).toBe("-+--");
    expect(siblings("/b.js")).toBe("----");
    expect(siblings("/c.js")).toBe("----");
    folder.write("d.png", "d");
    folder.write("d.png.br", "b");
    expect(siblings("/d.png")).toBe("----"); // compressed in itself: not looked for
    const [without] = siteOf(folder, { precompressed: false });
    expect(found(without.find("/a.js")).siblings[CODING_BR]).toBeNull();
  });
});

describe("StaticSite sees", () => {
  test("a change within the period of revalidation, and does not look before", () => {
    using folder = new SiteFolder({ "a.txt": "one" });
    const [site, world] = siteOf(folder, { revalidateMs: SECOND_MS });
    const first = settled(world, "/a.txt");
    folder.write("a.txt", "three");
    expect(found(site.find("/a.txt"))).toBe(first);
    world.clock.advance(SECOND_MS);
    world.reactor.readClock();
    expect(found(site.find("/a.txt")).plain.size).toBe(5);
  });

  test("that nothing has changed, and keeps what it has", () => {
    using folder = new SiteFolder({ "a.txt": "one" });
    const [site, world] = siteOf(folder);
    const first = settled(world, "/a.txt");
    world.clock.advance(5 * SECOND_MS);
    world.reactor.readClock();
    expect(site.isRecent(first)).toBe(false);
    expect(found(site.find("/a.txt"))).toBe(first);
    expect(site.isRecent(first)).toBe(true);
  });

  test.each([
    ["it is removed", (root: string) => unlinkSync(`${root}/a.txt`)],
    [
      "it becomes a folder",
      (root: string) => {
        unlinkSync(`${root}/a.txt`);
        writeFileSync(`${root}/x`, "");
        rmSync(`${root}/x`);
        Bun.spawnSync(["mkdir", `${root}/a.txt`]);
      },
    ],
    [
      "it becomes a link that leads out",
      (root: string) => {
        unlinkSync(`${root}/a.txt`);
        symlinkSync("/etc/passwd", `${root}/a.txt`);
      },
    ],
  ])("that a file is gone when %s", (_, change) => {
    using folder = new SiteFolder({ "a.txt": "one" });
    const [site, world] = siteOf(folder, { revalidateMs: 0 });
    settled(world, "/a.txt");
    change(folder.root);
    expect(typeof site.find("/a.txt")).toBe("number");
    expect(site.cache.size).toBe(0);
  });

  test("another file of the same size and time in its place", () => {
    using folder = new SiteFolder({ "a.txt": "one", "b.txt": "two" });
    const [site, world] = siteOf(folder, { revalidateMs: 0 });
    const first = settled(world, "/a.txt");
    renameSync(`${folder.root}/b.txt`, `${folder.root}/a.txt`);
    expect(found(site.find("/a.txt"))).not.toBe(first);
  });

  test("siblings come and go", () => {
    using folder = new SiteFolder({ "a.js": "a" });
    const [site, world] = siteOf(folder, { revalidateMs: 0 });
    settled(world, "/a.js");
    folder.write("a.js.gz", "z");
    expect(found(site.find("/a.js")).siblings[CODING_GZIP]).not.toBeNull();
    settled(world, "/a.js");
    unlinkSync(`${folder.root}/a.js.gz`);
    expect(found(site.find("/a.js")).siblings[CODING_GZIP]).toBeNull();
  });
});

describe("StaticSite keeps", () => {
  test("nothing of a file that has just been written: it may be in the middle of it", () => {
    using folder = new SiteFolder({ "a.txt": "one" });
    const [site, world] = siteOf(folder);
    const now = new Date(world.reactor.wallMs);
    utimesSync(`${folder.root}/a.txt`, now, now);
    const file = found(site.find("/a.txt"));
    expect([file.cached, site.cache.size]).toEqual([false, 0]);
    expect(file.plain.etag).toStartWith("W/");
  });

  test("small content in memory and large files open", () => {
    using folder = new SiteFolder({
      small: "s".repeat(INLINE_BYTES_MAX),
      large: "l".repeat(INLINE_BYTES_MAX + 1),
      empty: "",
    });
    const [site, world] = siteOf(folder);
    const small = settled(world, "/small");
    const large = settled(world, "/large");
    const empty = settled(world, "/empty");
    expect(small.plain.body!.bytes.length).toBe(INLINE_BYTES_MAX);
    expect(small.plain.file).toBeNull();
    expect(large.plain.body).toBeNull();
    expect(large.plain.file!.stats.size).toBe(INLINE_BYTES_MAX + 1);
    expect(empty.plain.size).toBe(0);
    site.cache.checkInvariants();
  });

  test("no hold on a file that is another by the time it is opened", () => {
    using folder = new SiteFolder({ "a.txt": "one" });
    const [site, world] = siteOf(folder, { cacheBytes: 0 });
    const file = settled(world, "/a.txt");
    folder.write("a.txt", "other");
    expect(site.open(file.plain)).toBe(OPEN_ABSENT);
    site.forget(file);
    site.forget(file); // once is enough
    expect(site.cache.size).toBe(0);
  });
});

test("statusOfFailure has a status for each", () => {
  expect(([0, 1, 2, 3, 4] as const).map(statusOfFailure)).toEqual([404, 404, 403, 503, 500]);
});
