// Accept-Encoding by RFC 9110 section 12.5.3, and fields that are no such thing.

import { describe, expect, test } from "bun:test";
import { CODING_NAMES, CodingPreferences } from "../../src/server/static-codings.ts";
import { Random, seedOfRun } from "../support/random.ts";

const preferences = new CodingPreferences();
const shown = (field: string): string =>
  preferences
    .of(field)
    .map((coding) => CODING_NAMES[coding]!)
    .join(" ");

describe("CodingPreferences", () => {
  test.each([
    ["gzip, deflate, br, zstd", "br zstd gzip identity"],
    ["gzip", "gzip identity"],
    ["GZip", "gzip identity"],
    ["*", "br zstd gzip identity"],
    ["", "identity"],
    ["identity", "identity"],
    ["deflate, compress", "identity"],
    ["gzip;q=0.5, br;q=0.1", "gzip br identity"],
    ["br;q=0, gzip", "gzip identity"],
    ["gzip;q=0", "identity"],
    ["gzip;q=1.0, identity;q=0", "gzip"],
    ["*;q=0", ""],
    ["identity;q=0", ""],
    ["*;q=0, gzip", "gzip"],
    ["*;q=0, identity;q=0.1", "identity"],
    ["identity, gzip;q=0.1", "identity gzip"],
    ["x-gzip-not", "identity"],
  ])("takes %p for %p", (field, codings) => {
    expect(shown(field)).toBe(codings);
  });

  test.each(["gzip;q=abc", ",,,;;;", "=", "\u00ff", "br;;;q", `gzip${",gzip".repeat(500)}`])(
    "never takes a coding for %p that it does not name",
    (field) => {
      for (const name of shown(field)
        .split(" ")
        .filter((word) => word !== "identity")) {
        expect(field.toLowerCase()).toContain(name);
      }
    },
  );

  test("survives any text", () => {
    const random = new Random(seedOfRun());
    const pieces = [
      "gzip",
      "br",
      "*",
      ";",
      "q=",
      "0",
      "1",
      ".",
      ",",
      " ",
      '"',
      "\\",
      "identity",
      "=",
    ];
    for (let run = 0; run < 5_000; run++) {
      let field = "";
      for (let left = random.below(12); left > 0; left--) field += random.pick(pieces);
      const codings = preferences.of(field);
      if (new Set(codings).size !== codings.length || codings.some((coding) => coding < 0)) {
        throw new Error(`seed ${random.seed}: ${field} gives ${codings}`);
      }
    }
  });

  test("gives the same list for the same field", () => {
    expect(preferences.of("gzip, br")).toBe(preferences.of("gzip, br"));
  });
});
