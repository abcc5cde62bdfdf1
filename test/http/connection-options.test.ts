import { expect, test } from "bun:test";
import {
  connectionOptions,
  EXPECT_CONTINUE,
  EXPECT_NOTHING,
  EXPECT_UNKNOWN,
  expectationOf,
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
} from "../../src/http/connection-options.ts";
import { displace, latin1 } from "../support/replay.ts";

type Reader = (bytes: Uint8Array, start: number, end: number) => number;

function read(reader: Reader, text: string): number {
  const bytes = latin1(text);
  return reader(displace(bytes, 0, bytes.length, 3), 3, 3 + bytes.length);
}

test("connectionOptions finds the options that it knows", () => {
  const options = (text: string): number => read(connectionOptions, text);
  expect(options("close")).toBe(OPTION_CLOSE);
  expect(options("Keep-Alive")).toBe(OPTION_KEEP_ALIVE);
  expect(options("UPGRADE")).toBe(OPTION_UPGRADE);
  expect(options("close,keep-alive")).toBe(OPTION_CLOSE | OPTION_KEEP_ALIVE);
  expect(options(" ,,\tupgrade \t, HTTP2-Settings,close")).toBe(OPTION_UPGRADE | OPTION_CLOSE);
});

test("connectionOptions passes over everything else", () => {
  const others = ["", ",", " ", "closed", "clos", "clos\xe9", "close;a", "close keep-alive"];
  for (const text of [...others, '"close"', "keep_alive", "keep-alive=1", "x".repeat(5)]) {
    expect([text, read(connectionOptions, text)]).toEqual([text, 0]);
  }
});

test("expectationOf knows 100-continue alone", () => {
  expect(read(expectationOf, "")).toBe(EXPECT_NOTHING);
  expect(read(expectationOf, " , ,")).toBe(EXPECT_NOTHING);
  expect(read(expectationOf, "100-continue")).toBe(EXPECT_CONTINUE);
  expect(read(expectationOf, ", 100-CONTINUE\t,100-continue")).toBe(EXPECT_CONTINUE);
  for (const text of ["x", "100-continu", "100-continue x", "100-continue, x", "x,100-continue"]) {
    expect([text, read(expectationOf, text)]).toEqual([text, EXPECT_UNKNOWN]);
  }
});
