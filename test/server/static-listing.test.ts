// Names that want to be markup, links that want to lead away, and folders that cannot be read.

import { mkdirSync, symlinkSync } from "node:fs";
import { expect, test } from "bun:test";
import { escapeHtml, LISTING_NAMES_MAX, renderListing } from "../../src/server/static-listing.ts";
import { SiteFolder } from "./static-world.ts";

const links = (page: string): string[] =>
  [...page.matchAll(/href="([^"]*)"/g)].map(([, to]) => to!);

test("renderListing escapes every name as text and as a link", () => {
  const names = [
    '<img src=x onerror="alert(1)">',
    "javascript:alert(1)",
    "a&b's",
    "?#%",
    '"',
    "é ü",
  ];
  using site = new SiteFolder(Object.fromEntries(names.map((name) => [name, "x"])));
  const page = renderListing(site.root, "/")!;
  expect(page).not.toContain("<img");
  expect(page).not.toContain('onerror="');
  for (const link of links(page)) {
    expect(link.startsWith("./")).toBe(true);
    expect(names).toContain(decodeURIComponent(link.slice(2)));
  }
  expect(links(page)).toHaveLength(names.length);
});

test("renderListing escapes its own path", () => {
  using site = new SiteFolder({ "<b>/x": "x" });
  const page = renderListing(site.root, "/<b>/")!;
  expect(page).not.toContain("<b>");
  expect(links(page)).toEqual(["../", "./x"]);
});

test("renderListing shows folders first, and nothing that is hidden or cannot be served", () => {
  using site = new SiteFolder({ "b.txt": "12345", ".env": "x", "a.txt": "1" });
  mkdirSync(`${site.root}/z`);
  mkdirSync(`${site.root}/.git`);
  Bun.spawnSync(["mkfifo", `${site.root}/fifo`]);
  symlinkSync("gone", `${site.root}/dangling`);
  symlinkSync("loop", `${site.root}/loop`);
  const page = renderListing(site.root, "/")!;
  expect(links(page)).toEqual(["./z/", "./a.txt", "./b.txt"]);
  expect(page).toContain("<td>5</td>");
});

test("renderListing gives null for what is no folder", () => {
  using site = new SiteFolder({ a: "x" });
  expect(renderListing(site.root, "/a/")).toBeNull();
  expect(renderListing(site.root, "/gone/")).toBeNull();
});

test("renderListing shows a bounded number of names", () => {
  expect(LISTING_NAMES_MAX).toBeLessThanOrEqual(10_000);
});

test("escapeHtml leaves no character that means something", () => {
  expect(escapeHtml("<a href='x'>\"&\u0000\n</a>")).not.toMatch(/[<>'"\u0000\n]|&(?!#\d+;)/);
});
