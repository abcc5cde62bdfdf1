// Paths that lead out, hide something or name another host; and the few that do not.

import { describe, expect, test } from "bun:test";
import {
  decodePath,
  encodeSegment,
  folderLocation,
  hasExtension,
} from "../../src/server/static-path.ts";
import { Random, seedOfRun } from "../support/random.ts";

describe("decodePath", () => {
  const REFUSED = [
    "",
    "a.txt",
    "*",
    "/..",
    "/../etc/passwd",
    "/a/../../b",
    "/a/..",
    "/./a",
    "/a/.",
    "/%2e%2e/etc/passwd",
    "/%2E%2E/x",
    "/.%2e/x",
    "/%2e./x",
    "/..%2fetc",
    "/a%2fb",
    "/a%2Fb",
    "/..%5cwindows",
    "/a%5Cb",
    "/a\\b",
    "/\\evil.example",
    "/a%00.txt",
    "/%00",
    "/a\u0000b",
    "/%c0%ae%c0%ae/etc", // overlong
    "/%ff",
    "/%e2%82", // half a character
    "/%ed%a0%80", // a surrogate
    "/%",
    "/%4",
    "/%zz",
    "/.git/config",
    "/.env",
    "/a/.htpasswd",
    "/%2egit/config",
    "/.well-known/.secret",
    "/.Well-Known/x",
    "/.well-known2/x",
    "/...",
    "/..a",
    `/${"a".repeat(256)}`,
    `/${"a/".repeat(2100)}`,
  ];

  test.each(REFUSED)("refuses %p", (path) => {
    expect(decodePath(path)).toBeNull();
  });

  test("decodes once: what was encoded twice is a name with a percent sign", () => {
    expect(decodePath("/%252e%252e/x")).toBe("/%2e%2e/x");
    expect(decodePath("/%2520")).toBe("/%20");
  });

  test("takes plain paths, .well-known, and counts repeated slashes as one", () => {
    expect(decodePath("/")).toBe("/");
    expect(decodePath("//a///b.txt")).toBe("/a/b.txt");
    expect(decodePath("/b%20c/%C3%A9.txt")).toBe("/b c/é.txt");
    expect(decodePath("/.well-known/acme-challenge/x")).toBe("/.well-known/acme-challenge/x");
    expect(decodePath("/a./b..c/d")).toBe("/a./b..c/d");
    expect(decodePath(`/${"a".repeat(255)}`)).toBe(`/${"a".repeat(255)}`);
  });

  test("never gives a path with a hidden segment, a NUL or a backslash", () => {
    const random = new Random(seedOfRun());
    const pieces = [
      "/",
      ".",
      "..",
      "%2e",
      "%2f",
      "%5c",
      "%00",
      "a",
      "%61",
      "\\",
      "%25",
      "2e",
      "%c3",
    ];
    for (let run = 0; run < 20_000; run++) {
      let path = "/";
      for (let left = random.below(10); left > 0; left--) path += random.pick(pieces);
      const decoded = decodePath(path);
      const bad = decoded !== null && /(?:^|\/)\.|[\u0000\\]|\/\/|^[^/]/.test(decoded);
      if (bad) throw new Error(`seed ${random.seed}: ${path} gives ${decoded}`);
    }
  });
});

describe("folderLocation", () => {
  test("never names another host", () => {
    expect(folderLocation("//evil.example", "")).toBe("/evil.example/");
    expect(folderLocation("///evil.example/a", "")).toBe("/evil.example/a/");
    expect(folderLocation("/a//b", "")).toBe("/a/b/");
  });

  test("keeps the query and the encoding", () => {
    expect(folderLocation("/a%20b", "x=1&y=//z")).toBe("/a%20b/?x=1&y=//z");
  });
});

test("encodeSegment survives half a surrogate pair", () => {
  expect(encodeSegment("a\ud800")).toBe("a%EF%BF%BD");
});

test("hasExtension looks at the last segment only", () => {
  expect(hasExtension("/a.b/c")).toBe(false);
  expect(hasExtension("/a/c.js")).toBe(true);
  expect(hasExtension("/")).toBe(false);
});
