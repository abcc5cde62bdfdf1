import { describe, expect, test } from "bun:test";
import {
  CLOSE_DRAIN,
  CLOSE_HEAD_TIMEOUT,
  CLOSE_PEER,
  CLOSE_PROTOCOL,
} from "../../src/core/close-reason.ts";
import type { Connection } from "../../src/net/connection.ts";
import { ProxyPreamble } from "../../src/net/proxy-preamble.ts";
import { FakeSocket } from "../support/fake-socket.ts";
import { NetWorld, ScriptSession, type SessionHooks, sendText } from "../support/net-world.ts";
import { everyCut } from "../support/replay.ts";

const HEADER = "PROXY TCP4 203.0.113.9 198.51.100.2 40000 443\r\n";
const TIMEOUT_MS = 5_000;

class Client {
  readonly world: NetWorld = new NetWorld();
  readonly socket: FakeSocket<Connection>;
  session: ScriptSession | null = null;
  address = "";

  constructor(hooks: SessionHooks = {}) {
    const open = (connection: Connection) => {
      this.address = `${connection.remoteAddress} ${connection.remotePort}`;
      return (this.session = new ScriptSession(connection, hooks));
    };
    const preamble = new ProxyPreamble({ open }, true, TIMEOUT_MS);
    this.socket = new FakeSocket<Connection>(this.world.reactor.handlers(preamble) as never);
    this.socket.open();
  }

  closedFor(reason: number): number {
    this.world.checkAtRest();
    return this.world.closedFor(reason);
  }
}

describe("ProxyPreamble", () => {
  test("gives the protocol the proxied address and what is behind the header", () => {
    const client = new Client();
    client.socket.deliver(`${HEADER}hello`);
    expect(client.address).toBe("203.0.113.9 40000");
    expect(client.session!.trace).toEqual(["input hello"]);
    client.socket.deliver("more");
    expect(client.session!.trace).toEqual(["input hello", "input more"]);
  });

  test("keeps the address of a proxy that speaks for itself", () => {
    const client = new Client();
    client.socket.deliver("PROXY UNKNOWN\r\n");
    expect(client.address).toBe("192.0.2.7 50007");
    expect(client.session!.trace).toEqual([]);
  });

  test("is the same however the stream is cut", () => {
    const stream = Buffer.from(`${HEADER}0123456789`);
    everyCut(stream, (ends) => {
      let taken = "";
      const client = new Client({
        input: (_, bytes, start, end) => {
          const count = (end - start) & ~1; // leaves an odd byte, to be given again
          taken += bytes.toString("latin1", start, start + count);
          return count;
        },
      });
      let start = 0;
      for (const end of ends) {
        client.socket.deliver(stream.subarray(start, end));
        start = end;
      }
      expect(client.world.pool.heldBytes).toBe(client.world.restBytes);
      return `${client.address} ${taken}`;
    });
  });

  test("refuses what is no header, and the protocol never hears of it", () => {
    const client = new Client();
    client.socket.deliver("GET / HTTP/1.1\r\n");
    expect(client.socket.resetSent).toBe(true);
    expect(client.session).toBeNull();
    expect(client.closedFor(CLOSE_PROTOCOL)).toBe(1);
  });

  test("waits for the header so long and no longer, however slowly it comes", () => {
    const client = new Client();
    for (let at = 0; at < 9; at++) {
      client.socket.deliver(HEADER.slice(at, at + 1));
      client.world.clock.advance(TIMEOUT_MS / 10);
    }
    expect(client.socket.closed).toBe(false);
    client.world.clock.advance(TIMEOUT_MS / 10 + 100);
    expect(client.closedFor(CLOSE_HEAD_TIMEOUT)).toBe(1);
  });

  test("takes its deadline back when the header is there", () => {
    const client = new Client();
    client.socket.deliver(HEADER);
    client.world.clock.advance(TIMEOUT_MS * 3);
    expect(client.socket.closed).toBe(false);
  });

  test("tells a check whether somebody listens from a header that was cut", () => {
    const check = new Client();
    check.socket.peerEnd();
    expect(check.closedFor(CLOSE_PEER)).toBe(1);
    const cut = new Client();
    cut.socket.deliver(HEADER.slice(0, 20));
    cut.socket.peerEnd();
    expect(cut.closedFor(CLOSE_PROTOCOL)).toBe(1);
  });

  test("lets the protocol close in its first moment, with input behind the header", () => {
    const client = new Client({
      open: (connection) => {
        sendText(connection, "bye");
        connection.close(CLOSE_PEER);
      },
    });
    client.socket.deliver(`${HEADER}hello`);
    expect(client.socket.sentText).toBe("bye");
    client.socket.peerEnd();
    client.socket.settle();
    expect(client.session!.trace).toEqual(["closed peer"]);
    expect(client.closedFor(CLOSE_PEER)).toBe(1);
  });

  test("lets the protocol hold its input back from the first moment", () => {
    const client = new Client({
      open: (connection) => connection.holdInput(true),
      input: (_, __, start, end) => (client.socket.paused ? 0 : end - start),
    });
    client.socket.deliver(`${HEADER}hello`);
    expect(client.socket.paused).toBe(true);
    const { connection } = client.session!;
    connection.holdInput(false);
    connection.resumeInput();
    expect(client.session!.trace.at(-1)).toBe("input hello");
    expect(connection.hasInput).toBe(false);
  });

  test("is idle for a drain", async () => {
    const client = new Client();
    let over = false;
    void client.world.reactor.drain(0, 1_000).then(() => (over = true));
    while (!over) {
      client.world.clock.advance(10);
      await Promise.resolve();
      if (client.socket.shutDown) client.socket.peerEnd();
    }
    expect(client.world.closedFor(CLOSE_DRAIN)).toBe(1);
  });
});
