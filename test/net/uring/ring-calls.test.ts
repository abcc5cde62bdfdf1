import { expect, test } from "bun:test";
import { addressOf, loadRingCalls, memoryAt } from "../../../src/net/uring/ring-calls.ts";

const isLinux = process.platform === "linux";

test.skipIf(!isLinux)("an address and a window on it show the same bytes", () => {
  const bytes = new Uint8Array(4096).fill(7);
  const window = new Uint8Array(memoryAt(addressOf(bytes), 4096));
  window[5] = 9;
  expect([bytes[4], bytes[5], window[4095]]).toEqual([7, 9, 7]);
});

test.skipIf(!isLinux)("a failed call leaves its reason", () => {
  const calls = loadRingCalls()!;
  expect(calls.close(-1)).toBe(-1);
  expect(calls.errno()).toBe(9); // EBADF
  expect(calls.getpeername(-1, new Uint8Array(16), new Int32Array([16]))).toBe(-1);
  expect(calls.send(-1, addressOf(new Uint8Array(1)), 1, 0)).toBe(-1);
});

test("there are none where the user wants none", () => {
  const before = process.env["MILLRACE_NO_FFI"];
  process.env["MILLRACE_NO_FFI"] = "1";
  try {
    expect(loadRingCalls()).toBeNull();
  } finally {
    if (before === undefined) delete process.env["MILLRACE_NO_FFI"];
    else process.env["MILLRACE_NO_FFI"] = before;
  }
});
