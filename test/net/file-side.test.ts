// FileSide: order with what is written, full sockets, and sockets that take no files. A
// file stands for the kernel's side of the socket: sendfile(2) writes to any descriptor.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CLOSE_DRAIN, CLOSE_WRITE_STALL } from "../../src/core/close-reason.ts";
import { COUNT_BYTES_OUT } from "../../src/core/counters.ts";
import type { Connection } from "../../src/net/connection.ts";
import { STATE_LINGERING, STATE_OPEN } from "../../src/net/connection-state.ts";
import { sendFile } from "../../src/net/send-file.ts";
import { SOCK_NONBLOCK } from "../../src/net/uring/ring-abi.ts";
import { loadRingCalls } from "../../src/net/uring/ring-calls.ts";
import type { FakeSocketOptions } from "../support/fake-socket.ts";
import { NetWorld, pattern, type Peer, sendText, type SessionHooks } from "../support/net-world.ts";

const calls = loadRingCalls()!; // null elsewhere than on Linux
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const stallMs = new NetWorld().reactor.limits.writeStallMs;
const TICKS_MS = 200; // more than the wheel is late by

const CONTENT = pattern(100_000);
const folder = mkdtempSync(join(tmpdir(), "millrace-files-"));
writeFileSync(join(folder, "content"), CONTENT);
const file = openSync(join(folder, "content"), "r");
afterAll(() => {
  closeSync(file);
  rmSync(folder, { recursive: true });
});

let world = new NetWorld();
let sink = -1;
const opened: number[] = [];
beforeEach(() => {
  sink = openSync(join(folder, "sink"), "w");
});
afterEach(() => {
  closeSync(sink);
  for (const fd of opened.splice(0)) closeSync(fd);
  world.check();
  world.reactor.closeAll(CLOSE_DRAIN);
  world.checkAtRest();
  world = new NetWorld();
});

/** A peer on a plain socket of the descriptor `fd`. */
function accept(
  fd: number,
  hooks: SessionHooks = {},
  options: FakeSocketOptions<Connection> = {},
): Peer {
  const peer = world.accept(hooks, options);
  Object.assign(peer.socket, { fd, getTLSVersion: () => null });
  return peer;
}

/** A socket that the kernel takes no more bytes for. */
function fullSocket(): number {
  const pair = new Int32Array(2);
  calls.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
  opened.push(...pair);
  while (sendFile(pair[0]!, file, 0, CONTENT.length) > 0);
  return pair[0]!;
}

/** Has the socket tell of room as those of an io_uring do; what it was asked. */
function askable(peer: Peer, isFull = true): boolean[] {
  const asked: boolean[] = [];
  const awaitRoom = (full: boolean): boolean => {
    asked.push(full);
    return isFull;
  };
  Object.assign(peer.socket, { awaitRoom });
  return asked;
}

/** Sends as a ResponseWriter does. */
function sendFrom(connection: Connection, position: number, count: number): number {
  const previous = connection.cork();
  const sent = connection.files.send(file, position, count);
  connection.uncork(previous);
  return sent;
}

describe.if(process.platform === "linux")("FileSide", () => {
  test("sends behind what was written, and counts it", () => {
    const peer = accept(sink);
    const { connection } = peer;
    const previous = connection.cork();
    sendText(connection, "head");
    expect(connection.files.send(file, 10, 500)).toBe(500);
    connection.uncork(previous);
    expect(peer.socket.sentText).toBe("head");
    expect(readFileSync(join(folder, "sink")).equals(CONTENT.subarray(10, 510))).toBe(true);
    expect(world.count(COUNT_BYTES_OUT)).toBe(504);
  });

  test("waits behind bytes that are queued, and drained() tells when to go on", () => {
    const peer = accept(sink, {}, { spaceBytes: 2 });
    peer.write("head");
    expect(sendFrom(peer.connection, 0, 100)).toBe(0);
    expect(peer.connection.writable).toBe(true);
    peer.socket.drain(1);
    expect(peer.trace).not.toContain("drained");
    peer.socket.drain(1);
    expect(peer.trace.filter((call) => call === "drained")).toHaveLength(1);
    expect(sendFrom(peer.connection, 0, 100)).toBe(100);
    peer.socket.drain();
    expect(peer.trace.filter((call) => call === "drained")).toHaveLength(1);
  });

  test("wakes a full socket of Bun with a little of the file, in its place", () => {
    const peer = accept(fullSocket(), {}, { spaceBytes: 0 });
    Object.assign(peer.socket, { awaitRoom: undefined });
    const sent = sendFrom(peer.connection, 7, CONTENT.length);
    expect(sent).toBe(4096);
    expect(sendFrom(peer.connection, 7 + sent, 1000)).toBe(0);
    expect(peer.connection.pendingBytes).toBe(4096);
    peer.socket.drain(5000);
    expect(peer.trace).toContain("drained");
    expect(Buffer.from(peer.socket.sent).equals(CONTENT.subarray(7, 7 + 4096))).toBe(true);
  });

  test("has a socket that can do so tell when it takes more, without a byte", () => {
    const peer = accept(fullSocket(), {}, { spaceBytes: 0 });
    const asked = askable(peer);
    expect(sendFrom(peer.connection, 7, CONTENT.length)).toBe(0);
    expect(sendFrom(peer.connection, 7, CONTENT.length)).toBe(0);
    expect([asked, peer.connection.pendingBytes]).toEqual([[true], 0]);
    Object.assign(peer.socket, { fd: sink });
    peer.socket.drain(0);
    expect(peer.trace.filter((call) => call === "drained")).toHaveLength(1);
    expect(sendFrom(peer.connection, 7, 100)).toBe(100);
    expect(peer.socket.sentText).toBe("");
  });

  test("asks about room when less was taken, and goes on where there is some", () => {
    const peer = accept(sink);
    const asked = askable(peer, false);
    expect(sendFrom(peer.connection, CONTENT.length - 10, 100)).toBe(10);
    expect(sendFrom(peer.connection, CONTENT.length, 100)).toBe(-1);
    expect(asked).toEqual([false]);
    expect(peer.trace).not.toContain("drained");
  });

  test("a close does not wait for the rest of a file", () => {
    const peer = accept(fullSocket());
    askable(peer);
    expect(sendFrom(peer.connection, 0, 100)).toBe(0);
    peer.connection.close(CLOSE_DRAIN);
    expect(peer.connection.state).toBe(STATE_LINGERING);
    peer.socket.drain(0);
    expect(peer.trace).not.toContain("drained");
  });

  test("a peer that takes nothing of a file is cut off after its time", () => {
    const drained = (connection: Connection): void => void sendFrom(connection, 0, 100);
    const peer = accept(fullSocket(), { drained });
    askable(peer);
    expect(sendFrom(peer.connection, 0, 100)).toBe(0);
    peer.connection.setDeadline(world.reactor.nowMs + 1);
    world.clock.advance(stallMs - 1);
    expect([peer.connection.state, peer.trace.includes("timeout")]).toEqual([STATE_OPEN, false]);
    world.clock.advance(TICKS_MS);
    expect(world.closedFor(CLOSE_WRITE_STALL)).toBe(1);
  });

  test("one that goes on at the last moment has its next time from then on", () => {
    let position = 0;
    const drained = (connection: Connection): void => {
      position += sendFrom(connection, position, 100);
    };
    const peer = accept(fullSocket(), { drained });
    askable(peer);
    expect(sendFrom(peer.connection, 0, 100)).toBe(0);
    Object.assign(peer.socket, { fd: sink }); // it has room, and nothing tells of it
    world.clock.advance(stallMs + TICKS_MS);
    expect([peer.connection.state, position]).toEqual([STATE_OPEN, 100]);
    world.clock.advance(2 * stallMs);
    expect(peer.connection.state).toBe(STATE_OPEN); // nothing waits
  });

  test("gives -1 at the end of the file, and for a file that is none", () => {
    const peer = accept(sink);
    expect(sendFrom(peer.connection, CONTENT.length, 10)).toBe(-1);
    const previous = peer.connection.cork();
    expect(peer.connection.files.send(-1, 0, 10)).toBe(-1);
    peer.connection.uncork(previous);
    expect(peer.connection.pendingBytes).toBe(0);
  });

  test("gives -1 for a socket that is encrypted, unknown, or none of the kernel", () => {
    const peer = world.accept();
    for (const kind of [
      { fd: sink, getTLSVersion: () => "TLSv1.3" },
      { fd: sink, getTLSVersion: undefined },
      { fd: undefined, getTLSVersion: () => null },
    ]) {
      Object.assign(peer.socket, kind);
      expect(sendFrom(peer.connection, 0, 10)).toBe(-1);
    }
    expect(readFileSync(join(folder, "sink"))).toHaveLength(0);
  });

  test("sends nothing once the connection is closing", () => {
    const peer = accept(sink);
    peer.connection.close(CLOSE_DRAIN);
    expect(sendFrom(peer.connection, 0, 10)).toBe(0);
    expect(readFileSync(join(folder, "sink"))).toHaveLength(0);
  });
});
