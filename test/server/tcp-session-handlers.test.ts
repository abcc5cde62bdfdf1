import { describe, expect, test } from "bun:test";
import { CLOSE_HANDLER, CLOSE_PEER } from "../../src/core/close-reason.ts";
import { COUNT_HANDLER_ERRORS } from "../../src/core/counters.ts";
import { silentLog } from "../../src/core/log.ts";
import type { Connection } from "../../src/net/connection.ts";
import { line } from "../../src/net/framing/line.ts";
import { TcpApplication } from "../../src/server/tcp-application.ts";
import { tcp, type TcpListenerOptions } from "../../src/server/tcp-service.ts";
import { FakeSocket } from "../support/fake-socket.ts";
import { NetWorld } from "../support/net-world.ts";
import { connect, echo, frame } from "./tcp-world.ts";

test("TcpSession calls each handler on its listener, with what is documented and no more", () => {
  const world = new NetWorld();
  const calls: [string, number][] = [];
  const record = (name: string) =>
    function (this: TcpListenerOptions, ...given: unknown[]): void {
      expect(this.unix).toBe("mine");
      calls.push([name, given.length]);
    };
  const application = new TcpApplication(
    tcp({
      unix: "mine",
      framing: line(),
      open: record("open"),
      message: record("message"),
      error: record("error"),
      close: record("close"),
    }),
    silentLog,
  );
  const socket = new FakeSocket<Connection>(world.reactor.handlers(application) as never);
  socket.open();
  socket.deliver("frame\n");
  socket.peerEnd();
  socket.settle();
  expect(calls).toEqual([
    ["open", 1],
    ["message", 2],
    ["close", 2],
  ]);
});

describe("TcpSession handlers that fail", () => {
  const failing: [string, TcpListenerOptions][] = [
    ["open throws", { open: () => raise("open") }],
    ["message throws", { message: () => raise("message") }],
    ["message rejects", { message: () => Promise.reject(new Error("message")) }],
  ];
  for (const [name, options] of failing) {
    test(`${name}: this connection ends, others live`, async () => {
      const world = new NetWorld();
      const other = connect(world, { message: echo });
      const { socket, trace } = connect(world, options);
      if (!socket.closed) socket.deliver(frame("go"));
      await Promise.resolve();
      await Promise.resolve();
      socket.settle();
      expect(trace.some((call) => call.startsWith("error "))).toBe(true);
      expect(trace.at(-1)).toBe("close handler");
      expect(world.closedFor(CLOSE_HANDLER)).toBe(1);
      expect(world.count(COUNT_HANDLER_ERRORS)).toBe(1);
      other.socket.deliver(frame("alive"));
      expect(other.socket.takeSent()).toEqual(frame("alive"));
      world.check();
    });
  }

  test("after close no handler is called, whatever fails late: it is counted", async () => {
    const world = new NetWorld();
    const late = Promise.withResolvers<void>();
    const { socket, trace, peer } = connect(world, {
      message: () => late.promise,
      close: () => raise("close"),
    });
    socket.deliver(frame("go"));
    peer().terminate();
    late.reject(new Error("late"));
    await late.promise.catch(() => undefined);
    await Promise.resolve();
    expect(trace).toEqual(["open", "message go", "close local"]);
    expect(world.count(COUNT_HANDLER_ERRORS)).toBe(2);
    world.checkAtRest();
  });

  test("whatever can be awaited counts as a promise", async () => {
    const world = new NetWorld();
    const thenable = { then: (_: unknown, reject: (error: Error) => void) => reject(failure) };
    const failure = new Error("of another library");
    const { socket, trace } = connect(world, { message: () => thenable });
    socket.deliver(frame("go"));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    expect(trace.slice(2)).toEqual(["error of another library", "close handler"]);
  });

  test("an error handler that rejects is logged, and no unhandled rejection", async () => {
    const world = new NetWorld();
    const unhandled: unknown[] = [];
    const listen = (error: unknown): unknown => unhandled.push(error);
    process.on("unhandledRejection", listen);
    const { socket } = connect(world, {
      message: () => raise("message"),
      error: () => Promise.reject(new Error("error")),
    });
    socket.deliver(frame("go"));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", listen);
    expect(unhandled).toEqual([]);
    expect(world.closedFor(CLOSE_HANDLER)).toBe(1);
  });

  test("close and error that throw do no harm", () => {
    const world = new NetWorld();
    const { socket } = connect(world, {
      message: () => raise("message"),
      error: () => raise("error"),
      close: () => raise("close"),
    });
    socket.deliver(frame("go"));
    socket.settle();
    expect(world.closedFor(CLOSE_HANDLER)).toBe(1);
    world.checkAtRest();
  });

  test("a peer that half-closes has its answers and then the end", () => {
    const world = new NetWorld();
    const { socket, trace } = connect(world, { message: echo });
    socket.deliver(frame("last"));
    socket.peerEnd();
    socket.settle();
    expect(socket.takeSent()).toEqual(frame("last"));
    expect(trace.at(-1)).toBe("close peer");
    expect(world.closedFor(CLOSE_PEER)).toBe(1);
    world.checkAtRest();
  });
});

function raise(text: string): never {
  throw new Error(text);
}
