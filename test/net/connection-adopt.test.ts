// Ways in and out of a connection that copy nothing or wait: adopt, expectInput, holdInput.

import { afterEach, describe, expect, test } from "bun:test";
import { CLOSE_DRAIN, CLOSE_LOCAL, CLOSE_OUTPUT_OVERFLOW } from "../../src/core/close-reason.ts";
import {
  INPUT_HIGH_WATER_BYTES,
  KIB,
  MIB,
  OUTPUT_CAP_BYTES,
  OUTPUT_HIGH_WATER_BYTES,
} from "../../src/core/limits.ts";
import type { IoBuf } from "../../src/buffer/io-buf.ts";
import { STATE_CLOSED, STATE_LINGERING, STATE_OPEN } from "../../src/net/connection-state.ts";
import { NetWorld, pattern, sendText } from "../support/net-world.ts";

let world = new NetWorld();
afterEach(() => {
  world.check();
  world.reactor.closeAll(CLOSE_DRAIN);
  world.checkAtRest();
  world = new NetWorld();
});

function filled(text: string): IoBuf {
  const buf = world.pool.acquire(text.length)!;
  buf.append(Buffer.from(text, "latin1"), 0, text.length);
  return buf;
}

describe("Connection adopt", () => {
  test("keeps its place between writes, for every short write", () => {
    for (let first = 0; first <= 9; first++) {
      for (let second = 0; second <= 9; second++) {
        const peer = world.accept({}, { takes: [first, second] });
        peer.write("abc");
        peer.connection.adopt(filled("def"));
        peer.write("ghi");
        for (let turn = 0; turn < 4; turn++) peer.socket.drain();
        expect(peer.socket.sentText).toBe("abcdefghi");
        expect(world.pool.heldBytes).toBe(world.restBytes);
        world.check();
      }
    }
  });

  test("comes after what is corked", () => {
    const peer = world.accept({
      input: (connection, _bytes, at, end) => {
        sendText(connection, "head ");
        connection.adopt(filled("body"));
        sendText(connection, " tail");
        return end - at;
      },
    });
    peer.socket.deliver("x");
    expect(peer.socket.sentText).toBe("head body tail");
  });

  test("gives the io_buf back, whatever state the connection is in", () => {
    for (const end of ["close", "abort"] as const) {
      const peer = world.accept();
      peer.connection[end](CLOSE_LOCAL);
      peer.connection.adopt(filled("late"));
      expect(peer.socket.sentText).toBe("");
      expect(world.pool.heldBytes).toBe(world.restBytes);
    }
    const empty = world.accept();
    empty.connection.adopt(world.pool.acquire(1)!);
    expect(world.pool.heldBytes).toBe(world.restBytes);
  });

  test("gives it back once when the socket closes within the write", () => {
    for (const spaceBytes of [0, 2, 100]) {
      const peer = world.accept({}, { spaceBytes });
      const write = peer.socket.write.bind(peer.socket);
      peer.socket.write = (bytes, offset, length) => {
        const count = write(bytes, offset, length);
        peer.socket.peerReset();
        return count;
      };
      peer.connection.adopt(filled("0123456789"));
      expect(peer.connection.state).toBe(STATE_CLOSED);
      expect(world.pool.heldBytes).toBe(world.restBytes);
    }
  });

  test("counts for the water marks and for the cap", () => {
    const peer = world.accept({}, { spaceBytes: 0 });
    const take = (bytes: number): IoBuf => {
      const buf = world.pool.acquire(bytes)!;
      buf.append(pattern(bytes), 0, bytes);
      return buf;
    };
    peer.connection.adopt(take(OUTPUT_HIGH_WATER_BYTES));
    expect([peer.connection.writable, peer.socket.paused]).toEqual([false, true]);
    for (let bytes = OUTPUT_HIGH_WATER_BYTES; bytes + MIB <= OUTPUT_CAP_BYTES; bytes += MIB) {
      peer.connection.adopt(take(MIB));
    }
    expect(peer.connection.state).toBe(STATE_OPEN);
    peer.connection.adopt(take(MIB));
    expect(world.closedFor(CLOSE_OUTPUT_OVERFLOW)).toBe(1);
    expect(world.pool.heldBytes).toBe(world.restBytes);
  });
});

describe("Connection expectInput", () => {
  test("reads on up to what the session cannot do without", () => {
    const frameBytes = 300 * KIB;
    const peer = world.accept({
      input: (connection, _bytes, at, end) => {
        connection.expectInput(frameBytes);
        return end - at >= frameBytes ? frameBytes : 0;
      },
    });
    for (let bytes = 0; bytes < frameBytes - KIB; bytes += KIB) {
      peer.socket.deliver(Buffer.alloc(KIB));
      expect(peer.socket.paused).toBe(false);
    }
    peer.socket.deliver(Buffer.alloc(KIB + 1));
    expect([peer.socket.paused, peer.connection.hasInput]).toEqual([false, true]);
    expect(world.pool.heldBytes - world.restBytes).toBeLessThanOrEqual(MIB);
  });

  test("never lowers the mark", () => {
    const peer = world.accept({ input: () => 0 });
    peer.connection.expectInput(1);
    peer.socket.deliver(Buffer.alloc(INPUT_HIGH_WATER_BYTES - 1));
    expect(peer.socket.paused).toBe(false);
    peer.socket.deliver("x");
    expect(peer.socket.paused).toBe(true);
  });
});

describe("Connection holdInput", () => {
  test("stops and goes on, whatever else pauses", () => {
    const peer = world.accept({}, { spaceBytes: 0 });
    const { connection, socket } = peer;
    connection.holdInput(true);
    connection.holdInput(true);
    socket.deliver("waits in the kernel");
    expect([socket.paused, peer.trace.length]).toEqual([true, 0]);
    const bytes = pattern(OUTPUT_HIGH_WATER_BYTES);
    connection.write(bytes, 0, bytes.length);
    connection.holdInput(false);
    expect(socket.paused).toBe(true); // for the output
    socket.drain();
    expect([socket.paused, peer.trace]).toEqual([false, ["drained", "input waits in the kernel"]]);
  });

  test("a held connection that closes reads on for the peer's FIN", () => {
    const peer = world.accept();
    peer.connection.holdInput(true);
    peer.socket.deliver("unread");
    peer.connection.close(CLOSE_LOCAL);
    expect([peer.socket.paused, peer.connection.state]).toEqual([false, STATE_LINGERING]);
    peer.connection.holdInput(true);
    expect(peer.socket.paused).toBe(false);
    peer.socket.peerEnd();
    expect([peer.connection.state, peer.socket.resetSent]).toEqual([STATE_CLOSED, false]);
    peer.connection.holdInput(false);
  });
});
