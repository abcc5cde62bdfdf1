import { expect, test } from "bun:test";
import * as millrace from "../src/index.ts";

test("the public door opens on exactly what is meant to be public", () => {
  expect(Object.keys(millrace).sort()).toEqual([
    "Arena",
    "BlockError",
    "FRAME_ERROR",
    "FRAME_MORE",
    "FRAME_READY",
    "MillraceError",
    "TimerTable",
    "defineService",
    "delimiter",
    "encodeFrame",
    "fixedLength",
    "http",
    "lengthField",
    "line",
    "raw",
    "serve",
    "tcp",
    "trailersOf",
  ]);
});

test("a package imports itself by its own name", async () => {
  const name = "millrace";
  expect(await import(name)).toBe(millrace);
});
