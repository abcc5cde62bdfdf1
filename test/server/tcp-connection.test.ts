import { describe, expect, test } from "bun:test";
import { CLOSE_LOCAL } from "../../src/core/close-reason.ts";
import { MIB, OUTPUT_CAP_BYTES } from "../../src/core/limits.ts";
import { encodeFrame } from "../../src/net/framing/encode-frame.ts";
import { fixedLength } from "../../src/net/framing/fixed-length.ts";
import { lengthField } from "../../src/net/framing/length-field.ts";
import { line } from "../../src/net/framing/line.ts";
import { raw } from "../../src/net/framing/raw.ts";
import { NetWorld, pattern } from "../support/net-world.ts";
import { connect, frame } from "./tcp-world.ts";

describe("TcpConnection", () => {
  test("send() refuses a payload that the framing cannot carry, and sends nothing of it", () => {
    const world = new NetWorld();
    const { socket, peer } = connect(world, { framing: line({ maxLineBytes: 100 } as never) });
    expect(() => peer().send("two\nlines")).toThrow("Cannot send the frame");
    expect(socket.takeSent().length).toBe(0);
  });

  test("send() and write() refuse what is no bytes, under every framing", () => {
    const wrong: unknown[] = [new ArrayBuffer(5), { length: 3 }, new Uint16Array([1, 2]), 5, null];
    for (const framing of [
      raw(),
      line(),
      lengthField({ bytes: 4 }),
      fixedLength({ frameBytes: 3 }),
    ]) {
      const world = new NetWorld();
      const { socket, peer } = connect(world, { framing });
      for (const payload of [...wrong, undefined, [1, 2, 3]]) {
        expect(() => peer().send(payload as never)).toThrow(TypeError);
        expect(() => peer().write(payload as never)).toThrow(TypeError);
      }
      expect(socket.takeSent().length).toBe(0);
      peer().send("abc");
      socket.settle();
      expect(Buffer.compare(socket.takeSent(), encodeFrame(framing, Buffer.from("abc")))).toBe(0);
      world.check();
    }
  });

  test("close() lets everything leave first, and send() after it says false", () => {
    const world = new NetWorld();
    const { socket, trace, peer } = connect(world, {}, { spaceBytes: 10 });
    expect(peer().send(pattern(5_000))).toBe(true);
    peer().close();
    expect(peer().send("late")).toBe(false);
    expect(socket.shutDown).toBe(false);
    socket.drain();
    expect(socket.shutDown).toBe(true);
    expect(socket.takeSent().length).toBe(5_004);
    socket.peerEnd();
    socket.settle();
    expect(trace.at(-1)).toBe("close local");
    expect(world.closedFor(CLOSE_LOCAL)).toBe(1);
    world.checkAtRest();
  });

  test("more than 16 MiB that the peer does not take end the connection, in send() itself", () => {
    const world = new NetWorld({ memoryBytes: 64 * MIB });
    const { socket, trace, peer } = connect(world, { framing: raw() }, { spaceBytes: 0 });
    const step = pattern(MIB);
    for (let sent = MIB; sent <= OUTPUT_CAP_BYTES; sent += MIB) {
      expect(peer().send(step)).toBe(false);
      expect(peer().pendingBytes).toBe(sent);
    }
    expect(peer().write(Buffer.from("one more"))).toBe(false);
    expect(trace).toEqual(["open", "close output-overflow"]);
    expect(peer().pendingBytes).toBe(0);
    socket.settle();
    world.checkAtRest();
  });

  test("terminate() resets, once, and calls close", () => {
    const world = new NetWorld();
    const { socket, trace, peer } = connect(world, {});
    peer().terminate();
    peer().terminate();
    socket.settle();
    expect(socket.resetSent).toBe(true);
    expect(trace).toEqual(["open", "close local"]);
    world.checkAtRest();
  });

  test("cork() joins what is sent outside of a handler", () => {
    const world = new NetWorld();
    const { socket, peer } = connect(world, {});
    peer().cork(() => {
      for (let count = 0; count < 10; count++) peer().send("x");
    });
    socket.settle();
    expect(socket.writeResults.length).toBe(1);
    expect(socket.takeSent().length).toBe(50);
  });

  test("sends a frame that is larger than the cork, in order", () => {
    const world = new NetWorld();
    const { socket, peer } = connect(world, {}, { takes: [100, 7, 0] });
    const large = pattern(200_000);
    peer().send("before");
    peer().send(large);
    peer().send("after");
    for (let turn = 0; turn < 10; turn++) socket.drain();
    const expected = Buffer.concat([frame("before"), frame(large), frame("after")]);
    expect(Buffer.from(socket.takeSent()).equals(expected)).toBe(true);
    expect(world.pool.heldBytes).toBe(world.restBytes);
  });
});

test("TcpConnection is one line on the console", () => {
  const world = new NetWorld();
  const { peer } = connect(world, {});
  expect(Bun.inspect(peer())).toMatch(/^TcpConnection \d+\.\d+ from .*, 0 bytes pending$/);
  peer().terminate();
  expect(Bun.inspect(peer())).toEndWith("closed");
});
