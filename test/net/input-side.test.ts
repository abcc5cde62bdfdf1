import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CLOSE_LOCAL, CLOSE_MEMORY } from "../../src/core/close-reason.ts";
import { COUNT_READ_PAUSES } from "../../src/core/counters.ts";
import { INPUT_HIGH_WATER_BYTES, KIB } from "../../src/core/limits.ts";
import { NetWorld, type Peer } from "../support/net-world.ts";

describe("InputSide", () => {
  let world: NetWorld;
  let peer: Peer;
  beforeEach(() => (world = new NetWorld()));
  afterEach(() => {
    peer.socket.peerReset();
    world.checkAtRest();
  });

  /** Lent bytes, which are overwritten as soon as the call has returned. */
  function lend(text: string): void {
    const bytes = Buffer.from(`${text}rest`, "latin1");
    peer.connection.onInput(bytes, text.length, true);
    bytes.fill(0xdd);
  }

  test("keeps a copy of what is lent and left, and gives it again with what follows", () => {
    const seen: string[] = [];
    peer = world.accept({
      input: (_connection, bytes, start, end) => {
        seen.push(bytes.toString("latin1", start, end));
        return bytes.subarray(start, end).includes("!") ? end - start : 1;
      },
    });
    lend("abc");
    lend("def");
    lend("!");
    expect(seen).toEqual(["abc", "bcdef", "cdef!"]);
  });

  test("tells what is lent, and what waits, from what may be kept", () => {
    const owned: boolean[] = [];
    peer = world.accept({
      input: (connection, bytes, start, end) => {
        owned.push(connection.ownsInput(bytes), connection.ownsInput(Buffer.from(bytes)));
        return start === 0 && owned.length > 2 ? end - start : 0;
      },
    });
    lend("lent");
    lend("now it waits");
    expect(owned).toEqual([true, false, true, false]);
    const mine = Buffer.from("ours");
    peer.connection.onInput(mine, mine.length, false);
    expect(owned.slice(4)).toEqual([false, false]);
  });

  test("what arrives while it is paused waits, and is given once, in order", () => {
    const seen: string[] = [];
    peer = world.accept({
      input: (_connection, bytes, start, end) => {
        seen.push(bytes.toString("latin1", start, end));
        return end - start;
      },
    });
    peer.connection.holdInput(true);
    peer.connection.holdInput(true);
    lend("on its ");
    lend("way");
    expect([seen, world.count(COUNT_READ_PAUSES)]).toEqual([[], 1]);
    peer.connection.holdInput(false);
    peer.connection.resumeInput();
    expect(seen).toEqual(["on its way"]);
  });

  test("never calls the session within itself", () => {
    let depth = 0;
    peer = world.accept({
      input: (connection, _bytes, start, end) => {
        expect(++depth).toBe(1);
        connection.resumeInput();
        if (end - start < 4) connection.onInput(Buffer.from("more"), 4, false);
        depth--;
        return 1;
      },
    });
    lend("ab");
    expect(peer.connection.hasInput).toBe(true);
    peer.connection.resumeInput();
  });

  test("stops reading at the mark, or as late as the session needs", () => {
    peer = world.accept({ input: () => 0 });
    lend("x".repeat(INPUT_HIGH_WATER_BYTES - 1));
    expect(peer.socket.paused).toBe(false);
    lend("x");
    expect(peer.socket.paused).toBe(true);
    peer.socket.peerReset();
    peer = world.accept({
      input: (connection) => {
        connection.expectInput(INPUT_HIGH_WATER_BYTES + KIB);
        return 0;
      },
    });
    lend("x".repeat(INPUT_HIGH_WATER_BYTES + KIB - 1));
    expect(peer.socket.paused).toBe(false);
    lend("x");
    expect(peer.socket.paused).toBe(true);
  });

  test("a session that closes while it is called leaves nothing behind", () => {
    peer = world.accept({
      input: (connection) => {
        connection.close(CLOSE_LOCAL);
        return 0;
      },
    });
    lend("abc");
    lend("late");
    expect([peer.connection.hasInput, world.pool.heldBytes]).toEqual([false, world.restBytes]);
  });

  test("without memory the connection is closed for just that", () => {
    world = new NetWorld({ memoryBytes: 80 * KIB });
    peer = world.accept({ input: () => 0 });
    lend("x".repeat(40 * KIB));
    expect(world.closedFor(CLOSE_MEMORY)).toBe(1);
  });
});
