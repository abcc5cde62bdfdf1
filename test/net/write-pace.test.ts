// The pace by itself, then on connections under a fake clock. Over a real socket it is tried in
// test/integration/limits.test.ts.

import { describe, expect, test } from "bun:test";
import { CLOSE_LOCAL, CLOSE_WRITE_STALL } from "../../src/core/close-reason.ts";
import { WRITE_BYTES_MIN, WRITE_STALL_MS } from "../../src/core/limits.ts";
import { STATE_CLOSED, STATE_OPEN } from "../../src/net/connection-state.ts";
import { WritePace } from "../../src/net/write-pace.ts";
import { NetWorld, type Peer } from "../support/net-world.ts";

const RATE = { writeStallMs: 1000, writeBytesMin: 100 };
const TICKS_MS = 200; // more than the wheel is late by

describe("WritePace", () => {
  test("moves its end only when enough has been taken, and then by a whole window", () => {
    const pace = new WritePace(RATE, 0, () => 0);
    pace.taken(99, 900);
    expect(pace.deadlineMs).toBe(1000);
    pace.taken(0, 950);
    expect(pace.deadlineMs).toBe(1000);
    pace.taken(1, 999);
    expect(pace.deadlineMs).toBe(1999);
    pace.taken(1_000_000, 1500);
    expect(pace.deadlineMs).toBe(2500);
    pace.taken(99, 2400); // what was too much before does not count again
    expect(pace.deadlineMs).toBe(2500);
  });

  test("with a least of 1 gives each byte a whole window", () => {
    const pace = new WritePace({ writeStallMs: 1000, writeBytesMin: 1 }, 0, () => 0);
    for (let nowMs = 999; nowMs < 10_000; nowMs += 999) {
      pace.taken(0, nowMs);
      pace.taken(1, nowMs);
      expect(pace.deadlineMs).toBe(nowMs + 1000);
    }
  });

  test("stops its clock while nothing waits, and goes on where it stopped", () => {
    const pace = new WritePace(RATE, 0, () => 0);
    pace.waits(300); // it does already
    pace.rests(400);
    pace.rests(700); // it does already
    pace.waits(10_400);
    expect(pace.deadlineMs).toBe(11_000);
    pace.taken(60, 10_500);
    pace.rests(10_600);
    pace.taken(40, 20_000); // what is taken without a wait counts as well
    pace.waits(20_100);
    expect(pace.deadlineMs).toBe(21_100);
  });

  test("at its end asks what the peer has acknowledged of what the kernel holds", () => {
    let held = 5000;
    const pace = new WritePace(RATE, 0, () => held);
    pace.waits(0);
    held -= 99;
    expect([pace.goesOn(999), pace.goesOn(1000)]).toEqual([true, false]);
    held -= 1;
    expect([pace.goesOn(1000), pace.deadlineMs]).toEqual([true, 2000]);
    held -= 60;
    pace.taken(40, 1500); // which are held now, and 40 more than these are acknowledged
    expect([pace.goesOn(2000), pace.deadlineMs]).toEqual([true, 3000]);
    held -= 99;
    expect(pace.goesOn(3000)).toBe(false);
  });

  test("compares with what is held when it begins to wait, not with what was", () => {
    let held = 0;
    const pace = new WritePace(RATE, 0, () => held);
    pace.waits(0);
    pace.taken(100, 10); // a new window
    held = 300;
    pace.rests(10);
    pace.waits(20);
    held = 201;
    expect(pace.goesOn(1020)).toBe(false);
    held = 200;
    expect(pace.goesOn(1020)).toBe(true);
  });

  test("never ends without a window", () => {
    const pace = new WritePace({ writeStallMs: Infinity, writeBytesMin: 100 }, 5, () => 0);
    pace.taken(1000, 10);
    pace.rests(20);
    pace.waits(30);
    expect(pace.deadlineMs).toBe(Infinity);
  });

  test("by default asks for what the slowest of links can do, and for more than a trickle", () => {
    const bytesPerSecond = WRITE_BYTES_MIN / (WRITE_STALL_MS / 1000);
    expect(bytesPerSecond).toBeGreaterThan(200);
    expect(bytesPerSecond).toBeLessThan(300); // a modem of 2,400 bits a second
  });
});

describe("Connection", () => {
  function full(
    options: { writeStallMs?: number; writeBytesMin?: number } = RATE,
  ): [NetWorld, Peer] {
    const world = new NetWorld(options);
    return [world, world.accept({}, { spaceBytes: 0 })];
  }

  test("ends for a peer that takes a byte whenever the time is nearly up", () => {
    const [world, peer] = full();
    peer.write("x".repeat(5000));
    for (let taken = 0; taken < 4; taken++) {
      world.clock.advance(240);
      peer.socket.drain(1);
    }
    expect(peer.connection.state).toBe(STATE_OPEN);
    world.clock.advance(40 + TICKS_MS);
    expect([world.closedFor(CLOSE_WRITE_STALL), peer.socket.sentText]).toEqual([1, "xxxx"]);
    expect(peer.socket.resetSent).toBe(true);
    world.checkAtRest();
  });

  test("lives for a peer that takes just enough, in one piece or in many", () => {
    for (const piece of [1, 10, 100]) {
      const [world, peer] = full();
      peer.write("x".repeat(2000));
      for (let taken = 0; taken < 2000; taken += piece) {
        world.clock.advance(piece * 9);
        peer.socket.drain(piece);
      }
      world.clock.advance(100_000);
      expect([peer.connection.state, peer.socket.sentText.length]).toEqual([STATE_OPEN, 2000]);
      world.check();
    }
  });

  test("does not ask for more than there is", () => {
    const [world, peer] = full();
    peer.write("x".repeat(50));
    world.clock.advance(900);
    peer.socket.drain(50);
    world.clock.advance(100_000);
    expect(peer.connection.state).toBe(STATE_OPEN);
    world.check();
  });

  test("does not count the time in which the application has nothing to say", () => {
    const [world, peer] = full();
    for (let times = 0; times < 10; times++) {
      peer.write("x".repeat(20));
      world.clock.advance(180);
      peer.socket.drain(20);
      world.clock.advance(5000);
    }
    expect([peer.connection.state, peer.socket.sentText.length]).toEqual([STATE_OPEN, 200]);
    world.check();
  });

  test("counts it as one when it waits for small pieces again and again", () => {
    const [world, peer] = full();
    let times = 0;
    for (; times < 10 && peer.connection.state === STATE_OPEN; times++) {
      peer.write("x".repeat(20)); // the kernel has been full since the last one
      world.clock.advance(300);
      peer.socket.drain(20);
      world.clock.advance(100);
    }
    expect([world.closedFor(CLOSE_WRITE_STALL), times]).toEqual([1, 4]);
  });

  test("does not begin one anew for what is written behind", () => {
    const [world, peer] = full();
    for (let times = 0; times < 6; times++) {
      peer.write("more");
      peer.socket.drain(1);
      world.clock.advance(200);
    }
    expect(world.closedFor(CLOSE_WRITE_STALL)).toBe(1);
  });

  test("goes on with the window when the session writes more into the room just made", () => {
    const world = new NetWorld(RATE);
    let pieces = 0;
    const peer = world.accept(
      {
        drained: (connection) => {
          pieces++;
          const piece = Buffer.alloc(70_000, "y");
          connection.write(piece, 0, piece.length);
        },
      },
      { spaceBytes: 0 },
    );
    peer.write("x".repeat(70_000));
    while (peer.connection.state !== STATE_CLOSED && pieces < 10) {
      world.clock.advance(900);
      peer.socket.drain(70_000); // all of it, and the next piece meets a full kernel
    }
    expect([peer.connection.state, pieces]).toEqual([STATE_OPEN, 10]);
    const before = peer.socket.sentText.length;
    for (let taken = 0; taken < 3; taken++) {
      world.clock.advance(400);
      peer.socket.drain(1);
    }
    world.clock.advance(TICKS_MS);
    expect(world.closedFor(CLOSE_WRITE_STALL)).toBe(1);
    expect(peer.socket.sentText.length).toBeLessThan(before + 4);
  });

  test("counts a closing connection's last bytes the same way", () => {
    const [world, peer] = full();
    peer.write("x".repeat(500));
    peer.connection.close(CLOSE_LOCAL);
    for (let taken = 0; taken < 4; taken++) {
      world.clock.advance(240);
      peer.socket.drain(1);
    }
    world.clock.advance(40 + TICKS_MS);
    expect(world.closedFor(CLOSE_WRITE_STALL)).toBe(1);
    world.checkAtRest();
  });

  test("looks for room that the kernel did not tell of before it judges", () => {
    const [world, peer] = full();
    peer.write("x".repeat(500));
    peer.socket.spaceBytes = 150;
    world.clock.advance(1000 + TICKS_MS);
    expect([peer.connection.state, peer.socket.sentText.length]).toEqual([STATE_OPEN, 150]);
    peer.socket.spaceBytes = 99; // one too few
    world.clock.advance(1000 + TICKS_MS);
    expect(world.closedFor(CLOSE_WRITE_STALL)).toBe(1);
  });
});
