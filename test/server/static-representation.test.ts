// Validators and fields of what is sent: strong only where they can be trusted.

import { statSync, utimesSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { CODING_BR, CODING_IDENTITY } from "../../src/server/static-codings.ts";
import {
  isSettled,
  Representation,
  type RepresentationOptions,
  SETTLED_MS,
} from "../../src/server/static-representation.ts";
import { SiteFolder } from "./static-world.ts";

const NOW_MS = Date.parse("2026-06-01T00:00:00Z");

function make(modifiedMs: number, options: Partial<RepresentationOptions> = {}): Representation {
  using site = new SiteFolder();
  const name = site.write("a.txt", "12345", new Date(modifiedMs));
  return new Representation({
    path: "/a.txt",
    stats: statSync(name),
    coding: CODING_IDENTITY,
    derived: false,
    type: "text/plain",
    varies: false,
    cacheControl: null,
    nowMs: NOW_MS,
    ...options,
  });
}

describe("Representation", () => {
  test("has a strong tag and its date once the file has been left alone", () => {
    const made = make(NOW_MS - 60_000);
    expect(made.etag).toMatch(/^"[0-9a-z]+-5"$/);
    expect(made.modifiedMs).toBe(NOW_MS - 60_000);
    expect(made.fields).toContain("Last-Modified: Sun, 31 May 2026 23:59:00 GMT\r\n");
  });

  test("has a weak tag while the file may change again within the same tick", () => {
    expect(make(NOW_MS - 100).etag).toStartWith('W/"');
    expect(make(NOW_MS - SETTLED_MS).etag).toStartWith('"');
  });

  test("has no date that lies ahead, and a tag nevertheless", () => {
    const made = make(NOW_MS + 3_600_000);
    expect(made.modifiedMs).toBeNaN();
    expect(made.fields).not.toContain("Last-Modified");
    expect(made.etag).toStartWith('"');
  });

  test("cuts its date to seconds, and not its tag", () => {
    const [one, other] = [make(NOW_MS - 60_000), make(NOW_MS - 60_000 + 7)];
    expect(one.modifiedMs).toBe(other.modifiedMs);
    expect(one.etag).not.toBe(other.etag);
  });

  test("has another tag in another coding, a weak one for what we make ourselves", () => {
    const plain = make(NOW_MS - 60_000);
    const sibling = make(NOW_MS - 60_000, { coding: CODING_BR, varies: true });
    const derived = make(NOW_MS - 60_000, { coding: CODING_BR, derived: true, varies: true });
    expect(sibling.etag).toBe(`${plain.etag.slice(0, -1)}-br"`);
    expect(derived.etag).toBe(`W/${sibling.etag}`);
    expect(sibling.fields).toContain("Content-Encoding: br\r\n");
    expect(sibling.fields).toContain("Accept-Ranges: bytes\r\n");
    expect(derived.fields).not.toContain("Accept-Ranges");
    for (const made of [sibling, derived]) {
      expect(made.fields).toContain("Vary: Accept-Encoding\r\n");
      expect(made.fieldsUnchanged).toContain("Vary: Accept-Encoding\r\n");
    }
  });

  test("repeats in a 304 what a cache updates, and nothing of the content", () => {
    const made = make(NOW_MS - 60_000, { cacheControl: "no-cache", coding: CODING_BR });
    expect(made.fieldsUnchanged).toContain("ETag: ");
    expect(made.fieldsUnchanged).toContain("Cache-Control: no-cache\r\n");
    expect(made.fieldsUnchanged).not.toContain("Content-");
  });
});

test("isSettled looks both ways", () => {
  using site = new SiteFolder({ a: "x" });
  const name = `${site.root}/a`;
  for (const [offsetMs, settled] of [
    [-SETTLED_MS, true],
    [-1, false],
    [1, false],
    [SETTLED_MS, true],
  ] as const) {
    const at = new Date(NOW_MS + offsetMs);
    utimesSync(name, at, at);
    expect([offsetMs, isSettled(statSync(name), NOW_MS)]).toEqual([offsetMs, settled]);
  }
});
