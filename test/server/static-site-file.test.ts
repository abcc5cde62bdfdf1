// Which form is sent to whom.

import { statSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import {
  CODING_BR,
  CODING_GZIP,
  CODING_IDENTITY,
  CODING_ZSTD,
} from "../../src/server/static-codings.ts";
import { Representation } from "../../src/server/static-representation.ts";
import {
  EFFORT_ANY,
  EFFORT_BEGUN,
  EFFORT_NONE,
  NOTHING_ACCEPTABLE,
  SiteFile,
} from "../../src/server/static-site-file.ts";

const stats = statSync(import.meta.path);
const form = (coding: number): Representation =>
  new Representation({
    path: "/a",
    stats,
    coding,
    derived: false,
    type: "text/plain",
    varies: true,
    cacheControl: null,
    nowMs: 0,
  });

function make(siblings: readonly number[], compressible: boolean): SiteFile {
  return new SiteFile({
    path: "/a",
    filePath: "/a",
    plain: form(CODING_IDENTITY),
    siblings: [0, 1, 2, 3].map((coding) => (siblings.includes(coding) ? form(coding) : null)),
    compressible,
    cacheControl: null,
  });
}

const ALL = [CODING_BR, CODING_ZSTD, CODING_GZIP, CODING_IDENTITY];

describe("SiteFile chooses", () => {
  test("the first sibling that the client takes", () => {
    expect(make([CODING_BR, CODING_GZIP], false).choose(ALL, EFFORT_ANY)).toBe(CODING_BR);
    expect(make([CODING_GZIP], false).choose(ALL, EFFORT_ANY)).toBe(CODING_GZIP);
    expect(make([CODING_GZIP], false).choose([CODING_BR, CODING_IDENTITY], EFFORT_ANY)).toBe(0);
  });

  test("a sibling before work, and work before identity", () => {
    expect(make([CODING_GZIP], true).choose(ALL, EFFORT_ANY)).toBe(CODING_GZIP);
    expect(make([], true).choose(ALL, EFFORT_ANY)).toBe(CODING_BR);
    expect(make([], true).choose(ALL, EFFORT_BEGUN)).toBe(CODING_IDENTITY);
  });

  test("identity for those who like it best, whatever there is", () => {
    expect(make([CODING_GZIP], true).choose([CODING_IDENTITY, CODING_GZIP], EFFORT_ANY)).toBe(0);
  });

  test("no coding that has turned out useless", () => {
    const file = make([], true);
    file.useless = 1 << CODING_BR;
    expect(file.choose(ALL, EFFORT_ANY)).toBe(CODING_ZSTD);
    file.useless = 0b1110;
    expect(file.choose(ALL, EFFORT_ANY)).toBe(CODING_IDENTITY);
  });

  test("what is there already, or on its way, when no more may be begun", () => {
    const file = make([], true);
    expect(file.choose(ALL, EFFORT_BEGUN)).toBe(CODING_IDENTITY);
    file.compressing[CODING_GZIP] = Promise.resolve(null);
    expect(file.choose(ALL, EFFORT_BEGUN)).toBe(CODING_GZIP);
    file.compressed[CODING_ZSTD] = form(CODING_ZSTD);
    expect(file.choose(ALL, EFFORT_BEGUN)).toBe(CODING_ZSTD);
    expect(file.choose(ALL, EFFORT_NONE)).toBe(CODING_IDENTITY);
  });

  test("nothing for those who take nothing that there is", () => {
    expect(make([CODING_GZIP], true).choose([], EFFORT_ANY)).toBe(NOTHING_ACCEPTABLE);
    expect(make([], false).choose([CODING_BR], EFFORT_ANY)).toBe(NOTHING_ACCEPTABLE);
    expect(make([], true).choose([CODING_BR], EFFORT_BEGUN)).toBe(NOTHING_ACCEPTABLE);
  });
});

test("SiteFile varies when it has another form or can make one", () => {
  expect(make([], false).varies).toBe(false);
  expect(make([CODING_GZIP], false).varies).toBe(true);
  expect(make([], true).varies).toBe(true);
});
