import { describe, expect, test } from "bun:test";
import { CLOSE_HEARTBEAT, CLOSE_IDLE, CLOSE_PROTOCOL } from "../../src/core/close-reason.ts";
import {
  COUNT_FRAMES_IN,
  COUNT_FRAMES_OUT,
  COUNT_HEARTBEATS_IN,
  COUNT_HEARTBEATS_OUT,
} from "../../src/core/counters.ts";
import { FRAME_WIRE_BYTES_MAX, FRAMES_PER_EVENT_MAX } from "../../src/core/limits.ts";
import { encodeFrame } from "../../src/net/framing/encode-frame.ts";
import { lengthField } from "../../src/net/framing/length-field.ts";
import { line } from "../../src/net/framing/line.ts";
import { NetWorld, pattern } from "../support/net-world.ts";
import { everyCut } from "../support/replay.ts";
import { connect, echo, frame } from "./tcp-world.ts";

describe("TcpSession frames", () => {
  test("are handed over in order and answered in one write per chunk", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { message: echo });
    socket.deliver(Buffer.concat([frame("one"), frame("two"), frame("")]));
    expect(trace).toEqual(["open", "message one", "message two", "message "]);
    expect(Buffer.from(socket.takeSent())).toEqual(
      Buffer.concat([frame("one"), frame("two"), frame("")]),
    );
    expect(socket.writeResults.length).toBe(1);
    expect(world.count(COUNT_FRAMES_IN)).toBe(3);
    expect(world.count(COUNT_FRAMES_OUT)).toBe(3);
    socket.peerEnd();
    socket.settle();
    world.checkAtRest();
  });

  test("are the same however the stream is cut", () => {
    const stream = Buffer.concat([frame("a"), frame(pattern(300)), frame(""), frame("zz")]);
    everyCut(stream, (ends) => {
      const world = new NetWorld();
      const { socket } = connect(world, { message: echo });
      let start = 0;
      for (const end of ends) {
        socket.deliver(stream.subarray(start, end));
        start = end;
      }
      expect(world.pool.heldBytes).toBe(world.restBytes);
      return Buffer.from(socket.takeSent()).toString("latin1");
    });
  });

  test("larger than the input's high water mark are put together", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { message: echo });
    const large = frame(pattern(1 << 20));
    for (let at = 0; at < large.length; at += 50_000) {
      expect(socket.paused).toBe(false);
      socket.deliver(large.subarray(at, at + 50_000));
    }
    expect(trace.at(-1)).toBe(`message ${1 << 20}`);
    expect(Buffer.compare(socket.takeSent(), large)).toBe(0);
    expect(world.pool.heldBytes).toBe(world.restBytes);
  });

  test("as large as may be are put together while the next one is at their heels", () => {
    const maxFrameBytes = FRAME_WIRE_BYTES_MAX - 4;
    const framing = lengthField({ bytes: 4, maxFrameBytes });
    const world = new NetWorld();
    const { socket, trace } = connect(world, { framing });
    const one = encodeFrame(framing, pattern(maxFrameBytes));
    const stream = Buffer.concat([one, one]);
    const readBytes = 512 * 1024 - 1; // the end of a frame lies within a read
    for (let at = 0; at < stream.length; at += readBytes) {
      socket.deliver(stream.subarray(at, at + readBytes));
    }
    const message = `message ${maxFrameBytes}`;
    expect(trace).toEqual(["open", message, message]);
    expect(world.pool.heldBytes).toBe(world.restBytes);
  });

  test("longer than the maximum end the connection before they are read", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { message: echo });
    socket.deliver(Buffer.concat([frame("fine"), Buffer.from([0x7f, 0xff, 0xff, 0xff])]));
    expect(trace.slice(1)).toEqual([
      "message fine",
      "error Cannot read a frame: it is longer than maxFrameBytes",
    ]);
    socket.peerEnd();
    socket.settle();
    expect(trace.at(-1)).toBe("close protocol");
    expect(world.closedFor(CLOSE_PROTOCOL)).toBe(1);
    expect(socket.takeSent()).toEqual(frame("fine"));
    world.checkAtRest();
  });

  test("beyond the budget of one event wait for the next turn, and none is lost", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { message: (connection) => connection.send("x") });
    const count = FRAMES_PER_EVENT_MAX + 10;
    socket.deliver(Buffer.concat(new Array<Uint8Array>(count).fill(frame("y"))));
    expect(trace.length - 1).toBe(FRAMES_PER_EVENT_MAX);
    world.clock.turn();
    expect(trace.length - 1).toBe(count);
  });

  test("before the peer's FIN are all handed over, also those beyond the budget", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { message: echo });
    const count = FRAMES_PER_EVENT_MAX + 10;
    const stream = Buffer.concat(new Array<Uint8Array>(count).fill(frame("y")));
    socket.deliver(stream);
    socket.peerEnd();
    expect(trace.at(-1)).toBe("message y");
    world.clock.turn();
    socket.settle();
    expect(trace.length).toBe(1 + count + 1);
    expect(trace.at(-1)).toBe("close peer");
    expect(Buffer.compare(socket.takeSent(), stream)).toBe(0);
    world.checkAtRest();
  });

  test("before the peer's FIN wait for resume(), and half a frame is not waited for", () => {
    const world = new NetWorld();
    const { socket, trace, peer } = connect(world, {
      message: (connection, bytes) => bytes.toString() === "stop" && connection.pause(),
    });
    const half = frame("half").subarray(0, 6);
    socket.deliver(Buffer.concat([frame("stop"), frame("later"), half]));
    // Not every kernel interface holds a FIN back with the bytes.
    world.reactor.connections.forEach((connection) => connection.onEnd());
    expect(trace).toEqual(["open", "message stop"]);
    peer().resume();
    expect(trace.slice(2, 3)).toEqual(["message later"]);
    socket.settle();
    expect(trace.slice(3)).toEqual(["close peer"]);
    world.checkAtRest();
  });

  test("a FIN that is told during a pause ends it at resume(), behind the answer", () => {
    const world = new NetWorld();
    const { socket, trace, peer } = connect(world, { message: (connection) => connection.pause() });
    socket.deliver(Buffer.concat([frame("first"), frame("second")]));
    world.reactor.connections.forEach((connection) => connection.onEnd());
    peer().resume();
    expect(peer().send("answer")).toBe(true);
    expect(trace).toEqual(["open", "message first", "message second"]);
    peer().resume();
    socket.settle();
    expect(trace.at(-1)).toBe("close peer");
    expect(Buffer.compare(socket.takeSent(), frame("answer"))).toBe(0);
    world.checkAtRest();
  });

  test("of a line framing are lines", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { framing: line(), message: echo });
    socket.deliver("hello\nwor");
    socket.deliver("ld\n");
    expect(trace).toEqual(["open", "message hello", "message world"]);
    expect(socket.sentText).toBe("hello\nworld\n");
  });
});

describe("TcpSession heartbeats", () => {
  const heartbeat = { intervalMs: 1_000, misses: 3 };

  test("are answered at once and not shown to the application", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { heartbeat });
    socket.deliver(frame(""));
    expect(trace).toEqual(["open"]);
    expect(socket.takeSent()).toEqual(frame(""));
    expect(world.count(COUNT_HEARTBEATS_IN)).toBe(1);
    expect(world.count(COUNT_HEARTBEATS_OUT)).toBe(1);
  });

  test("are shown to the application that asks, and may have a payload", () => {
    const world = new NetWorld();
    const options = { heartbeat: { ...heartbeat, payload: "PING", deliver: true } };
    const { socket, trace } = connect(world, options);
    socket.deliver(Buffer.concat([frame("PING"), frame("PONG"), frame("")]));
    expect(trace).toEqual(["open", "message PING", "message PONG", "message "]);
    expect(socket.takeSent()).toEqual(frame("PING"));
  });

  test("that stay away end the connection after interval times misses, not before", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { heartbeat });
    world.clock.advance(2_999);
    expect(trace).toEqual(["open"]);
    world.clock.advance(1 + 50 + 10);
    expect(world.closedFor(CLOSE_HEARTBEAT) + (socket.shutDown ? 1 : 0)).toBeGreaterThan(0);
    socket.peerEnd();
    socket.settle();
    expect(trace.at(-1)).toBe("close heartbeat");
    world.checkAtRest();
  });

  test("renew the whole time, also one in the last moment", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { heartbeat });
    world.clock.advance(2_990);
    socket.deliver(frame(""));
    world.clock.advance(2_990);
    expect(socket.shutDown).toBe(false);
    expect(trace).toEqual(["open"]);
    world.clock.advance(100);
    expect(socket.shutDown).toBe(true);
  });

  test("of a peer that the application does not read are not missed", () => {
    const world = new NetWorld();
    const { socket, peer } = connect(world, { heartbeat });
    peer().pause();
    world.clock.advance(60_000);
    expect(socket.shutDown).toBe(false);
    peer().resume();
    world.clock.advance(2_900);
    expect(socket.shutDown).toBe(false);
    world.clock.advance(3_200);
    expect(socket.shutDown).toBe(true);
  });

  test("are sent by us if we speak first, and an answer is not answered", () => {
    const world = new NetWorld();
    const options = { heartbeat: { ...heartbeat, speaksFirst: "us" as const } };
    const { socket } = connect(world, options);
    world.clock.advance(1_100);
    expect(socket.takeSent()).toEqual(frame(""));
    socket.deliver(frame(""));
    expect(socket.takeSent().length).toBe(0);
    expect(world.count(COUNT_HEARTBEATS_OUT)).toBe(1);
  });

  for (const deliver of [false, true]) {
    test(`do not count as use for the idle timeout, deliver: ${deliver}`, () => {
      const world = new NetWorld();
      const options = { heartbeat: { ...heartbeat, deliver, idleTimeoutMs: 8_000 } };
      const { socket, trace } = connect(world, options);
      for (let second = 1; second <= 7; second++) {
        world.clock.advance(1_000);
        socket.deliver(frame(""));
      }
      expect(socket.shutDown).toBe(false);
      world.clock.advance(1_100);
      expect(socket.shutDown).toBe(true);
      socket.peerEnd();
      socket.settle();
      expect(trace.at(-1)).toBe("close idle");
      expect(world.closedFor(CLOSE_IDLE)).toBe(1);
    });
  }
});

describe("TcpSession times", () => {
  const idle = { intervalMs: 0, idleTimeoutMs: 3_000 };

  test("what is sent outside of any event renews from the time at which it is sent", () => {
    for (const send of ["send", "write"] as const) {
      const world = new NetWorld();
      const { socket, peer } = connect(world, { heartbeat: idle });
      world.clock.advance(2_900);
      peer()[send](Buffer.from("x"));
      world.clock.advance(2_999);
      expect(socket.shutDown).toBe(false);
      world.clock.advance(1 + 50 + 10);
      expect(socket.shutDown).toBe(true);
    }
  });

  test("a frame that takes longer than the idle timeout renews it with each piece", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { heartbeat: idle });
    const bytes = frame("in pieces");
    for (const byte of bytes) {
      socket.deliver(Buffer.of(byte));
      world.clock.advance(2_900);
    }
    expect(trace).toEqual(["open", "message in pieces"]);
    socket.deliver(bytes.subarray(0, 5));
    world.clock.advance(3_000 + 50 + 10);
    expect(socket.shutDown).toBe(true);
  });

  test("a paused connection is not idle, and has the whole timeout from resume() on", () => {
    const world = new NetWorld();
    const { socket, peer } = connect(world, { heartbeat: idle });
    peer().pause();
    world.clock.advance(10_000);
    peer().resume();
    world.clock.advance(2_999);
    expect(socket.shutDown).toBe(false);
    world.clock.advance(1 + 50 + 10);
    expect(socket.shutDown).toBe(true);
  });

  for (const speaksFirst of ["peer", "us"] as const) {
    test(`a slow reader, who cannot be heard, misses no heartbeat: ${speaksFirst} first`, () => {
      const world = new NetWorld({ writeStallMs: 60_000 });
      const heartbeat = { intervalMs: 1_000, misses: 3, speaksFirst };
      const { socket, peer } = connect(world, { heartbeat }, { takes: [1_000_000] });
      world.clock.advance(1_500); // if we speak first, we have asked by now
      socket.spaceBytes = 0;
      expect(peer().send(pattern(100_000))).toBe(false);
      expect(socket.paused).toBe(true);
      world.clock.advance(7_500);
      socket.spaceBytes = Infinity;
      socket.drain();
      world.clock.advance(2_900);
      expect(socket.shutDown).toBe(false);
      world.clock.advance(3_200);
      expect(socket.shutDown).toBe(true);
    });
  }
});

describe("TcpSession back-pressure", () => {
  test("stops handing over frames while the peer does not read, and says when it may go on", () => {
    const world = new NetWorld();
    const answer = pattern(30_000);
    const { socket, trace } = connect(
      world,
      { message: (connection) => connection.send(answer) },
      { spaceBytes: 0 },
    );
    socket.deliver(Buffer.concat(new Array<Uint8Array>(20).fill(frame("more"))));
    const handed = trace.length - 1;
    expect(handed).toBeLessThan(8);
    expect(socket.paused).toBe(true);
    socket.drain();
    for (let turn = 0; turn < 20; turn++) socket.drain();
    expect(trace).toContain("drain");
    expect(trace.filter((call) => call === "message more").length).toBe(20);
    expect(socket.takeSent().length).toBe(20 * (answer.length + 4));
    expect(socket.paused).toBe(false);
    expect(world.pool.heldBytes).toBe(world.restBytes);
  });

  test("pause() holds frames back and resume() hands them over", () => {
    const world = new NetWorld();
    const { socket, trace, peer } = connect(world, {
      message: (connection, bytes) => bytes.toString() === "stop" && connection.pause(),
    });
    socket.deliver(Buffer.concat([frame("stop"), frame("later")]));
    expect(trace).toEqual(["open", "message stop"]);
    expect(socket.paused).toBe(true);
    peer().resume();
    expect(trace.at(-1)).toBe("message later");
    expect(socket.paused).toBe(false);
  });
});

test("TcpSession of a paused connection is busy: a drain waits for resume()", async () => {
  const world = new NetWorld();
  const { socket, trace, peer } = connect(world, { message: (connection) => connection.pause() });
  socket.deliver(frame("slow question"));
  const drained = world.reactor.drain(100, 10_000);
  world.clock.advance(5_000);
  await Promise.resolve();
  expect(socket.shutDown).toBe(false);
  peer().send("answer");
  peer().resume();
  for (let turn = 0; turn < 10; turn++) {
    world.clock.advance(100);
    await Promise.resolve();
  }
  expect(socket.shutDown).toBe(true);
  socket.peerEnd();
  socket.settle();
  world.clock.advance(100);
  await drained;
  expect(Buffer.compare(socket.takeSent(), frame("answer"))).toBe(0);
  expect(trace.at(-1)).toBe("close drain");
});
