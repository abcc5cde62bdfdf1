// The numbers beside those of the kernel's own header, where it is installed.

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import * as abi from "../../../src/net/uring/ring-abi.ts";

const HEADER = "/usr/include/linux/io_uring.h";

/** Opcodes count from 0 in the order of the enumeration. */
function opcodesOf(text: string): string[] {
  const body = /enum (?:io_uring_op )?\{([^}]*IORING_OP_NOP[^}]*)\}/.exec(text)![1]!;
  const bare = body.replaceAll(/\/\*[\s\S]*?\*\//g, "");
  return bare.split(",").flatMap((item) => /IORING_OP_\w+/.exec(item)?.[0] ?? []);
}

function definition(text: string, name: string): number {
  const value = new RegExp(`#define\\s+${name}\\s+\\(?(.*?)\\)?(?:\\s*/\\*|$)`, "m").exec(
    text,
  )?.[1];
  if (value === undefined) throw new Error(`${name} is not in ${HEADER}`);
  const shift = /^1U? << (\d+)$/.exec(value.trim());
  return shift === null ? Number(value.trim().replace(/U?L*$/, "")) : 2 ** Number(shift[1]);
}

test("numbers are the kernel's", () => {
  if (!existsSync(HEADER)) return console.warn(`SKIPPED: ${HEADER} is not installed`);
  const text = readFileSync(HEADER, "latin1");
  const opcodes = opcodesOf(text);
  for (const name of [
    "NOP",
    "POLL_ADD",
    "ACCEPT",
    "ASYNC_CANCEL",
    "CLOSE",
    "SEND",
    "RECV",
  ] as const) {
    expect([name, opcodes.indexOf(`IORING_OP_${name}`)]).toEqual([name, abi[`OP_${name}`]]);
  }
  const pairs: [string, number][] = [
    ["IORING_SETUP_CQSIZE", abi.SETUP_CQSIZE],
    ["IORING_SETUP_CLAMP", abi.SETUP_CLAMP],
    ["IORING_SETUP_SUBMIT_ALL", abi.SETUP_SUBMIT_ALL],
    ["IORING_SETUP_COOP_TASKRUN", abi.SETUP_COOP_TASKRUN],
    ["IORING_SETUP_SINGLE_ISSUER", abi.SETUP_SINGLE_ISSUER],
    ["IORING_FEAT_SINGLE_MMAP", abi.FEATURE_SINGLE_MMAP],
    ["IORING_FEAT_NODROP", abi.FEATURE_NODROP],
    ["IORING_FEAT_CQE_SKIP", abi.FEATURE_CQE_SKIP],
    ["IORING_OFF_SQ_RING", abi.MMAP_OFFSET_RINGS],
    ["IORING_OFF_SQES", abi.MMAP_OFFSET_ENTRIES],
    ["IORING_SQ_CQ_OVERFLOW", abi.QUEUE_OVERFLOW],
    ["IORING_ENTER_GETEVENTS", abi.ENTER_GETEVENTS],
    ["IORING_CQE_F_BUFFER", abi.DONE_BUFFER],
    ["IORING_CQE_F_MORE", abi.DONE_MORE],
    ["IORING_RECV_MULTISHOT", abi.RECV_MULTISHOT],
    ["IORING_ASYNC_CANCEL_ALL", abi.CANCEL_ALL],
    ["IORING_POLL_ADD_MULTI", abi.POLL_MULTISHOT],
  ];
  for (const [name, value] of pairs) expect([name, definition(text, name)]).toEqual([name, value]);
});

test("flags of one field do not overlap", () => {
  const setup =
    abi.SETUP_CQSIZE +
    abi.SETUP_CLAMP +
    abi.SETUP_SUBMIT_ALL +
    abi.SETUP_COOP_TASKRUN +
    abi.SETUP_SINGLE_ISSUER;
  expect(setup.toString(2).replaceAll("0", "")).toBe("11111");
  expect(abi.ENTRY_BUFFER_SELECT & abi.ENTRY_SKIP_SUCCESS).toBe(0);
  expect(abi.MSG_DONTWAIT & abi.MSG_WAITALL & abi.MSG_NOSIGNAL).toBe(0);
});
