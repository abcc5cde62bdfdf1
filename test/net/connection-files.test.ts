// Connection.sendFile: order with what is written, full sockets, and sockets that take no files. A
// file stands for the kernel's side of the socket: sendfile(2) writes to any descriptor.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CLOSE_DRAIN } from "../../src/core/close-reason.ts";
import { COUNT_BYTES_OUT } from "../../src/core/counters.ts";
import type { Connection } from "../../src/net/connection.ts";
import type { FakeSocketOptions } from "../support/fake-socket.ts";
import { NetWorld, pattern, type Peer, sendText, type SessionHooks } from "../support/net-world.ts";

const CONTENT = pattern(100_000);
const folder = mkdtempSync(join(tmpdir(), "millrace-files-"));
writeFileSync(join(folder, "content"), CONTENT);
const file = openSync(join(folder, "content"), "r");
afterAll(() => {
  closeSync(file);
  rmSync(folder, { recursive: true });
});

/** Nobody has it: sendfile(2) fails as on a full socket. */
const CLOSED_FD = 1 << 20;

let world = new NetWorld();
let sink = -1;
beforeEach(() => {
  sink = openSync(join(folder, "sink"), "w");
});
afterEach(() => {
  closeSync(sink);
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

/** Sends as a ResponseWriter does. */
function sendFrom(connection: Connection, position: number, count: number): number {
  const previous = connection.cork();
  const sent = connection.sendFile(file, position, count);
  connection.uncork(previous);
  return sent;
}

describe.if(process.platform === "linux")("Connection sendFile", () => {
  test("sends behind what was written, and counts it", () => {
    const peer = accept(sink);
    const { connection } = peer;
    const previous = connection.cork();
    sendText(connection, "head");
    expect(connection.sendFile(file, 10, 500)).toBe(500);
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

  test("wakes a full socket with a little of the file, in its place", () => {
    const peer = accept(CLOSED_FD, {}, { spaceBytes: 0 });
    const sent = sendFrom(peer.connection, 7, CONTENT.length);
    expect(sent).toBe(4096);
    expect(sendFrom(peer.connection, 7 + sent, 1000)).toBe(0);
    expect(peer.connection.pendingBytes).toBe(4096);
    peer.socket.drain(5000);
    expect(peer.trace).toContain("drained");
    expect(Buffer.from(peer.socket.sent).equals(CONTENT.subarray(7, 7 + 4096))).toBe(true);
  });

  test("gives -1 at the end of the file, and for a file that is none", () => {
    const peer = accept(sink);
    expect(sendFrom(peer.connection, CONTENT.length, 10)).toBe(-1);
    const previous = peer.connection.cork();
    expect(peer.connection.sendFile(-1, 0, 10)).toBe(-1);
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
