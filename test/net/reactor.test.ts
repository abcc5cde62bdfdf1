// Reactor in the simulated world: limits, drain in every state, turns, and whose fault an error is.

import { describe, expect, test } from "bun:test";
import {
  CLOSE_DRAIN,
  CLOSE_LIMIT,
  CLOSE_LOCAL,
  CLOSE_PEER,
  CLOSE_RESET,
} from "../../src/core/close-reason.ts";
import {
  COUNT_ACCEPTED,
  COUNT_DETACHED,
  COUNT_LOOP_BEATS,
  COUNT_OPEN,
  COUNT_TIMERS_FIRED,
} from "../../src/core/counters.ts";
import { OUTPUT_HIGH_WATER_BYTES } from "../../src/core/limits.ts";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import type { Connection } from "../../src/net/connection.ts";
import { STATE_LINGERING, STATE_OPEN } from "../../src/net/connection-state.ts";
import { Reactor } from "../../src/net/reactor.ts";
import { NetWorld, pattern, type Peer, send } from "../support/net-world.ts";

/** Lets the drain poll until so much time has passed or it is over. */
async function live(world: NetWorld, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 20) {
    world.clock.advance(20);
    for (let turn = 0; turn < 4; turn++) await Promise.resolve();
  }
}

describe("Reactor limit", () => {
  test("stops accepting at the limit, goes on below 95 % of it, and tells each once", () => {
    const told: boolean[] = [];
    const world = new NetWorld({ maxConnections: 50, onFull: (full) => void told.push(full) });
    const peers = Array.from({ length: 49 }, () => world.accept());
    expect(told).toEqual([]);
    peers.push(world.accept());
    expect(told).toEqual([true]);
    peers.push(world.accept(), world.accept()); // what the accept loop had taken already
    for (let count = 52; count > 48; count--) peers.pop()!.connection.abort(CLOSE_LOCAL);
    expect(told).toEqual([true]); // 48 of 50 are 96 %
    peers.pop()!.connection.abort(CLOSE_LOCAL);
    expect(told).toEqual([true, false]);
    for (const peer of peers) peer.connection.abort(CLOSE_LOCAL);
    expect(told).toEqual([true, false]);
    expect([world.count(COUNT_DETACHED), world.count(COUNT_ACCEPTED)]).toEqual([1, 52]);
    world.checkAtRest();
  });

  test("even a limit of one or two accepts again as soon as there is room", () => {
    for (const maxConnections of [1, 2, 3, 19]) {
      const told: boolean[] = [];
      const world = new NetWorld({ maxConnections, onFull: (full) => void told.push(full) });
      const peers = Array.from({ length: maxConnections }, () => world.accept());
      peers[0]!.connection.abort(CLOSE_LOCAL);
      expect([maxConnections, told]).toEqual([maxConnections, [true, false]]);
    }
  });

  test("a connection that ends while it is made, at the limit, leaves the limit right", () => {
    const told: boolean[] = [];
    const world = new NetWorld({ maxConnections: 1, onFull: (full) => void told.push(full) });
    world.accept({ open: (connection) => connection.abort(CLOSE_LOCAL) });
    expect(told).toEqual([true, false]);
    world.checkAtRest();
  });

  test("without a slot it resets and counts the connection", () => {
    const world = new NetWorld();
    world.reactor.connections.nextSlot = () => -1;
    expect(() => world.accept().session).toThrow("was not asked");
    expect([world.closedFor(CLOSE_LIMIT), world.count(COUNT_OPEN)]).toEqual([1, 0]);
    world.check();
  });
});

describe("Reactor drain", () => {
  test("ends connections in every state, each in its own way", async () => {
    const world = new NetWorld({ writeStallMs: 60_000 });
    const idle = world.accept({ idleSinceMs: () => 0 });
    const busy = world.accept();
    const stuck = world.accept({}, { spaceBytes: 0 });
    send(stuck.connection, pattern(OUTPUT_HIGH_WATER_BYTES));
    stuck.connection.close(CLOSE_LOCAL);
    const lingering = world.accept();
    lingering.connection.close(CLOSE_LOCAL);
    let over = false;
    void world.reactor.drain(100, 5000).then(() => (over = true));
    expect(world.reactor.draining).toBe(true);
    await live(world, 40);
    expect([idle.connection.state, busy.connection.state]).toEqual([STATE_LINGERING, STATE_OPEN]);
    for (const peer of [idle, lingering]) peer.socket.peerEnd();
    busy.session.hooks.idleSinceMs = () => world.clock.nowMs();
    await live(world, 200);
    expect([busy.connection.state, over]).toEqual([STATE_OPEN, false]); // never quiet so long
    await live(world, 5000);
    expect(over).toBe(true);
    expect([world.closedFor(CLOSE_LOCAL), world.closedFor(CLOSE_DRAIN)]).toEqual([1, 3]);
    expect([busy.socket.resetSent, lingering.socket.resetSent]).toEqual([true, false]);
    world.checkAtRest();
  });

  test("waits for a quiet time, and for a request that comes within it", async () => {
    const world = new NetWorld();
    let since = world.clock.nowMs();
    const peer = world.accept({ idleSinceMs: () => since });
    void world.reactor.drain(100, 5000);
    await live(world, 80);
    expect(peer.connection.state).toBe(STATE_OPEN);
    since = -1; // a request arrived
    await live(world, 500);
    expect(peer.connection.state).toBe(STATE_OPEN);
    since = world.clock.nowMs();
    await live(world, 120);
    expect(peer.connection.state).toBe(STATE_LINGERING);
    peer.socket.peerEnd();
    await live(world, 40);
    world.checkAtRest();
  });

  test("who has written during a stall of the loop is not idle", async () => {
    const world = new NetWorld();
    let since = world.clock.nowMs();
    const peer = world.accept({
      idleSinceMs: () => since,
      input: (_connection, _bytes, at, end) => {
        since = world.clock.nowMs();
        return end - at;
      },
    });
    void world.reactor.drain(1000, 60_000);
    await live(world, 40);
    world.clock.set(world.clock.nowMs() + 3000); // longer than the quiet time
    world.clock.onPoll = () => {
      world.clock.onPoll = () => {};
      peer.socket.deliver("x"); // it has waited in the kernel
    };
    await live(world, 800);
    expect([peer.trace, peer.connection.state]).toEqual([["input x"], STATE_OPEN]);
    await live(world, 400);
    expect(peer.connection.state).toBe(STATE_LINGERING);
    peer.socket.peerEnd();
    await live(world, 40);
    world.checkAtRest();
  });

  test("without connections it is over at once", async () => {
    const world = new NetWorld();
    await world.reactor.drain(100, 5000);
    world.checkAtRest();
  });

  test("closeAll ends connections whose end closes others", () => {
    const world = new NetWorld();
    const peers: Peer[] = [];
    const closeAll = () => {
      for (const peer of peers) peer.connection.abort(CLOSE_PEER);
    };
    for (let count = 0; count < 5; count++) peers.push(world.accept({ closed: closeAll }));
    world.reactor.closeAll(CLOSE_DRAIN);
    world.checkAtRest();
    expect([world.closedFor(CLOSE_DRAIN), world.closedFor(CLOSE_PEER)]).toEqual([1, 4]);
  });
});

describe("Reactor turns", () => {
  /** A session that takes one byte a turn. */
  const oneByOne = {
    input: (connection: Connection, _bytes: Buffer, at: number, end: number) => {
      if (end - at > 1) connection.reactor.resumeLater(connection);
      return 1;
    },
  };

  test("resumeLater goes on after a turn, once however often it was asked for", () => {
    const world = new NetWorld();
    const peer = world.accept(oneByOne);
    peer.socket.deliver("abc");
    for (let times = 0; times < 5; times++) world.reactor.resumeLater(peer.connection);
    expect(peer.trace).toEqual(["input abc"]);
    world.clock.turn();
    expect(peer.trace).toEqual(["input abc", "input bc"]);
    world.clock.turn();
    world.clock.turn();
    expect(peer.trace).toEqual(["input abc", "input bc", "input c"]);
    world.check();
  });

  test("resumeLater passes over who has closed, and over the slot's next owner", () => {
    const world = new NetWorld();
    const old = world.accept(oneByOne);
    old.socket.deliver("abc");
    old.socket.peerReset();
    const next = world.accept(oneByOne);
    expect(next.connection.slot).toBe(old.connection.slot);
    world.clock.turn();
    expect([old.trace, next.trace]).toEqual([["input abc", "closed reset"], []]);
  });

  test("a connection that closes another which waits for its turn", () => {
    const world = new NetWorld();
    const peers: Peer[] = [];
    const hooks = {
      input: (connection: Connection) => {
        connection.reactor.resumeLater(connection);
        if (peers.length < 2) return 0;
        for (const peer of peers) {
          if (peer.connection !== connection) peer.connection.abort(CLOSE_LOCAL);
        }
        return 0;
      },
    };
    peers.push(world.accept(hooks));
    peers[0]!.socket.deliver("x");
    const second = world.accept(hooks);
    second.socket.deliver("y");
    peers.push(second);
    world.clock.turn();
    expect(peers.map(({ trace }) => trace.length)).toEqual([2, 2]);
    expect(world.reactor.connections.size).toBe(1);
    world.check();
  });
});

describe("Reactor errors", () => {
  test("what a session throws is our bug: it is not swallowed", () => {
    const world = new NetWorld();
    const peer = world.accept({
      input: () => {
        throw new TypeError("a bug");
      },
    });
    expect(() => peer.socket.deliver("x")).toThrow("a bug");
  });

  test("an error of the system closes the connection, once", () => {
    const world = new NetWorld();
    const peer = world.accept();
    const handlers = world.reactor.handlers({ open: () => peer.session });
    const error = Object.assign(new Error("EPIPE"), { code: "EPIPE", syscall: "write" });
    handlers.error(peer.socket, error);
    handlers.error(peer.socket, error);
    handlers.close(peer.socket, error);
    expect([world.closedFor(CLOSE_RESET), peer.socket.closed]).toEqual([1, true]);
    world.checkAtRest();
  });

  test("events of a socket that never got a connection are ignored", () => {
    const world = new NetWorld();
    const handlers = world.reactor.handlers({ open: () => expect.unreachable() });
    const stray = { ...world.accept().socket, data: undefined } as never;
    handlers.drain(stray);
    handlers.end(stray);
    handlers.close(stray);
    world.check();
  });

  test("a memory limit without room for the cork is refused at once", () => {
    expect(() => new NetWorld({ memoryBytes: 1024 })).toThrow("no room for the cork");
  });
});

describe("Reactor time", () => {
  test("counts timers that fired", () => {
    const world = new NetWorld();
    const peer = world.accept();
    peer.connection.setDeadline(world.clock.nowMs() + 10);
    world.clock.advance(1000);
    expect(world.count(COUNT_TIMERS_FIRED)).toBe(1);
  });

  test("beats on the runtime's loop from start to stop, and follows the time of day", async () => {
    const counters = new Float64Array(64);
    const clock = { nowMs: () => performance.now() };
    const pool = new BufferPool(new PlainStore(1 << 20));
    const limits = { maxConnections: 1, writeStallMs: 1000, writeBytesMin: 1 };
    const reactor = new Reactor({ clock, pool, counters, limits });
    reactor.start();
    reactor.start();
    while (counters[COUNT_LOOP_BEATS]! < 1) await Bun.sleep(10);
    expect(Math.abs(reactor.wallMs - Date.now())).toBeLessThan(10_000);
    reactor.stop();
    reactor.stop();
  });
});
