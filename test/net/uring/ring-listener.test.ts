import { afterEach, describe, expect, test } from "bun:test";
import { duplicateDescriptor } from "../../../src/net/listening-socket.ts";
import {
  calls,
  Client,
  isSupported,
  RingWorld,
  type RingWorldOptions,
  until,
} from "./ring-world.ts";

describe.skipIf(!isSupported)("RingListener", () => {
  let world: RingWorld;
  const clients: Client[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.socket.destroy();
    world.close();
  });

  async function start(options: RingWorldOptions = {}): Promise<{ stop(): void }> {
    world = await RingWorld.open(options);
    return world.listen();
  }

  function call(count: number): void {
    for (let n = 0; n < count; n++) clients.push(new Client(world.port));
  }

  test("accepts all that come at once", async () => {
    await start();
    call(200);
    await until(() => world.served.length === 200, "200 accepts");
    expect(new Set(world.served.map(({ socket }) => socket.fd)).size).toBe(200);
  });

  test("accepts no more than there is room for; the others wait", async () => {
    let places = 5;
    await start({ room: () => places - world.served.length });
    call(12);
    await until(() => world.served.length === places, "five accepts");
    world.transport.nudge();
    await until(() => clients.every(({ socket }) => !socket.connecting), "connections");
    expect(world.served.length).toBe(places);
    places = 1000;
    world.transport.nudge();
    await until(() => world.served.length === 12, "the rest");
  });

  test("stops: what comes then waits for the next listener", async () => {
    const listener = await start();
    await world.connect();
    listener.stop();
    listener.stop();
    await world.transport.settled();
    const before = world.served.length;
    call(3);
    await until(() => clients.every(({ socket }) => !socket.connecting), "connections");
    expect(world.served.length).toBe(before);
    world.listen();
    await until(() => world.served.length === before + 3, "their accepts");
  });

  test("a connection is either accepted before it settles, or waits: none is lost", async () => {
    const listener = await start();
    for (let round = 0; round < 20; round++) {
      const stopping = round === 0 ? listener : world.listen();
      call(5);
      stopping.stop();
      await world.transport.settled();
    }
    world.listen();
    await until(() => world.served.length === 100, "100 accepts");
  });

  test("looks anew when it is nudged, and loses nothing by it", async () => {
    await start();
    for (let round = 0; round < 10; round++) {
      world.transport.nudge();
      call(3);
      world.transport.nudge();
      await until(() => world.served.length === 3 * (round + 1), "3 accepts");
    }
  });

  test("stopped by the connection that it accepts, it closes its descriptor once", async () => {
    const onOpen = (): void => listener.stop();
    const listener = await start({ room: () => 1 - world.served.length, onOpen });
    const closed: number[] = [];
    const { close } = calls;
    calls.close = (fd) => (closed.push(fd), close(fd));
    try {
      await world.connect();
      await world.transport.settled();
    } finally {
      calls.close = close;
    }
    expect(closed).toHaveLength(1); // a second time it would be someone else's
  });

  test("two listeners keep their connections apart", async () => {
    await start();
    const other = await RingWorld.open();
    const seen: string[] = [];
    const handlers = { ...other.handlers(), open: () => void seen.push("other") };
    world.transport.listen(duplicateDescriptor(other.listening.descriptor), handlers, 1);
    const client = new Client(other.port);
    clients.push(client);
    call(1);
    await until(() => seen.length === 1 && world.served.length === 1, "one accept each");
    other.close();
  });
});
