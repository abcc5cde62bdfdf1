// A folder over HTTP: which path gets what. Whatever leads out, is hidden or is not there is 404.

import { mkdirSync, symlinkSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { SiteFolder, StaticWorld } from "./static-world.ts";

const FILES = {
  "index.html": "<p>home",
  "a.txt": "text",
  "docs/index.html": "<p>docs",
  "docs/b c.txt": "blank",
  "empty/x/y": "",
  ".env": "SECRET",
  ".git/config": "SECRET",
  ".well-known/x": "known",
};

describe("StaticFiles", () => {
  test("sends files, indexes and .well-known", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    const bodies = { "/": "<p>home", "/a.txt": "text", "/docs/": "<p>docs", "/a.txt?v=1": "text" };
    for (const [path, body] of Object.entries({ ...bodies, "/.well-known/x": "known" })) {
      for (let time = 0; time < 3; time++) {
        const answer = await world.get(path);
        expect([path, answer.status, answer.body]).toEqual([path, 200, body]);
      }
    }
    expect((await world.get("/docs/b%20c.txt")).body).toBe("blank");
    expect((await world.get("//docs///b%20c.txt")).body).toBe("blank");
    expect((await world.get("/%61.txt")).body).toBe("text");
    world.checkEnd();
  });

  test.each([
    "/../root/a.txt",
    "/..%2froot/a.txt",
    "/%2e%2e/root/a.txt",
    "/docs/../a.txt",
    "/docs/%2e%2e/a.txt",
    "/docs%2f..%2fa.txt",
    "/a.txt%00",
    "/a.txt%00.html",
    "/..%5croot",
    "/%252e%252e/root/a.txt",
    "/.env",
    "/%2eenv",
    "/.git/config",
    "/docs/../.env",
    "/a.txt/",
    "/a.txt.",
    "/a.txt%20",
    "/A.TXT",
    "/a.txt::$DATA",
    "/a.txt/../../secret",
    `/${"x".repeat(256)}`,
    `/${"x/".repeat(2500)}`,
    "/%ff%fe",
    "/docs/index.html/",
  ])("does not serve %s", async (path) => {
    using folder = new SiteFolder(FILES);
    folder.write("../secret", "SECRET");
    const world = new StaticWorld(folder, { listing: true });
    const answer = await world.get(path);
    expect([path, answer.status]).toEqual([path, 404]);
    expect(answer.body).not.toContain("SECRET");
    world.checkEnd();
  });

  test("does not follow links out, and does those inside", async () => {
    using folder = new SiteFolder(FILES);
    folder.write("../secret", "SECRET");
    symlinkSync("../secret", `${folder.root}/out`);
    symlinkSync("../..", `${folder.root}/up`);
    symlinkSync("a.txt", `${folder.root}/in`);
    const world = new StaticWorld(folder);
    for (const path of ["/out", "/up", "/up/", "/up/secret"]) {
      expect([path, (await world.get(path)).status]).toEqual([path, 404]);
    }
    expect((await world.get("/in")).body).toBe("text");
  });

  test("does not wait for a FIFO", async () => {
    using folder = new SiteFolder(FILES);
    Bun.spawnSync(["mkfifo", `${folder.root}/fifo`]);
    expect((await new StaticWorld(folder).get("/fifo")).status).toBe(404);
  });
});

describe("StaticFiles sends a folder without its slash", () => {
  test("there, with its query", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder);
    for (const [path, location] of [
      ["/docs", "/docs/"],
      ["/docs?a=1&b=2", "/docs/?a=1&b=2"],
      ["/%64ocs", "/%64ocs/"],
      ["/empty/x", "/empty/x/"],
    ] as const) {
      const answer = await world.get(path);
      expect([path, answer.status, answer.fields["location"]]).toEqual([path, 301, location]);
    }
    world.checkEnd();
  });

  test("and never to another host", async () => {
    using folder = new SiteFolder();
    mkdirSync(`${folder.root}/evil.example`);
    mkdirSync(`${folder.root}/http:`);
    mkdirSync(`${folder.root}/http:/evil.example`);
    mkdirSync(`${folder.root}/@evil.example`);
    const world = new StaticWorld(folder);
    const paths = ["//evil.example", "///evil.example", "/http://evil.example", "/@evil.example"];
    for (const path of [...paths, "//evil.example?//other.example", "/http:/evil.example"]) {
      const answer = await world.get(path);
      expect([path, answer.status]).toEqual([path, 301]);
      const location = answer.fields["location"]!;
      expect(location).toMatch(/^\/[^/\\]/);
      expect(new URL(location, "http://here.example/").host).toBe("here.example");
    }
    for (const path of ["/\\evil.example", "/%5cevil.example", "/%2f%2fevil.example"]) {
      expect((await world.get(path)).status).toBeOneOf([400, 404]);
    }
  });

  test("even in absolute form", async () => {
    using folder = new SiteFolder(FILES);
    const peer = new StaticWorld(folder).connect();
    peer.send("GET http://evil.example/docs HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    expect(peer.answer().fields["location"]).toBe("/docs/");
  });
});

describe("StaticFiles lists", () => {
  test("nothing unless it is told to", async () => {
    using folder = new SiteFolder(FILES);
    expect((await new StaticWorld(folder).get("/empty/")).status).toBe(404);
    expect((await new StaticWorld(folder).get("/empty/x/")).status).toBe(404);
  });

  test("a folder without an index, hidden files not, and as a page that runs nothing", async () => {
    using folder = new SiteFolder({ ...FILES, "l/<script>alert(1)": "x", "l/.hidden": "x" });
    const world = new StaticWorld(folder, { listing: true });
    const answer = await world.get("/l/");
    expect(answer.status).toBe(200);
    expect(answer.fields["content-type"]).toStartWith("text/html");
    expect(answer.fields["content-security-policy"]).toContain("default-src 'none'");
    expect(answer.body).not.toContain("<script>");
    expect(answer.body).not.toContain(".hidden");
    expect((await world.get("/docs/")).body).toBe("<p>docs");
    expect((await world.ask("HEAD", "/l/")).body).toBe("");
  });
});

describe("StaticFiles answers for a single-page application", () => {
  test("places with its page, files that are missing not", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder, { spa: true });
    for (const path of ["/users/7", "/empty/", "/a/b/c"]) {
      const answer = await world.get(path);
      expect([path, answer.status, answer.body]).toEqual([path, 200, "<p>home"]);
    }
    for (const path of ["/app.js", "/img/x.png", "/.env", "/../x", "/%00"]) {
      expect([path, (await world.get(path)).status]).toEqual([path, 404]);
    }
    expect((await world.get("/a.txt")).body).toBe("text");
    world.checkEnd();
  });

  test("with another page, and with 404 where that is missing", async () => {
    using folder = new SiteFolder(FILES);
    const world = new StaticWorld(folder, { spa: "docs/index.html" });
    expect((await world.get("/x")).body).toBe("<p>docs");
    const without = new StaticWorld(folder, { spa: "gone.html" });
    expect((await without.get("/x")).status).toBe(404);
  });
});

test("StaticFiles takes Cache-Control as a text or by path", async () => {
  using folder = new SiteFolder(FILES);
  const fixed = new StaticWorld(folder, { cacheControl: "public, max-age=60" });
  expect((await fixed.get("/a.txt")).fields["cache-control"]).toBe("public, max-age=60");
  const rule = (path: string): string | null => (path === "/index.html" ? "no-cache" : null);
  const ruled = new StaticWorld(folder, { cacheControl: rule });
  expect((await ruled.get("/")).fields["cache-control"]).toBe("no-cache");
  expect((await ruled.get("/a.txt")).fields["cache-control"]).toBeUndefined();
});

test("StaticFiles turns a rule that fails into 500, once for each request", async () => {
  using folder = new SiteFolder(FILES);
  const rule = (): string => "a\r\nSet-Cookie: x=1";
  const world = new StaticWorld(folder, { cacheControl: rule });
  const answer = await world.get("/a.txt");
  expect([answer.status, answer.fields["set-cookie"]]).toEqual([500, undefined]);
  world.checkEnd();
});

test("StaticFiles takes media types of the user's own", async () => {
  using folder = new SiteFolder({ "a.glb": "x" });
  const world = new StaticWorld(folder, { types: { glb: "model/gltf-binary" } });
  expect((await world.get("/a.glb")).fields["content-type"]).toBe("model/gltf-binary");
});
