// Listener on real sockets: stopping and starting loses nobody who waits, and costs no descriptor.

import { afterEach, describe, expect, test } from "bun:test";
import { openSync, readdirSync } from "node:fs";
import { MillraceError } from "../../src/core/errors.ts";
import type { Connection } from "../../src/net/connection.ts";
import { Listener } from "../../src/net/listener.ts";
import { duplicateDescriptor, ListeningSocket } from "../../src/net/listening-socket.ts";
import type { SocketHandlers } from "../../src/net/raw-socket.ts";

const LOOPBACK = { kind: "inet", host: "127.0.0.1", port: 0, ipv6Only: false } as const;

const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

interface Accepting {
  accepted: number;
  handlers: SocketHandlers<Connection>;
  onOpen: () => void;
}

function accepting(): Accepting {
  const ignore = () => {};
  const counted: Accepting = {
    accepted: 0,
    onOpen: ignore,
    handlers: {
      ...{ data: ignore, drain: ignore, end: ignore, close: ignore, error: ignore },
      open: (socket) => {
        counted.accepted++;
        toClose.push(() => socket.terminate());
        counted.onOpen();
      },
    },
  };
  return counted;
}

function openSocket(): { socket: ListeningSocket; port: number; dup: () => number } {
  const socket = ListeningSocket.open(LOOPBACK, { backlog: 512 });
  toClose.push(() => socket.close());
  const { address } = socket;
  const port = address.kind === "inet" ? address.port : 0;
  return { socket, port, dup: () => duplicateDescriptor(socket.descriptor) };
}

async function connectMany(port: number, count: number): Promise<{ lost: () => number }> {
  let lost = 0;
  const socket = { data() {}, close: () => void lost++ };
  const connect = () => Bun.connect({ hostname: "127.0.0.1", port, socket });
  const clients = await Promise.all(Array.from({ length: count }, connect));
  toClose.push(() => clients.forEach((client) => client.terminate()));
  return { lost: () => lost };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe("Listener", () => {
  test("holdBack within open stops the accept loop: who waits is accepted later", async () => {
    const { port, dup } = openSocket();
    const counted = accepting();
    const listener = new Listener(counted.handlers);
    toClose.push(() => listener.detach());
    listener.attach({ dup });
    let limit = 10;
    let most = 0;
    counted.onOpen = () => {
      most = Math.max(most, counted.accepted - limit);
      if (counted.accepted >= limit) listener.holdBack(true);
    };
    const { lost } = await connectMany(port, 100);
    await until(() => counted.accepted >= 10);
    for (limit = 20; limit <= 100; limit += 10) {
      expect(listener.accepting).toBe(false);
      listener.holdBack(false);
      expect(listener.accepting).toBe(true);
      await until(() => counted.accepted >= limit);
    }
    expect([counted.accepted, most, lost()]).toEqual([100, 0, 0]);
  });

  test("attach while it is held back waits; detach while it is held back stays", () => {
    const { dup } = openSocket();
    const listener = new Listener(accepting().handlers);
    listener.holdBack(true);
    listener.attach({ dup });
    expect(listener.accepting).toBe(false);
    listener.holdBack(false);
    expect(listener.accepting).toBe(true);
    listener.holdBack(false);
    listener.holdBack(true);
    listener.detach();
    listener.holdBack(false);
    expect(listener.accepting).toBe(false);
    listener.detach();
  });

  test("attach twice is our bug", () => {
    const { dup } = openSocket();
    const listener = new Listener(accepting().handlers);
    toClose.push(() => listener.detach());
    listener.attach({ dup });
    expect(() => listener.attach({ dup })).toThrow("attached twice");
  });

  test("starting and stopping often leaves no descriptor behind", () => {
    const { dup } = openSocket();
    const listener = new Listener(accepting().handlers);
    listener.attach({ dup });
    listener.holdBack(true);
    const before = readdirSync("/proc/self/fd").length;
    for (let times = 0; times < 100; times++) {
      listener.holdBack(false);
      listener.holdBack(true);
    }
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  test("what cannot be listened on is refused by attach with its address", () => {
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    toClose.push(() => taken.stop());
    const listener = new Listener(accepting().handlers);
    const attach = () => listener.attach({ host: "127.0.0.1", port: taken.port });
    const before = readdirSync("/proc/self/fd").length;
    for (let times = 0; times < 3; times++) expect(attach).toThrow(MillraceError);
    expect(attach).toThrow(`Cannot listen on 127.0.0.1:${taken.port}: `);
    const file = { dup: () => openSync(import.meta.path, "r") };
    expect(() => listener.attach(file)).toThrow("Cannot listen on a given socket: ");
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    listener.attach({ host: "127.0.0.1", port: 0 });
    expect(listener.accepting).toBe(true);
    listener.detach();
  });

  test("starting again that fails is told once and tried until it works", async () => {
    const { port, dup } = openSocket();
    let failures = 0;
    const told: unknown[] = [];
    const source = {
      dup: () => {
        if (failures === 0) return dup();
        failures--;
        throw new MillraceError("ERR_LISTEN", "Cannot duplicate descriptor 5: too many open files");
      },
    };
    const counted = accepting();
    const listener = new Listener(counted.handlers, {
      onRetry: (error) => void told.push(error),
    });
    toClose.push(() => listener.detach());
    listener.attach(source);
    listener.holdBack(true);
    failures = 3;
    listener.holdBack(false);
    expect(listener.accepting).toBe(false);
    await connectMany(port, 3);
    await until(() => counted.accepted === 3);
    expect([told.length, failures]).toEqual([1, 0]);
  });

  test("detach ends the trying", async () => {
    const { dup } = openSocket();
    let calls = 0;
    const listener = new Listener(accepting().handlers);
    listener.holdBack(true);
    listener.attach({
      dup: () => {
        calls++;
        throw new Error("no descriptor");
      },
    });
    listener.holdBack(false);
    listener.detach();
    const other = new Listener(accepting().handlers); // its retry is later than ours would be
    let isOver = false;
    other.holdBack(true);
    other.attach({
      dup: () => {
        if (isOver) return dup();
        isOver = true;
        throw new Error("no descriptor yet");
      },
    });
    other.holdBack(false);
    await until(() => other.accepting);
    other.detach();
    expect(calls).toBe(1);
  });
});
