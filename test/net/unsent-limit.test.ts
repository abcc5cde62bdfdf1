import { expect, test } from "bun:test";
import { heldBytes, limitUnsent } from "../../src/net/unsent-limit.ts";

/** Bytes that a socket takes for a peer that reads nothing. */
async function takenFor(limitBytes: number | null): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const chunk = new Uint8Array(64 * 1024);
  const fill = (socket: Bun.Socket): void => {
    let taken = 0;
    for (let count = chunk.length; count === chunk.length; taken += count) {
      count = Math.max(0, socket.write(chunk));
    }
    resolve(taken);
  };
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: fill, data() {} },
  });
  if (limitBytes !== null) limitUnsent((listener as unknown as { fd: number }).fd, limitBytes);
  const peer = await Bun.connect({
    hostname: "127.0.0.1",
    port: listener.port,
    socket: { open: (socket) => void socket.pause(), data() {} },
  });
  const taken = await promise;
  peer.terminate();
  listener.stop(true);
  return taken;
}

test("limitUnsent bounds what the kernel keeps for a peer that does not read", async () => {
  const bounded = await takenFor(128 * 1024);
  expect(bounded).toBeGreaterThan(0);
  expect(bounded).toBeLessThan((await takenFor(null)) / 2);
});

test("heldBytes counts what the peer has not acknowledged", async () => {
  const sockets = Promise.withResolvers<Bun.Socket>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: sockets.resolve, data() {} },
  });
  const peer = await Bun.connect({
    hostname: "127.0.0.1",
    port: listener.port,
    socket: { open: (socket) => void socket.pause(), data() {} },
  });
  const socket = await sockets.promise;
  const { fd } = socket as unknown as { fd: number };
  expect(heldBytes(fd)).toBe(0);
  let taken = 0;
  for (let count = 1; count > 0; taken += count) {
    count = Math.max(0, socket.write(new Uint8Array(1024 * 1024)));
  }
  const held = heldBytes(fd);
  expect(held).toBeGreaterThan(0);
  expect(held).toBeLessThan(taken);
  peer.resume();
  const endMs = performance.now() + 10_000;
  while (heldBytes(fd) > 0) {
    if (performance.now() > endMs) throw new Error("it is not acknowledged");
    await Bun.sleep(1);
  }
  peer.terminate();
  listener.stop(true);
});

test("heldBytes is 0 where nothing is known", () => {
  expect([heldBytes(-1), heldBytes(undefined)]).toEqual([0, 0]);
});

test("limitUnsent is harmless where there is no such socket", () => {
  expect(() => limitUnsent(-1)).not.toThrow();
});
