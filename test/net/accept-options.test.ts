import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { SILENT_ACCEPT_S } from "../../src/core/limits.ts";
import { acceptWithBytes, sendAtOnce } from "../../src/net/accept-options.ts";
import { ListeningSocket } from "../../src/net/listening-socket.ts";
import { loadLibc } from "../../src/net/libc.ts";

const isLinux = loadLibc() !== null;

function open(): ListeningSocket {
  const address = { kind: "inet", host: "127.0.0.1", port: 0, ipv6Only: false } as const;
  return ListeningSocket.open(address, { backlog: 16 });
}

function portOf(socket: ListeningSocket): number {
  return socket.address.kind === "inet" ? socket.address.port : 0;
}

/** Connects, says something later, and tells when each was seen: the order of events. */
async function order(peerFirst: boolean): Promise<string[]> {
  const socket = open();
  acceptWithBytes(socket.descriptor, peerFirst);
  const events: string[] = [];
  const done = Promise.withResolvers<void>();
  const listener = Bun.listen({
    fd: socket.descriptor,
    socket: {
      open: () => void events.push("accepted"),
      data: () => done.resolve(),
    },
  } as unknown as Bun.TCPSocketListenOptions<undefined>);
  acceptWithBytes(socket.descriptor, peerFirst); // Bun listens anew, which changes nothing
  const client = connect({ port: portOf(socket) });
  await new Promise<void>((resolve) => client.once("connect", () => resolve()));
  for (let turn = 0; turn < 50 && !events.includes("accepted"); turn++) await Bun.sleep(1);
  events.push("spoke");
  client.write("x");
  await done.promise;
  client.destroy();
  listener.stop(true);
  return events;
}

describe.skipIf(!isLinux)("accept options", () => {
  test("a peer that speaks first is accepted when it does", async () => {
    expect(await order(true)).toEqual(["spoke", "accepted"]);
  });

  test("a peer that waits for us is accepted at once", async () => {
    expect(await order(false)).toEqual(["accepted", "spoke"]);
  });

  test("a silent one is accepted too, a little later", async () => {
    const socket = open();
    acceptWithBytes(socket.descriptor, true);
    const accepted = Promise.withResolvers<void>();
    const listener = Bun.listen({
      fd: socket.descriptor,
      socket: { open: () => accepted.resolve(), data: () => {} },
    } as unknown as Bun.TCPSocketListenOptions<undefined>);
    const client = connect({ port: portOf(socket) });
    await accepted.promise; // after SILENT_ACCEPT_S, when the kernel asks the peer once more
    expect(SILENT_ACCEPT_S).toBeLessThanOrEqual(1);
    client.destroy();
    listener.stop(true);
  });

  test("what is no TCP socket, or none at all, is left alone", () => {
    for (const set of [sendAtOnce, (fd: number) => acceptWithBytes(fd, true)]) {
      expect(() => set(-1)).not.toThrow();
      expect(() => set(0)).not.toThrow();
    }
  });
});
