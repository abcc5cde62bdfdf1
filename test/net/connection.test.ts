// Connection on a fake socket, output and input: every byte once and in order, whatever the kernel
// takes, and nothing held after.

import { afterEach, describe, expect, test } from "bun:test";
import {
  CLOSE_DRAIN,
  CLOSE_HANDLER,
  CLOSE_LOCAL,
  CLOSE_MEMORY,
  CLOSE_OUTPUT_OVERFLOW,
  CLOSE_PROTOCOL,
  CLOSE_RESET,
} from "../../src/core/close-reason.ts";
import { COUNT_BYTES_IN, COUNT_BYTES_OUT, COUNT_READ_PAUSES } from "../../src/core/counters.ts";
import {
  INPUT_HIGH_WATER_BYTES,
  KIB,
  MIB,
  OUTPUT_CAP_BYTES,
  OUTPUT_HIGH_WATER_BYTES,
  OUTPUT_LOW_WATER_BYTES,
} from "../../src/core/limits.ts";
import { STATE_CLOSED, STATE_LINGERING, STATE_OPEN } from "../../src/net/connection-state.ts";
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

describe("Connection output", () => {
  test("a write that the kernel takes needs no buffer and no timer", () => {
    const peer = start().accept();
    peer.write("hello");
    expect(peer.socket.sentText).toBe("hello");
    expect(peer.connection.pendingBytes).toBe(0);
    expect(world.pool.heldBytes).toBe(world.restBytes);
    expect(world.clock.timerCount).toBe(0);
    expect(world.count(COUNT_BYTES_OUT)).toBe(5);
  });

  test("what is written during an event leaves in one write at its end", () => {
    const peer = start().accept({
      input: (connection, _bytes, at, end) => {
        for (const word of ["one ", "two ", "three"]) sendText(connection, word);
        expect(connection.pendingBytes).toBe(13);
        return end - at;
      },
    });
    peer.socket.deliver("x");
    expect(peer.socket.sentText).toBe("one two three");
    expect(peer.socket.writeResults).toEqual([13]);
  });

  test("bytes stay in order when the kernel takes any number of them, first and later", () => {
    const message = "0123456789";
    for (let first = 0; first <= message.length; first++) {
      for (let second = 0; second <= message.length - first; second++) {
        const peer = start().accept({}, { takes: [first, second], spaceBytes: 1000 });
        peer.write(message);
        peer.write("abc");
        world.check();
        for (let turn = 0; turn < 3; turn++) peer.socket.drain();
        expect(peer.socket.sentText).toBe("0123456789abc");
        expect(peer.connection.pendingBytes).toBe(0);
        expect(world.pool.heldBytes).toBe(world.restBytes);
        world.check();
      }
    }
  });

  test("a write behind queued bytes does not overtake them", () => {
    const peer = start().accept({}, { takes: [3], spaceBytes: 3 });
    peer.write("abcdef");
    peer.socket.spaceBytes = 100; // room, but no drain event yet
    peer.write("ghi");
    expect(peer.socket.sentText).toBe("abc");
    peer.socket.drain(0);
    expect(peer.socket.sentText).toBe("abcdefghi");
  });

  test("a body larger than the cork follows what was corked before it", () => {
    const body = pattern(200 * KIB);
    const peer = start().accept({
      input: (connection, _bytes, at, end) => {
        sendText(connection, "head ");
        send(connection, body);
        sendText(connection, " tail");
        return end - at;
      },
    });
    peer.socket.deliver("x");
    const expected = Buffer.concat([Buffer.from("head "), body, Buffer.from(" tail")]);
    expect(Buffer.compare(peer.socket.sent, expected)).toBe(0);
  });

  test("reserve flushes a full cork, and commit after close sends nothing", () => {
    const peer = start().accept();
    const { connection } = peer;
    const { reactor } = world;
    const previous = connection.cork();
    const size = reactor.corkBytes.length;
    connection.commit(connection.reserve(size) + size);
    expect(connection.reserve(1)).toBe(0);
    expect(peer.socket.sent.length).toBe(size);
    connection.close(CLOSE_LOCAL);
    connection.commit(connection.reserve(10) + 10);
    expect(connection.pendingBytes).toBe(0);
    connection.uncork(previous);
    expect(peer.socket.sent.length).toBe(size);
    expect(connection.state).toBe(STATE_LINGERING);
  });

  test("two corks within each other keep each connection's bytes apart and in order", () => {
    const one = start().accept();
    const two = world.accept();
    const outer = one.connection.cork();
    one.write("1a ");
    const inner = two.connection.cork();
    two.write("2a ");
    const again = one.connection.cork(); // an answer of the first one from within the second
    one.write("1b ");
    two.write("2b "); // not corked at the moment
    one.connection.uncork(again);
    two.write("2c");
    two.connection.uncork(inner);
    one.write("1c");
    one.connection.uncork(outer);
    expect([one.socket.sentText, two.socket.sentText]).toEqual(["1a 1b 1c", "2a 2b 2c"]);
    world.check();
  });

  test("closing or losing either of two corked connections leaves the other whole", () => {
    for (const end of ["close", "abort", "reset"] as const) {
      for (const which of [0, 1]) {
        const peers = [start().accept(), world.accept()];
        const [one, two] = peers as [Peer, Peer];
        const outer = one.connection.cork();
        one.write("1a ");
        const inner = two.connection.cork();
        two.write("2a ");
        const victim = peers[which]!;
        if (end === "reset") victim.socket.peerReset();
        else victim.connection[end](CLOSE_LOCAL);
        one.write("1b");
        two.write("2b");
        two.connection.uncork(inner);
        one.connection.uncork(outer);
        const survivor = peers[1 - which]!;
        expect(survivor.socket.sentText).toBe(which === 0 ? "2a 2b" : "1a 1b");
        world.check();
      }
    }
  });
});

describe("Connection back-pressure", () => {
  test("reading pauses at the high mark and resumes only below the low one", () => {
    const peer = start().accept({}, { spaceBytes: 0 });
    const { connection, socket } = peer;
    send(connection, pattern(OUTPUT_HIGH_WATER_BYTES - 1));
    expect([connection.writable, socket.paused]).toEqual([true, false]);
    send(connection, pattern(1));
    expect([connection.writable, socket.paused]).toEqual([false, true]);
    expect(world.count(COUNT_READ_PAUSES)).toBe(1);
    socket.drain(OUTPUT_LOW_WATER_BYTES); // exactly the low mark is left
    expect([connection.writable, socket.paused]).toEqual([false, true]);
    socket.drain(1);
    expect([connection.writable, socket.paused]).toEqual([true, false]);
    expect(peer.trace).toEqual(["drained"]);
    world.check();
  });

  test("a drain with nothing queued, or that takes nothing, changes nothing", () => {
    const peer = start().accept({}, { spaceBytes: 5 });
    peer.socket.drain(0);
    peer.write("0123456789");
    peer.socket.drain(0);
    expect(peer.connection.pendingBytes).toBe(5);
    expect(peer.trace).toEqual([]);
    world.check();
  });

  test("what drained() writes comes after what was queued, and may block again", () => {
    const more = pattern(OUTPUT_HIGH_WATER_BYTES + OUTPUT_LOW_WATER_BYTES);
    const peer = start().accept(
      { drained: (connection) => send(connection, more) },
      { spaceBytes: 0 },
    );
    const first = pattern(OUTPUT_HIGH_WATER_BYTES);
    send(peer.connection, first);
    peer.socket.drain(OUTPUT_HIGH_WATER_BYTES);
    world.check();
    expect([peer.connection.writable, peer.trace.length]).toEqual([false, 1]);
    peer.session.hooks.drained = () => {};
    peer.socket.drain();
    expect(Buffer.compare(peer.socket.sent, Buffer.concat([first, more]))).toBe(0);
    expect(peer.trace).toEqual(["drained", "drained"]);
  });

  test("input that the session left goes on when the output has drained, and only then", () => {
    const peer = start().accept(
      {
        input: (connection, _bytes, at, end) => {
          if (!connection.writable) return 0;
          send(connection, pattern(OUTPUT_HIGH_WATER_BYTES));
          return Math.min(1, end - at);
        },
      },
      { spaceBytes: 0 },
    );
    peer.socket.deliver("abc");
    expect(peer.connection.hasInput).toBe(true);
    peer.connection.resumeInput();
    expect(peer.trace).toEqual(["input abc", "input bc"]);
    peer.socket.drain(OUTPUT_HIGH_WATER_BYTES);
    expect(peer.trace).toEqual(["input abc", "input bc", "drained", "input bc"]);
    peer.socket.drain();
    expect(peer.trace.slice(4)).toEqual(["drained", "input c"]);
    expect(peer.connection.hasInput).toBe(false);
  });

  test("one write above the cap ends the connection before anything is copied", () => {
    const peer = start().accept({}, { spaceBytes: 100 });
    const chargedBefore = world.store.bytesInUse;
    send(peer.connection, Buffer.alloc(OUTPUT_CAP_BYTES + 101));
    expect(world.closedFor(CLOSE_OUTPUT_OVERFLOW)).toBe(1);
    expect(world.store.bytesInUse).toBe(chargedBefore);
    expect(peer.socket.resetSent).toBe(true);
  });

  test("the cap itself may be queued, one byte more may not", () => {
    const peer = start().accept({}, { spaceBytes: 0 });
    for (let sent = 0; sent < OUTPUT_CAP_BYTES; sent += MIB)
      send(peer.connection, Buffer.alloc(MIB));
    expect(peer.connection.pendingBytes).toBe(OUTPUT_CAP_BYTES);
    expect(peer.connection.state).toBe(STATE_OPEN);
    peer.write("x");
    expect(world.closedFor(CLOSE_OUTPUT_OVERFLOW)).toBe(1);
    expect(world.pool.heldBytes).toBe(world.restBytes);
  });

  test("memory refused in the middle of a write resets: no part of it is sent on", () => {
    const peer = start({ memoryBytes: 192 * KIB }).accept({}, { spaceBytes: 7 });
    send(peer.connection, pattern(500 * KIB));
    expect(world.closedFor(CLOSE_MEMORY)).toBe(1);
    expect(peer.socket.sent.length).toBe(7);
    expect(peer.trace).toEqual(["closed memory"]);
    expect(world.pool.heldBytes).toBe(world.restBytes);
  });

  test("a closed connection swallows every call", () => {
    const peer = start().accept();
    const { connection } = peer;
    connection.abort(CLOSE_HANDLER);
    const previous = connection.cork();
    peer.write("x");
    connection.close(CLOSE_LOCAL);
    connection.abort(CLOSE_PROTOCOL);
    connection.setDeadline(5000);
    connection.resumeInput();
    connection.uncork(previous);
    expect([peer.socket.sentText, connection.pendingBytes]).toEqual(["", 0]);
    expect(peer.trace).toEqual(["closed handler"]);
    expect([connection.hasInput, connection.remoteAddress, connection.remotePort]).toEqual([
      false,
      "",
      0,
    ]);
    world.checkAtRest();
  });

  test("a socket that closes within write() leaves nothing behind", () => {
    for (const spaceBytes of [0, 3, 1000]) {
      for (const queued of [false, true]) {
        const peer = start().accept({}, { spaceBytes: 0 });
        if (queued) peer.write("queued before");
        const { socket } = peer;
        const write = socket.write.bind(socket);
        socket.write = (bytes, offset, length) => {
          socket.spaceBytes = spaceBytes;
          const count = write(bytes, offset, length);
          socket.peerReset();
          return count;
        };
        if (queued) socket.drain(0);
        else peer.write("0123456789");
        expect(world.closedFor(CLOSE_RESET)).toBe(1);
        world.checkAtRest();
      }
    }
  });
});

describe("Connection input", () => {
  test("what the session leaves is given again with what follows, at every cut", () => {
    const message = "ab,cdefg,h,,ij,";
    for (let cut = 0; cut <= message.length; cut++) {
      const words: string[] = [];
      const peer = start().accept({
        input: (_connection, bytes, at, end) => {
          const text = bytes.toString("latin1", at, end);
          const used = text.lastIndexOf(",") + 1;
          if (used > 0) words.push(...text.slice(0, used - 1).split(","));
          return used;
        },
      });
      peer.socket.deliver(message.slice(0, cut));
      world.check();
      peer.socket.deliver(message.slice(cut));
      expect(words).toEqual(["ab", "cdefg", "h", "", "ij"]);
      expect(peer.connection.hasInput).toBe(false);
      expect(world.pool.heldBytes).toBe(world.restBytes);
    }
  });

  test("reading pauses while too much waits for its turn, and goes on after it", () => {
    let ready = false;
    const peer = start().accept({
      input: (_connection, _bytes, at, end) => (ready ? end - at : 0),
    });
    peer.socket.deliver(Buffer.alloc(INPUT_HIGH_WATER_BYTES - 1));
    expect(peer.socket.paused).toBe(false);
    peer.socket.deliver("x");
    expect(peer.socket.paused).toBe(true);
    peer.socket.deliver("not read yet");
    expect(world.count(COUNT_BYTES_IN)).toBe(INPUT_HIGH_WATER_BYTES);
    ready = true;
    peer.connection.resumeInput();
    expect(peer.socket.paused).toBe(false);
    peer.socket.settle();
    expect(peer.trace.at(-1)).toBe("input not read yet");
  });

  test("ownsInput tells a pooled io_buf from a chunk of the socket", () => {
    const owned: boolean[] = [];
    const peer = start().accept({
      input: (connection, bytes) => {
        owned.push(connection.ownsInput(bytes));
        return 0;
      },
    });
    peer.socket.deliver("a");
    peer.socket.deliver("b");
    expect(owned).toEqual([false, true]);
  });

  test("input that does not fit into the memory limit ends the connection", () => {
    const peer = start({ memoryBytes: 96 * KIB }).accept({ input: () => 0 });
    peer.socket.deliver(Buffer.alloc(60 * KIB));
    expect(peer.trace).toEqual([`input ${"\0".repeat(40)}`, "closed memory"]);
    expect(world.closedFor(CLOSE_MEMORY)).toBe(1);
  });

  for (const waits of [false, true]) {
    for (const end of ["close", "abort", "terminate"] as const) {
      test(`${end} inside input, ${waits ? "pooled" : "direct"}: nothing is kept`, () => {
        const peer = start().accept({
          input: (connection, _bytes, at, stop) => {
            if (stop - at < 6) return 0;
            sendText(connection, "bye");
            if (end === "terminate") peer.socket.terminate();
            else connection[end](CLOSE_PROTOCOL);
            connection.resumeInput();
            return 2;
          },
        });
        if (waits) peer.socket.deliver("abc");
        peer.socket.deliver(waits ? "def" : "abcdef");
        world.check();
        peer.socket.deliver("more");
        expect(world.pool.heldBytes).toBe(world.restBytes);
        expect(peer.socket.sentText).toBe(end === "close" ? "bye" : "");
        expect(peer.connection.hasInput).toBe(false);
        expect(peer.connection.state).toBe(end === "close" ? STATE_LINGERING : STATE_CLOSED);
      });
    }
  }

  test("resumeInput inside input does not recurse", () => {
    const peer = start().accept({
      input: (connection) => {
        connection.resumeInput();
        return 1;
      },
    });
    peer.socket.deliver("abc");
    expect(peer.trace).toEqual(["input abc"]);
    peer.connection.resumeInput();
    expect(peer.trace).toEqual(["input abc", "input bc"]);
  });
});
