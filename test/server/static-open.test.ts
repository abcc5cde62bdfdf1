// What may be opened: regular files inside the root, however the way there looks, and nothing else.

import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { describe, expect, test } from "bun:test";
import {
  failureOf,
  isSameFile,
  OPEN_ABSENT,
  OPEN_BUSY,
  OPEN_FAILED,
  OPEN_FOLDER,
  OPEN_FORBIDDEN,
  type OpenFailure,
  type OpenFile,
  SiteRoot,
} from "../../src/server/static-open.ts";
import { SiteFolder } from "./static-world.ts";

const isRoot = process.getuid?.() === 0;

function opened(found: OpenFile | OpenFailure): OpenFile {
  if (typeof found === "number") throw new Error(`not opened: ${found}`);
  return found;
}

/** Descriptors of this process for files below `folder`. */
function openCount(folder: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false; // it was the one that reads the list
    }
  }).length;
}

describe("SiteRoot opens", () => {
  test("a file, a link to one inside, and a link in the way", () => {
    using site = new SiteFolder({ "a/b.txt": "b" });
    symlinkSync("b.txt", `${site.root}/a/link.txt`);
    symlinkSync("a", `${site.root}/way`);
    const root = new SiteRoot(site.root);
    for (const path of ["/a/b.txt", "/a/link.txt", "/way/b.txt"]) {
      const file = opened(root.open(path));
      expect(file.stats.size).toBe(1);
      file.release();
    }
    expect(root.open("/a")).toBe(OPEN_FOLDER);
    expect(root.open("/a/")).toBe(OPEN_FOLDER);
    expect(root.open("/")).toBe(OPEN_FOLDER);
  });

  test("the folder that a link names now, when the root itself is one", () => {
    using site = new SiteFolder({ "one/x": "1", "two/x": "22" });
    const link = `${site.outside}/current`;
    symlinkSync(`${site.root}/one`, link);
    const root = new SiteRoot(link);
    const before = opened(root.open("/x"));
    symlinkSync(`${site.root}/two`, `${link}.new`);
    renameSync(`${link}.new`, link);
    const after = opened(root.open("/x"));
    expect([before.stats.size, after.stats.size]).toEqual([1, 2]);
    before.release();
    after.release();
  });
});

describe("SiteRoot refuses", () => {
  test("every link that leads out, to a file or through a folder", () => {
    using site = new SiteFolder({ "in.txt": "in" });
    writeFileSync(`${site.outside}/secret`, "secret");
    mkdirSync(`${site.outside}/root-2`); // begins like the root
    writeFileSync(`${site.outside}/root-2/x`, "x");
    symlinkSync("../secret", `${site.root}/relative`);
    symlinkSync(`${site.outside}/secret`, `${site.root}/absolute`);
    symlinkSync("..", `${site.root}/up`);
    symlinkSync("/", `${site.root}/top`);
    symlinkSync("../root-2", `${site.root}/neighbour`);
    symlinkSync("/proc/self/environ", `${site.root}/environ`);
    const root = new SiteRoot(site.root);
    const paths = ["/relative", "/absolute", "/up", "/up/", "/up/secret", "/top/etc/passwd"];
    for (const path of [...paths, "/top", "/neighbour", "/neighbour/x", "/environ"]) {
      expect([path, root.open(path)]).toEqual([path, OPEN_ABSENT]);
    }
    const back = opened(root.open("/up/root/in.txt")); // out and in again is in
    back.release();
  });

  test("what is not a regular file, without waiting for it", async () => {
    using site = new SiteFolder();
    expect(Bun.spawnSync(["mkfifo", `${site.root}/fifo`]).success).toBe(true);
    symlinkSync("/dev/zero", `${site.root}/zero`);
    symlinkSync("/dev/tty", `${site.root}/tty`);
    const server = createServer().listen(`${site.root}/socket`);
    await new Promise((resolve) => server.once("listening", resolve));
    const root = new SiteRoot(site.root);
    for (const path of ["/fifo", "/zero", "/tty", "/socket"]) {
      expect([path, root.open(path)]).toEqual([path, OPEN_ABSENT]);
    }
    server.close();
  });

  test("names that cannot be, loops, a file used as a folder", () => {
    using site = new SiteFolder({ "a.txt": "a" });
    symlinkSync("loop", `${site.root}/loop`);
    symlinkSync("gone", `${site.root}/dangling`);
    const root = new SiteRoot(site.root);
    const paths = ["/a.txt/", "/a.txt/x", "/loop", "/loop/x", "/dangling", `/${"n".repeat(300)}`];
    for (const path of [...paths, `/${"long/".repeat(1000)}`, "/a\u0000b"]) {
      expect([path, root.open(path)]).toEqual([path, OPEN_ABSENT]);
    }
  });

  test.skipIf(isRoot)("what the system forbids", () => {
    using site = new SiteFolder({ "a.txt": "a" });
    chmodSync(`${site.root}/a.txt`, 0);
    expect(new SiteRoot(site.root).open("/a.txt")).toBe(OPEN_FORBIDDEN);
  });

  test("nothing at the price of a descriptor", () => {
    using site = new SiteFolder({ "a.txt": "a" });
    symlinkSync("/etc/passwd", `${site.root}/out`);
    const root = new SiteRoot(site.root);
    for (let run = 0; run < 50; run++) {
      for (const path of ["/out", "/gone", "/", "/a.txt/", "/a.txt"]) {
        const found = root.open(path);
        if (typeof found !== "number") found.release();
      }
    }
    expect(openCount(site.outside)).toBe(0);
  });
});

describe("OpenFile", () => {
  test("closes with its last holder, and not twice", () => {
    using site = new SiteFolder({ "a.txt": "a" });
    const file = opened(new SiteRoot(site.root).open("/a.txt"));
    file.retain();
    file.release();
    expect(openCount(site.outside)).toBe(1);
    file.release();
    expect(openCount(site.outside)).toBe(0);
    expect(() => file.release()).toThrow("released");
    expect(() => file.retain()).toThrow("retained");
  });
});

test("isSameFile tells a replaced file from its likeness", () => {
  using site = new SiteFolder({ "a.txt": "same" });
  const root = new SiteRoot(site.root);
  const before = root.stat("/a.txt")!;
  expect(isSameFile(before, root.stat("/a.txt")!)).toBe(true);
  site.write("b.txt", "like");
  renameSync(`${site.root}/b.txt`, `${site.root}/a.txt`); // same size, same time of change
  expect(isSameFile(before, root.stat("/a.txt")!)).toBe(false);
  expect(root.stat("/gone")).toBeNull();
  expect(realpathSync(site.root)).toBe(site.root);
});

test("SiteRoot serves a hard link as any file", () => {
  using site = new SiteFolder({ "a.txt": "a" });
  linkSync(`${site.root}/a.txt`, `${site.root}/b.txt`);
  opened(new SiteRoot(site.root).open("/b.txt")).release();
});

test("failureOf tells absent, forbidden, busy and broken apart", () => {
  const cases: [string, OpenFailure][] = [
    ["ENOENT", OPEN_ABSENT],
    ["ELOOP", OPEN_ABSENT],
    ["ENAMETOOLONG", OPEN_ABSENT],
    ["ENXIO", OPEN_ABSENT],
    ["EACCES", OPEN_FORBIDDEN],
    ["EPERM", OPEN_FORBIDDEN],
    ["EMFILE", OPEN_BUSY],
    ["ENFILE", OPEN_BUSY],
    ["EIO", OPEN_FAILED],
    ["ESTALE", OPEN_FAILED],
  ];
  for (const [code, failure] of cases) {
    const error = Object.assign(new Error("x"), { code });
    expect([code, failureOf(error)]).toEqual([code, failure]);
  }
  expect(failureOf(new Error("no code"))).toBe(OPEN_FAILED);
  expect(failureOf("not even an error")).toBe(OPEN_FAILED);
});
