// sendfile(2) through the C library: counts, positions beyond 32 bits, descriptors that are wrong.

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import type { RawSocket } from "../../src/net/raw-socket.ts";
import { plainFd, readPiece, SEND_FAILED, SEND_FULL, sendFile } from "../../src/net/send-file.ts";
import { SOCK_NONBLOCK } from "../../src/net/uring/ring-abi.ts";
import { loadRingCalls } from "../../src/net/uring/ring-calls.ts";

const calls = loadRingCalls()!; // null elsewhere than on Linux
const AF_UNIX = 1;
const SOCK_STREAM = 1;

const folder = mkdtempSync(join(tmpdir(), "millrace-send-"));
const fds: number[] = [];
afterAll(() => {
  for (const fd of fds) closeSync(fd);
  rmSync(folder, { recursive: true });
});

function open(name: string, flags: string): number {
  const fd = openSync(join(folder, name), flags);
  fds.push(fd);
  return fd;
}

/** What plainFd looks at. */
function socket(fd: number | undefined, version: string | null | undefined): RawSocket<unknown> {
  const tls = version === undefined ? {} : { getTLSVersion: () => version };
  return { fd, ...tls } as unknown as RawSocket<unknown>;
}

describe.if(process.platform === "linux")("sendFile", () => {
  test("sends from a position, and no more than there is", async () => {
    const from = open("from", "w+");
    writeSync(from, "0123456789");
    const to = open("to", "w+"); // a file will do for a socket
    expect(sendFile(to, from, 3, 4)).toBe(4);
    expect(sendFile(to, from, 8, 100)).toBe(2);
    expect(sendFile(to, from, 10, 100)).toBe(0);
    expect(sendFile(to, from, 1000, 1)).toBe(0);
    expect(await Bun.file(join(folder, "to")).text()).toBe("345689");
  });

  test("reaches positions beyond 2^32", async () => {
    const sparse = open("sparse", "w+");
    const at = 5 * 2 ** 32 + 7;
    ftruncateSync(sparse, at);
    writeSync(sparse, "end", at);
    const to = open("to-sparse", "w+");
    expect(sendFile(to, sparse, at, 2 ** 40)).toBe(3);
    expect(await Bun.file(join(folder, "to-sparse")).text()).toBe("end");
  });

  test("tells a full socket from one that takes no file", () => {
    const from = open("full", "w+");
    writeSync(from, "x".repeat(100_000));
    const pair = new Int32Array(2);
    expect(calls.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair)).toBe(0);
    const [to, far] = pair as unknown as [number, number];
    fds.push(to);
    let sent = 0;
    while (sendFile(to, from, 0, 100_000) > 0) expect(++sent).toBeLessThan(1000);
    expect(sent).toBeGreaterThan(0);
    expect(sendFile(to, from, 0, 1)).toBe(SEND_FULL);
    closeSync(far);
    expect(sendFile(to, from, 0, 1)).toBe(SEND_FAILED);
  });

  test("fails for descriptors that are closed, or of the wrong kind", () => {
    const from = open("kind", "w+");
    writeSync(from, "x");
    expect(sendFile(-1, from, 0, 1)).toBe(SEND_FAILED);
    expect(sendFile(1 << 20, from, 0, 1)).toBe(SEND_FAILED);
    expect(sendFile(from, -1, 0, 1)).toBe(SEND_FAILED);
    expect(sendFile(open("out", "w+"), openFolder(), 0, 1)).toBe(SEND_FAILED);
  });

  test("is for plain sockets of the kernel alone", () => {
    expect(plainFd(socket(7, null))).toBe(7);
    expect(plainFd(socket(7, "TLSv1.3"))).toBe(-1);
    expect(plainFd(socket(undefined, null))).toBe(-1);
    expect(plainFd(socket(7, undefined))).toBe(-1); // not known to be plain
  });
});

function openFolder(): number {
  const fd = openSync(folder, "r");
  fds.push(fd);
  return fd;
}

test("readPiece reads a little, and nothing at the end or where it cannot", () => {
  const file = open("piece", "w+");
  writeSync(file, "a".repeat(10_000));
  const target = Buffer.alloc(8192);
  expect(readPiece(file, target, 0, 10_000)).toBe(4096);
  expect(readPiece(file, target, 9_990, 10_000)).toBe(10);
  expect(readPiece(file, target, 10_000, 10)).toBe(0);
  expect(readPiece(file, Buffer.alloc(3), 0, 10)).toBe(3);
  expect(readPiece(openFolder(), target, 0, 10)).toBe(0);
  expect(readPiece(-1, target, 0, 10)).toBe(0);
});
