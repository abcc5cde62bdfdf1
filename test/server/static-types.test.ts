// Media types that browsers must get right, and names that have none.

import { describe, expect, test } from "bun:test";
import { contentTypeOf, isCompressed, isCompressible } from "../../src/server/static-types.ts";

describe("contentTypeOf", () => {
  test.each([
    ["/index.html", "text/html; charset=utf-8"],
    ["/INDEX.HTML", "text/html; charset=utf-8"],
    ["/app.js", "text/javascript; charset=utf-8"],
    ["/app.mjs", "text/javascript; charset=utf-8"],
    ["/site.css", "text/css; charset=utf-8"],
    ["/a.json", "application/json"],
    ["/a.svg", "image/svg+xml"],
    ["/a.wasm", "application/wasm"],
    ["/a.woff2", "font/woff2"],
    ["/favicon.ico", "image/x-icon"],
    ["/a.md", "text/markdown; charset=utf-8"],
    ["/a.csv", "text/csv; charset=utf-8"],
    ["/film.ts", "video/mp2t"],
    ["/a.tar.gz", "application/gzip"],
    ["/a.webmanifest", "application/manifest+json; charset=utf-8"],
  ])("knows %s", (path, type) => {
    expect(contentTypeOf(path)).toBe(type);
  });

  test.each([
    "/a",
    "/a.",
    "/a.unknown",
    "/dir.html/file",
    "/a.__proto__",
    "/a.constructor",
    "/a. ",
  ])("calls %p bytes", (path) => {
    expect(contentTypeOf(path)).toBe("application/octet-stream");
  });

  test("lets the user's table go first", () => {
    expect(contentTypeOf("/a.glb", { glb: "model/x" })).toBe("model/x");
    expect(contentTypeOf("/a.html", { html: "text/x" })).toBe("text/x");
  });
});

test("isCompressible picks text and leaves what is compressed already", () => {
  for (const type of ["text/html; charset=utf-8", "application/json", "image/svg+xml"]) {
    expect(isCompressible(type)).toBe(true);
  }
  for (const type of ["image/png", "application/gzip", "font/woff2", "application/octet-stream"]) {
    expect(isCompressible(type)).toBe(false);
  }
});

test("isCompressed names what gains nothing by another coding, and leaves the unknown open", () => {
  for (const type of ["image/png", "image/jpeg", "video/mp4", "audio/mpeg", "font/woff2"]) {
    expect([type, isCompressed(type)]).toEqual([type, true]);
  }
  for (const type of ["text/html", "image/svg+xml", "font/ttf", "application/octet-stream"]) {
    expect([type, isCompressed(type)]).toEqual([type, false]);
  }
});
