// What RFC 9110 asks of an answer with a file: HEAD, validators, preconditions, ranges, codings.

import { renameSync, unlinkSync, utimesSync } from "node:fs";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { describe, expect, test } from "bun:test";
import { type Answer } from "./http-world.ts";
import { SiteFolder, StaticWorld } from "./static-world.ts";

const SMALL = "0123456789";
const LARGE = "0123456789".repeat(10_000); // by pieces
const PAGE = "<p>Hello, World!</p>\n".repeat(200);
const FILES = { "small.bin": SMALL, "large.bin": LARGE, "page.html": PAGE, "empty.bin": "" };
const MODIFIED = "Fri, 02 Jan 2026 03:04:05 GMT";

function bytesOf(answer: Answer): Buffer {
  return Buffer.from(answer.body, "latin1");
}

async function etagOf(world: StaticWorld, path: string): Promise<string> {
  return (await world.get(path)).fields["etag"]!;
}

describe("HEAD", () => {
  test.each(["/small.bin", "/large.bin", "/empty.bin", "/page.html"])(
    "of %s has the fields of GET and no content",
    async (path) => {
      using folder = new SiteFolder(FILES);
      const world = new StaticWorld(folder);
      const get = await world.get(path);
      for (let time = 0; time < 2; time++) {
        const head = await world.ask("HEAD", path);
        expect(head.body).toBe("");
        expect({ ...head.fields, date: "" }).toEqual({ ...get.fields, date: "" });
      }
      world.checkEnd();
    },
  );

  test("ignores Range, and not preconditions", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    const head = await world.ask("HEAD", "/small.bin", { Range: "bytes=0-1" });
    expect([head.status, head.fields["content-length"]]).toEqual([200, "10"]);
    const etag = await etagOf(world, "/small.bin");
    const fresh = await world.ask("HEAD", "/small.bin", { "If-None-Match": etag });
    expect(fresh.status).toBe(304);
  });
});

describe("preconditions", () => {
  test("are met with 304, its validators, and no content", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder, { cacheControl: "no-cache" });
    for (const path of ["/small.bin", "/large.bin"]) {
      const etag = await etagOf(world, path);
      for (const fields of [{ "If-None-Match": etag }, { "If-Modified-Since": MODIFIED }]) {
        const answer = await world.get(path, fields as Record<string, string>);
        expect([answer.status, answer.body]).toEqual([304, ""]);
        expect(answer.fields["etag"]).toBe(etag);
        expect(answer.fields["cache-control"]).toBe("no-cache");
        expect(answer.fields["content-length"]).toBeUndefined();
        expect(answer.fields["content-type"]).toBeUndefined();
      }
    }
    world.checkEnd();
  });

  test("that fail are met with 412", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    expect((await world.get("/small.bin", { "If-Match": '"x"' })).status).toBe(412);
    const old = { "If-Unmodified-Since": "Thu, 01 Jan 2026 00:00:00 GMT" };
    expect((await world.get("/small.bin", old)).status).toBe(412);
    expect((await world.get("/gone.bin", { "If-Match": "*" })).status).toBe(404);
    expect((await world.get("/gone.bin", { "If-None-Match": "*" })).status).toBe(404);
  });

  test("go before Range", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    const etag = await etagOf(world, "/small.bin");
    const both = { "If-None-Match": etag, Range: "bytes=0-1" };
    expect((await world.get("/small.bin", both)).status).toBe(304);
    const failed = { "If-Match": '"x"', Range: "bytes=99-" };
    expect((await world.get("/small.bin", failed)).status).toBe(412);
  });

  test("see a change", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder, { revalidateMs: 0 });
    const etag = await etagOf(world, "/small.bin");
    folder.write("small.bin", "other", new Date("2026-02-01T00:00:00Z"));
    const answer = await world.get("/small.bin", { "If-None-Match": etag });
    expect([answer.status, answer.body]).toEqual([200, "other"]);
    expect(answer.fields["etag"]).not.toBe(etag);
  });
});

describe("Range", () => {
  test.each([
    ["bytes=0-0", "0", "bytes 0-0/"],
    ["bytes=2-4", "234", "bytes 2-4/"],
    ["bytes=-3", "789", "bytes "],
  ])("%s is answered with 206 and just these bytes", async (field, body, shown) => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    for (const path of ["/small.bin", "/large.bin"]) {
      for (let time = 0; time < 2; time++) {
        const answer = await world.get(path, { Range: field });
        expect([path, answer.status, answer.body]).toEqual([path, 206, body]);
        expect(answer.fields["content-range"]).toStartWith(shown);
        expect(answer.fields["content-length"]).toBe(String(body.length));
        expect(answer.fields["etag"]).toBeDefined();
      }
    }
    world.checkEnd();
  });

  test("beyond the end is answered with 416 and the size", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    for (const [path, size] of [
      ["/small.bin", 10],
      ["/large.bin", 100_000],
      ["/empty.bin", 0],
    ] as const) {
      const answer = await world.get(path, { Range: `bytes=${size}-` });
      expect(answer.status).toBe(416);
      expect(answer.fields["content-range"]).toBe(`bytes */${size}`);
      expect(answer.fields["etag"]).toBeUndefined();
    }
  });

  test("that is malformed or asks for too much is ignored", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    const many = Array.from({ length: 40 }, (_, index) => `${index * 2}-${index * 2}`).join(",");
    for (const field of ["bytes=x", "lines=1-2", "bytes=5-2", `bytes=${many}`]) {
      const answer = await world.get("/small.bin", { Range: field });
      expect([field, answer.status, answer.body]).toEqual([field, 200, SMALL]);
    }
    const twice = world.connect();
    twice.send(
      "GET /small.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\nRange: bytes=4-5\r\n\r\n",
    );
    expect(twice.answer().status).toBe(200); // two fields are no valid one
  });

  test("with several pieces is answered in parts", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    for (const path of ["/small.bin", "/large.bin"]) {
      const answer = await world.get(path, { Range: "bytes=8-9,0-1,1-2" });
      expect(answer.status).toBe(206);
      expect(answer.fields["content-range"]).toBeUndefined();
      const type = answer.fields["content-type"]!;
      const boundary = /^multipart\/byteranges; boundary=([\w-]{20,70})$/.exec(type)![1]!;
      const parts = answer.body.split(`--${boundary}`);
      expect(parts).toHaveLength(4);
      expect(parts[1]).toMatch(/Content-Range: bytes 8-9\/\d+\r\n\r\n89\r\n$/);
      expect(parts[2]).toMatch(/Content-Range: bytes 0-2\/\d+\r\n\r\n012\r\n$/);
      expect(parts[3]).toBe("--\r\n");
    }
    world.checkEnd();
  });

  test("counts only if If-Range is met", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    const etag = await etagOf(world, "/small.bin");
    const ask = async (value: string): Promise<number> =>
      (await world.get("/small.bin", { Range: "bytes=0-1", "If-Range": value })).status;
    expect([await ask(etag), await ask(MODIFIED)]).toEqual([206, 206]);
    for (const value of ['"x"', `W/${etag}`, "Fri, 02 Jan 2026 03:04:06 GMT", "*", "x"]) {
      expect([value, await ask(value)]).toEqual([value, 200]);
    }
    const alone = await world.get("/small.bin", { "If-Range": etag });
    expect(alone.status).toBe(200);
  });

  test("is not trusted to a file that has just been written", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    world.reactor.readClock();
    const now = new Date(world.reactor.wallMs);
    utimesSync(`${folder.root}/small.bin`, now, now);
    const etag = await etagOf(world, "/small.bin");
    expect(etag).toStartWith("W/");
    const fields = { Range: "bytes=0-1", "If-Range": etag };
    expect((await world.get("/small.bin", fields)).status).toBe(200);
  });
});

describe("Accept-Encoding", () => {
  const SIBLINGS = { ...FILES, "page.html.br": "BR", "page.html.gz": "GZ", "page.html.zst": "ZS" };

  test.each([
    ["br, gzip, zstd", "br", "BR"],
    ["gzip, zstd", "zstd", "ZS"],
    ["gzip", "gzip", "GZ"],
    ["br;q=0.1, gzip;q=0.9", "gzip", "GZ"],
    ["*", "br", "BR"],
    ["identity", undefined, PAGE],
    ["br;q=0, *;q=0", "406", ""],
    ["deflate", undefined, PAGE],
    ["", undefined, PAGE],
  ])("%p gets the sibling in %p", async (field, coding, body) => {
    using folder = new SiteFolder(SIBLINGS);
    const world = new StaticWorld(folder);
    for (let time = 0; time < 2; time++) {
      const answer = await world.get("/page.html", { "Accept-Encoding": field });
      expect(answer.fields["vary"]).toBe("Accept-Encoding");
      if (coding === "406") {
        expect(answer.status).toBe(406);
      } else {
        expect([answer.status, answer.body]).toEqual([200, body]);
        expect(answer.fields["content-encoding"]).toBe(coding);
        expect(answer.fields["content-type"]).toBe("text/html; charset=utf-8");
      }
    }
    world.checkEnd();
  });

  test("without it the file is sent as it is, with Vary", async () => {
    using folder = new SiteFolder(SIBLINGS);
    const answer = await new StaticWorld(folder).get("/page.html");
    expect([answer.body, answer.fields["vary"]]).toEqual([PAGE, "Accept-Encoding"]);
  });

  test("takes part in ranges, tags and preconditions of the sibling", async () => {
    using folder = new SiteFolder(SIBLINGS);
    const world = new StaticWorld(folder);
    const gzip = { "Accept-Encoding": "gzip" };
    const part = await world.get("/page.html", { ...gzip, Range: "bytes=1-" });
    expect([part.status, part.body, part.fields["content-encoding"]]).toEqual([206, "Z", "gzip"]);
    const tag = (await world.get("/page.html", gzip)).fields["etag"]!;
    const same = await world.get("/page.html", { ...gzip, "If-None-Match": tag });
    expect([same.status, same.fields["vary"]]).toEqual([304, "Accept-Encoding"]);
    const other = await world.get("/page.html", { "If-None-Match": tag });
    expect(other.status).toBe(200);
  });

  test("compresses text once, keeps it, and gives it back the same", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    const bodies = new Set<string>();
    for (let time = 0; time < 3; time++) {
      const answer = await world.get("/page.html", { "Accept-Encoding": "gzip" });
      expect(answer.fields["content-encoding"]).toBe("gzip");
      expect(gunzipSync(bytesOf(answer)).toString()).toBe(PAGE);
      expect(answer.fields["etag"]).toMatch(/^W\/".*-gzip"$/);
      bodies.add(answer.body);
    }
    expect(bodies.size).toBe(1);
    const answer = await world.get("/page.html", { "Accept-Encoding": "br" });
    expect(brotliDecompressSync(bytesOf(answer)).toString()).toBe(PAGE);
    world.checkEnd();
  });

  test("compresses for many at once, once", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    const asked = Array.from({ length: 20 }, () =>
      world.get("/page.html", { "Accept-Encoding": "br" }),
    );
    for (const answer of await Promise.all(asked)) {
      expect(answer.fields["content-encoding"]).toBe("br");
      expect(brotliDecompressSync(bytesOf(answer)).toString()).toBe(PAGE);
    }
    world.checkEnd();
  });

  test("knows the tag of what it would compress before it has", async () => {
    using folder = new SiteFolder(FILES);
    const first = new StaticWorld(folder);
    const fields = { "Accept-Encoding": "gzip" };
    const tag = (await first.get("/page.html", fields)).fields["etag"]!;
    const other = new StaticWorld(folder); // another worker
    const answer = await other.get("/page.html", { ...fields, "If-None-Match": tag });
    expect(answer.status).toBe(304);
  });

  test("does not compress what it should not", async () => {
    using folder = new SiteFolder({ ...FILES, "tiny.html": "<p>", "noise.txt": PAGE });
    const world = new StaticWorld(folder);
    const gzip = { "Accept-Encoding": "gzip" };
    for (const path of ["/small.bin", "/large.bin", "/tiny.html"]) {
      const answer = await world.get(path, gzip);
      expect([path, answer.fields["content-encoding"]]).toEqual([path, undefined]);
      expect(answer.fields["vary"]).toBeUndefined();
    }
    const ranged = await world.get("/page.html", { ...gzip, Range: "bytes=0-2" });
    expect([ranged.status, ranged.body]).toEqual([206, "<p>"]);
    const off = new StaticWorld(folder, { compress: false });
    expect((await off.get("/page.html", gzip)).fields["content-encoding"]).toBeUndefined();
  });

  test("sends text as it is that does not get smaller", async () => {
    using folder = new SiteFolder();
    const noise = crypto.getRandomValues(new Uint8Array(5000));
    folder.write("noise.txt", noise);
    const world = new StaticWorld(folder);
    for (let time = 0; time < 3; time++) {
      const answer = await world.get("/noise.txt", { "Accept-Encoding": "gzip, br, zstd" });
      expect(answer.fields["content-encoding"]).toBeUndefined();
      expect(bytesOf(answer).equals(noise)).toBe(true);
    }
    world.checkEnd();
  });

  test("lets a peer leave while its page is compressed, and serves the others", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    const peer = world.connect();
    peer.send("GET /page.html HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n");
    peer.socket.peerReset();
    const answer = await world.get("/page.html", { "Accept-Encoding": "br" });
    expect(answer.status).toBe(200);
    world.checkEnd();
  });
});

describe("a file that changes while it is served", () => {
  test("and is gone once it is to be opened: 404", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder, { cacheBytes: 0 });
    expect((await world.get("/small.bin")).status).toBe(200);
    unlinkSync(`${folder.root}/small.bin`);
    expect((await world.get("/small.bin")).status).toBe(404);
    world.checkEnd();
  });

  test("and is another by then: the other one, with its own tag", async () => {
    using folder = new SiteFolder({ ...FILES, "next.bin": "another" });
    const world = new StaticWorld(folder, { cacheBytes: 0 });
    const before = await world.get("/small.bin");
    renameSync(`${folder.root}/next.bin`, `${folder.root}/small.bin`);
    const after = await world.get("/small.bin");
    expect([after.status, after.body]).toEqual([200, "another"]);
    expect(after.fields["etag"]).not.toBe(before.fields["etag"]);
  });

  test("and is cut short: the connection is cut, not the answer passed off as whole", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder, { revalidateMs: 60_000 });
    world.clock.advance(1000);
    await world.get("/large.bin");
    Bun.spawnSync(["truncate", "-s", "100", `${folder.root}/large.bin`]);
    const peer = world.connect();
    peer.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    await world.until(() => peer.socket.closed);
    expect(peer.answers().every((answer) => answer.status !== 200 || !answer.complete)).toBe(true);
    world.checkEnd();
  });
});

test("without memory a small file is still sent, and a large one cut off or refused", async () => {
  using folder = new SiteFolder(FILES);
  const world = new StaticWorld(folder, {}, 128 * 1024);
  expect((await world.get("/small.bin")).body).toBe(SMALL);
  const peer = world.connect();
  peer.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
  await world.until(() => peer.socket.closed || peer.answers()[0]?.complete === true);
  expect((await world.get("/small.bin")).body).toBe(SMALL);
  if (!peer.socket.closed) peer.leave();
  world.checkEnd();
});
