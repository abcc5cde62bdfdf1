import { afterEach, describe, expect, test } from "bun:test";
import { describeErrno, loadLibc } from "../../src/net/libc.ts";

afterEach(() => void delete process.env["MILLRACE_NO_FFI"]);

describe.skipIf(process.platform !== "linux")("loadLibc", () => {
  test("is loaded once", () => {
    expect(loadLibc()).not.toBeNull();
    expect(loadLibc()).toBe(loadLibc());
  });

  test("tells what went wrong", () => {
    const libc = loadLibc()!;
    expect(libc.close(-1)).toBe(-1);
    expect(describeErrno(libc.errno())).toBe("bad file descriptor (EBADF)");
    expect(libc.socket(-1, 0, 0)).toBe(-1);
    expect(describeErrno(libc.errno())).toContain("EAFNOSUPPORT");
  });

  test("can be forbidden, also after it was loaded", () => {
    expect(loadLibc()).not.toBeNull();
    process.env["MILLRACE_NO_FFI"] = "1";
    expect(loadLibc()).toBeNull();
  });
});

test("describeErrno knows what it does not know", () => {
  expect(describeErrno(13)).toBe("permission denied (EACCES)");
  expect(describeErrno(9_999)).toBe("system error (errno 9999)");
});
