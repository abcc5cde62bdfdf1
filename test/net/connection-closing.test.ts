// The ends of a connection on a fake socket and a fake clock: each is counted once, for what really
// ended it, and destroys nothing that could still be delivered.

import { afterEach, describe, expect, test } from "bun:test";
import {
  CLOSE_DRAIN,
  CLOSE_HANDLER,
  CLOSE_IDLE,
  CLOSE_LOCAL,
  CLOSE_PEER,
  CLOSE_PROTOCOL,
  CLOSE_RESET,
  CLOSE_WRITE_STALL,
} from "../../src/core/close-reason.ts";
import { LINGER_MS, OUTPUT_HIGH_WATER_BYTES } from "../../src/core/limits.ts";
import type { Connection } from "../../src/net/connection.ts";
import {
  STATE_CLOSED,
  STATE_DRAINING,
  STATE_LINGERING,
  STATE_OPEN,
} from "../../src/net/connection-state.ts";
import {
  NetWorld,
  type NetWorldOptions,
  pattern,
  type Peer,
  send,
  sendText,
} from "../support/net-world.ts";

let world = new NetWorld();
afterEach(() => {
  world.check();
  world.reactor.closeAll(CLOSE_DRAIN);
  world.checkAtRest();
});

function start(options: NetWorldOptions = {}): NetWorld {
  world = new NetWorld(options);
  return world;
}

/** A peer whose kernel takes nothing, with `bytes` queued for it. */
function blockedPeer(bytes: number): Peer {
  const peer = world.accept({}, { spaceBytes: 0 });
  send(peer.connection, pattern(bytes));
  return peer;
}

describe("Connection closing", () => {
  test("close lets the queue leave, sends FIN, and ends with the peer's", () => {
    const peer = start().accept({}, { spaceBytes: 4 });
    peer.write("0123456789");
    peer.connection.close(CLOSE_LOCAL);
    peer.write("too late");
    expect([peer.connection.state, peer.socket.shutDown]).toEqual([STATE_DRAINING, false]);
    peer.socket.drain(3);
    expect(peer.connection.state).toBe(STATE_DRAINING);
    peer.socket.drain();
    expect([peer.connection.state, peer.socket.shutDown]).toEqual([STATE_LINGERING, true]);
    expect(peer.socket.sentText).toBe("0123456789");
    peer.socket.deliver("ignored");
    peer.socket.peerEnd();
    expect([peer.connection.state, peer.socket.resetSent]).toEqual([STATE_CLOSED, false]);
    expect(peer.trace).toEqual(["closed local"]);
    world.checkAtRest();
  });

  test("close behind a paused reader reads on, so that the peer's FIN is seen", () => {
    const peer = start().accept({}, { spaceBytes: 0 });
    send(peer.connection, pattern(OUTPUT_HIGH_WATER_BYTES));
    peer.socket.deliver("unread");
    expect(peer.socket.paused).toBe(true);
    peer.connection.close(CLOSE_LOCAL);
    peer.socket.peerEnd();
    expect([peer.socket.paused, peer.connection.state]).toEqual([false, STATE_DRAINING]);
    peer.socket.drain();
    expect(peer.connection.state).toBe(STATE_CLOSED);
    expect([peer.socket.sent.length, peer.socket.resetSent]).toEqual([
      OUTPUT_HIGH_WATER_BYTES,
      false,
    ]);
    expect(world.closedFor(CLOSE_LOCAL)).toBe(1);
  });

  test("the peer's FIN before, while and after the queue drains: all bytes leave", () => {
    for (const when of ["before", "draining", "lingering"]) {
      for (const closeLater of [false, true]) {
        const peer = start().accept({}, { spaceBytes: 2, closeLater });
        if (when === "before") peer.socket.peerEnd();
        peer.write("0123");
        peer.connection.close(CLOSE_LOCAL);
        if (when === "draining") peer.socket.peerEnd();
        peer.socket.drain();
        if (when === "lingering") peer.socket.peerEnd();
        peer.socket.settle();
        expect(peer.socket.sentText).toBe("0123");
        expect(peer.trace.filter((call) => call.startsWith("closed"))).toEqual(["closed local"]);
        expect(peer.socket.resetSent).toBe(false);
        world.checkAtRest();
      }
    }
  });

  test("ended may answer, close, abort or do nothing; a spurious drain follows each", () => {
    const acts: Record<string, (connection: Connection) => void> = {
      answer: (connection) => sendText(connection, "late"),
      close: (connection) => connection.close(CLOSE_PEER),
      abort: (connection) => connection.abort(CLOSE_PEER),
      nothing: () => {},
    };
    for (const [name, act] of Object.entries(acts)) {
      const peer = start().accept({ ended: act });
      peer.socket.peerEnd();
      peer.socket.drain(0);
      const gone = name === "close" || name === "abort";
      expect([name, peer.connection.state]).toEqual([name, gone ? STATE_CLOSED : STATE_OPEN]);
      expect(peer.socket.sentText).toBe(name === "answer" ? "late" : "");
      world.check();
    }
  });

  test("a peer that never sends FIN is let go in the end, and its answer is not lost", () => {
    const peer = start().accept();
    peer.write("answer");
    peer.connection.close(CLOSE_IDLE);
    world.clock.advance(LINGER_MS - 100);
    expect(peer.connection.state).toBe(STATE_LINGERING);
    peer.socket.deliver("chatter does not prolong it");
    world.clock.advance(200);
    expect([peer.connection.state, peer.socket.resetSent]).toEqual([STATE_CLOSED, false]);
    expect(peer.trace).toEqual(["closed idle"]);
    world.checkAtRest();
  });

  test("abort while lingering keeps what the kernel still delivers; before, it resets", () => {
    const lingering = start().accept();
    lingering.write("answer");
    lingering.connection.close(CLOSE_LOCAL);
    const draining = world.accept({}, { spaceBytes: 0 });
    draining.write("answer");
    draining.connection.close(CLOSE_LOCAL);
    world.reactor.closeAll(CLOSE_DRAIN);
    expect([lingering.socket.resetSent, draining.socket.resetSent]).toEqual([false, true]);
    expect([world.closedFor(CLOSE_LOCAL), world.closedFor(CLOSE_DRAIN)]).toEqual([1, 1]);
  });

  test("the reason tells what cut the last bytes off, but keeps a fault that came before", () => {
    const cases = [
      [CLOSE_LOCAL, "closed write-stall"],
      [CLOSE_PEER, "closed write-stall"],
      [CLOSE_DRAIN, "closed write-stall"],
      [CLOSE_PROTOCOL, "closed protocol"],
    ] as const;
    for (const [reason, trace] of cases) {
      const peer = start().accept({}, { spaceBytes: 0 });
      peer.write("answer");
      peer.connection.close(reason);
      world.clock.advance(1100);
      expect(peer.trace).toEqual([trace]);
    }
    const reset = start().accept({}, { spaceBytes: 0 });
    reset.write("answer");
    reset.connection.close(CLOSE_LOCAL);
    reset.socket.peerReset();
    expect(reset.trace).toEqual(["closed reset"]);
  });

  test("a peer that is known to be done is not lingered for, but gets every byte", () => {
    const peer = start().accept({}, { spaceBytes: 3 });
    peer.write("answer");
    peer.connection.close(CLOSE_LOCAL, true);
    expect(peer.connection.state).toBe(STATE_DRAINING);
    peer.socket.drain();
    expect([peer.connection.state, peer.socket.sentText]).toEqual([STATE_CLOSED, "answer"]);
    expect([peer.socket.shutDown, peer.socket.resetSent]).toEqual([false, false]);
  });

  test("a reset in every state is counted once", () => {
    const open = start().accept();
    open.socket.peerReset();
    const blocked = blockedPeer(100);
    blocked.socket.peerReset();
    expect(world.closedFor(CLOSE_RESET)).toBe(2);
    const lingering = world.accept();
    lingering.connection.close(CLOSE_LOCAL);
    lingering.socket.peerReset();
    expect([world.closedFor(CLOSE_RESET), world.closedFor(CLOSE_LOCAL)]).toEqual([2, 1]);
    for (const peer of [open, blocked, lingering]) peer.socket.peerReset();
    world.checkAtRest();
  });

  test("closing while the session is being made is told to the session", () => {
    const aborted = start().accept({
      open: (connection) => connection.abort(CLOSE_HANDLER),
      opened: () => expect.unreachable(),
    });
    expect(aborted.trace).toEqual(["closed handler"]);
    expect(aborted.socket.events).toEqual(["open", "close"]);
    const closed = world.accept({
      open: (connection) => {
        sendText(connection, "busy");
        connection.close(CLOSE_LOCAL);
      },
    });
    expect([closed.socket.sentText, closed.connection.state]).toEqual(["busy", STATE_LINGERING]);
  });

  test("closing when it is opened is told too, and opened comes before all else", () => {
    const peer = start().accept({ opened: (connection) => connection.abort(CLOSE_HANDLER) });
    expect(peer.trace).toEqual(["opened", "closed handler"]);
  });

  test("close outside of any event lingers for its full time", () => {
    const peer = start().accept();
    world.clock.set(world.clock.nowMs() + LINGER_MS - 100); // the loop slept
    peer.connection.close(CLOSE_LOCAL);
    world.clock.advance(LINGER_MS - 100);
    expect(peer.connection.state).toBe(STATE_LINGERING);
  });

  test("what closed() does to its own and to other connections is harmless", () => {
    const other = start().accept();
    const peer = world.accept({
      closed: (connection) => {
        connection.abort(CLOSE_HANDLER);
        sendText(connection, "never");
        sendText(other.connection, "other");
        other.connection.close(CLOSE_LOCAL);
      },
    });
    const previous = peer.connection.cork();
    peer.write("lost");
    peer.connection.abort(CLOSE_PROTOCOL);
    peer.connection.uncork(previous);
    expect(peer.trace).toEqual(["closed protocol"]);
    expect([peer.socket.sentText, other.socket.sentText]).toEqual(["", "other"]);
  });
});

describe("Connection time", () => {
  test("a peer that takes nothing for writeStallMs is cut off; one byte buys a full time", () => {
    const peer = start({ writeStallMs: 1000 }).accept({}, { spaceBytes: 0 });
    peer.write("0123456789");
    for (let taken = 1; taken <= 5; taken++) {
      world.clock.advance(900);
      peer.socket.drain(1);
      peer.socket.drain(0); // no byte: no more time
    }
    expect(peer.connection.state).toBe(STATE_OPEN);
    world.clock.advance(900);
    expect(peer.connection.state).toBe(STATE_OPEN);
    world.clock.advance(200);
    expect(world.closedFor(CLOSE_WRITE_STALL)).toBe(1);
    expect([peer.socket.resetSent, peer.socket.sentText]).toEqual([true, "01234"]);
  });

  test("room that the kernel did not tell of is found before the peer is judged", () => {
    const peer = start({ writeStallMs: 1000 }).accept({}, { spaceBytes: 0 });
    peer.write("0123456789");
    peer.socket.spaceBytes = 4; // below the mark from which the kernel wakes a writer
    world.clock.advance(1900);
    expect([peer.connection.state, peer.socket.sentText]).toEqual([STATE_OPEN, "0123"]);
    peer.socket.spaceBytes = 100;
    world.clock.advance(1000);
    expect([peer.connection.state, peer.socket.sentText]).toEqual([STATE_OPEN, "0123456789"]);
    world.clock.advance(5000);
    expect(peer.connection.state).toBe(STATE_OPEN);
    world.check();
  });

  test("more output does not buy a stalled peer more time", () => {
    const peer = start({ writeStallMs: 1000 }).accept({}, { spaceBytes: 0 });
    for (let turn = 0; turn < 6; turn++) {
      peer.write("more");
      world.clock.advance(200);
    }
    expect(world.closedFor(CLOSE_WRITE_STALL)).toBe(1);
  });

  test("the stall is counted from the write, however long ago the last event was", () => {
    const peer = start({ writeStallMs: 1000 }).accept({}, { spaceBytes: 0 });
    world.clock.set(world.clock.nowMs() + 990); // the loop slept: no event told the time
    peer.write("late answer");
    world.clock.advance(900);
    expect(peer.connection.state).toBe(STATE_OPEN);
  });

  test("an answer outside of any event sees the time of its own", () => {
    const peer = start().accept();
    world.clock.set(5000);
    const previous = peer.connection.cork();
    expect(world.reactor.nowMs).toBe(5000);
    peer.connection.uncork(previous);
  });

  test("Infinity never stalls", () => {
    const peer = start({ writeStallMs: Infinity }).accept({}, { spaceBytes: 0 });
    peer.write("x");
    world.clock.advance(10_000_000);
    expect([peer.connection.state, world.clock.timerCount]).toEqual([STATE_OPEN, 0]);
  });

  test("the session's deadline waits while output is queued, and comes after it", () => {
    const peer = start({ writeStallMs: 1000 }).accept({}, { spaceBytes: 0 });
    peer.connection.setDeadline(world.clock.nowMs() + 500);
    peer.write("answer");
    world.clock.advance(800);
    expect(peer.trace).toEqual([]);
    peer.socket.drain();
    world.clock.advance(100);
    expect(peer.trace).toEqual(["timeout"]);
    world.clock.advance(10_000);
    expect(peer.trace).toEqual(["timeout"]); // once, until a new one is set
  });

  test("a later deadline puts the timeout off, Infinity calls it off", () => {
    const peer = start().accept();
    const nowMs = world.clock.nowMs();
    peer.connection.setDeadline(nowMs + 500);
    peer.connection.setDeadline(nowMs + 1500);
    world.clock.advance(1000);
    expect(peer.trace).toEqual([]);
    peer.connection.setDeadline(Infinity);
    world.clock.advance(10_000);
    expect(peer.trace).toEqual([]);
  });

  test("timeout may answer, close, abort, or set another deadline", () => {
    const acts: Record<string, (connection: Connection, nowMs: number) => void> = {
      answer: (connection) => sendText(connection, "408"),
      close: (connection) => connection.close(CLOSE_IDLE),
      abort: (connection) => connection.abort(CLOSE_IDLE),
      again: (connection, nowMs) => connection.setDeadline(nowMs + 1000),
    };
    for (const [name, act] of Object.entries(acts)) {
      const peer = start().accept({ timeout: act });
      peer.connection.setDeadline(world.clock.nowMs() + 100);
      world.clock.advance(2500);
      const timeouts = peer.trace.filter((call) => call === "timeout").length;
      expect([name, timeouts]).toEqual([name, name === "again" ? 3 : 1]);
      expect(peer.socket.sentText).toBe(name === "answer" ? "408" : "");
      peer.connection.abort(CLOSE_IDLE);
      world.checkAtRest();
    }
  });

  test("a timer of a connection that is gone does not reach the next one in its slot", () => {
    const old = start().accept();
    old.connection.setDeadline(world.clock.nowMs() + 1000);
    old.connection.abort(CLOSE_LOCAL);
    const next = world.accept();
    expect(next.connection.slot).toBe(old.connection.slot);
    expect(next.connection.generation).toBe(old.connection.generation + 1);
    next.connection.setDeadline(world.clock.nowMs() + 3000);
    world.clock.advance(2000);
    expect(next.trace).toEqual([]);
    world.clock.advance(1100);
    expect(next.trace).toEqual(["timeout"]);
  });

  test("timers that fire together: one closes the other, which then is not called", () => {
    const peers: Peer[] = [];
    const closeOther = (connection: Connection) => {
      for (const peer of peers) {
        if (peer.connection !== connection) peer.connection.abort(CLOSE_LOCAL);
      }
    };
    start();
    peers.push(world.accept({ timeout: closeOther }), world.accept({ timeout: closeOther }));
    for (const peer of peers) peer.connection.setDeadline(world.clock.nowMs() + 100);
    world.clock.advance(1000);
    const timeouts = peers.filter((peer) => peer.trace.includes("timeout"));
    expect(timeouts).toHaveLength(1);
    expect(world.reactor.connections.size).toBe(1);
  });
});
