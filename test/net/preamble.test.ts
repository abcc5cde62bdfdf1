import { expect, test } from "bun:test";
import { AssertionError } from "../../src/core/assert.ts";
import { CLOSE_LOCAL } from "../../src/core/close-reason.ts";
import type { Connection } from "../../src/net/connection.ts";
import { handOver } from "../../src/net/preamble.ts";
import { NetWorld, ScriptSession } from "../support/net-world.ts";

class TellingSession extends ScriptSession {
  override opened(): void {
    this.trace.push("opened");
  }
}

test("handOver gives events to the new session and tells it that it is open", () => {
  const world = new NetWorld();
  const peer = world.accept();
  peer.connection.setDeadline(world.reactor.nowMs + 100);
  const open = (connection: Connection) => new TellingSession(connection, {});
  const next = handOver(peer.connection, { open }) as ScriptSession;
  world.clock.advance(1_000);
  peer.socket.deliver("abc");
  peer.socket.peerReset();
  expect(next.trace).toEqual(["opened", "input abc", "closed reset"]);
  expect(peer.trace).toEqual([]);
  world.checkAtRest();
});

test("handOver to a session that closes in its first moment tells it no more than that", () => {
  const world = new NetWorld();
  const peer = world.accept();
  const abort = (connection: Connection) => connection.abort(CLOSE_LOCAL);
  const open = (connection: Connection) => new TellingSession(connection, { open: abort });
  const next = handOver(peer.connection, { open }) as ScriptSession;
  expect(next.trace).toEqual(["closed local"]);
  world.checkAtRest();
  expect(() => handOver(peer.connection, { open })).toThrow(AssertionError);
});
