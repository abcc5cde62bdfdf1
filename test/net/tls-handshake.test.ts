import { describe, expect, test } from "bun:test";
import { CLOSE_DRAIN, CLOSE_PEER, CLOSE_TLS } from "../../src/core/close-reason.ts";
import type { Connection } from "../../src/net/connection.ts";
import type { SocketHandlers } from "../../src/net/raw-socket.ts";
import { TlsHandshake } from "../../src/net/tls-handshake.ts";
import { FakeSocket } from "../support/fake-socket.ts";
import { NetWorld, ScriptSession, type SessionHooks, sendText } from "../support/net-world.ts";

const TIMEOUT_MS = 10_000;

class Client {
  readonly world: NetWorld = new NetWorld();
  readonly socket: FakeSocket<Connection>;
  session: ScriptSession | null = null;
  private readonly handlers: SocketHandlers<Connection>;

  constructor(hooks: SessionHooks = {}, needsCertificate = false) {
    const open = (connection: Connection) => (this.session = new ScriptSession(connection, hooks));
    this.handlers = this.world.reactor.handlers(
      new TlsHandshake({ open }, needsCertificate, TIMEOUT_MS),
    );
    this.socket = new FakeSocket<Connection>(this.handlers as never);
    this.socket.open();
  }

  handshake(isDone: boolean, error: Error | null = null): void {
    this.handlers.handshake!(this.socket as never, isDone, error);
    this.socket.settle();
  }

  closedFor(reason: number): number {
    this.world.checkAtRest();
    return this.world.closedFor(reason);
  }
}

const UNTRUSTED = new Error("self signed certificate");

describe("TlsHandshake", () => {
  test("hands over a secure connection when it is done, and takes its deadline back", () => {
    const client = new Client({ open: (connection) => sendText(connection, "hello") });
    expect(client.session).toBeNull();
    expect(client.socket.sentText).toBe("");
    client.handshake(true, UNTRUSTED);
    expect(client.session!.connection.secure).toBe(true);
    expect(client.socket.sentText).toBe("hello");
    client.world.clock.advance(TIMEOUT_MS * 3);
    client.socket.deliver("data");
    expect(client.session!.trace).toEqual(["input data"]);
  });

  test("ends with CLOSE_TLS when it fails, and the protocol never hears of it", () => {
    const client = new Client();
    client.handshake(false, new Error("HTTP_REQUEST"));
    expect(client.closedFor(CLOSE_TLS)).toBe(1);
    expect(client.session).toBeNull();
  });

  test("ends at its deadline, not before", () => {
    const client = new Client();
    client.world.clock.advance(TIMEOUT_MS - 1);
    expect(client.socket.closed).toBe(false);
    client.world.clock.advance(100);
    expect(client.closedFor(CLOSE_TLS)).toBe(1);
  });

  test("refuses an untrusted client only where a certificate is needed", () => {
    const open = new Client();
    open.handshake(true, UNTRUSTED);
    expect(open.socket.closed).toBe(false);
    const strict = new Client({}, true);
    strict.handshake(true, UNTRUSTED);
    expect(strict.closedFor(CLOSE_TLS)).toBe(1);
    const trusted = new Client({}, true);
    trusted.handshake(true, null);
    expect(trusted.socket.closed).toBe(false);
  });

  test("ends when the peer leaves or sends what cannot have been decrypted", () => {
    const left = new Client();
    left.socket.peerEnd();
    expect(left.closedFor(CLOSE_TLS)).toBe(1);
    const early = new Client();
    early.socket.deliver("plain");
    expect(early.closedFor(CLOSE_TLS)).toBe(1);
  });

  test("that ends a connection which is gone already is nothing", () => {
    const client = new Client();
    client.world.reactor.closeAll(CLOSE_DRAIN);
    client.handshake(true);
    client.handshake(false);
    expect(client.session).toBeNull();
    expect(client.closedFor(CLOSE_DRAIN)).toBe(1);
  });

  test("lets the protocol close in its first moment", () => {
    const client = new Client({ open: (connection) => connection.close(CLOSE_PEER) });
    client.handshake(true);
    client.socket.peerEnd();
    client.socket.settle();
    expect(client.closedFor(CLOSE_PEER)).toBe(1);
  });

  test("counts a broken record after it as the peer's fault, and goes on with the others", () => {
    const client = new Client();
    client.handshake(true);
    const broken = Object.assign(new Error("BAD_RECORD_MAC"), { code: "EPROTO" });
    const handlers = client.world.reactor.handlers({ open: () => client.session! });
    handlers.error(client.socket as never, broken);
    expect(client.closedFor(CLOSE_TLS)).toBe(1);
    expect(client.session!.trace).toEqual(["closed tls"]);
  });
});
