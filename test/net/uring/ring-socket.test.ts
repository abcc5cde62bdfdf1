import { afterEach, describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pattern } from "../../support/net-world.ts";
import { isSupported, RingWorld, type RingWorldOptions, until } from "./ring-world.ts";

const MUCH = 8 * 1024 * 1024; // more than a kernel takes for a peer that does not read

describe.skipIf(!isSupported)("RingSocket", () => {
  let world: RingWorld;
  afterEach(() => world.close());

  async function start(options: RingWorldOptions = {}): ReturnType<RingWorld["connect"]> {
    world = await RingWorld.open(options);
    world.listen();
    return world.connect();
  }

  test("says who the peer is", async () => {
    const { client, served } = await start();
    await until(() => !client.socket.connecting, "the connection");
    expect(served.socket.remoteAddress).toBe("127.0.0.1");
    expect(served.socket.remotePort).toBe(client.socket.localPort!);
    served.socket.close();
    expect(served.socket.remoteAddress).toBe("127.0.0.1"); // it was asked before
  });

  test("has no address on a Unix socket, nor once it is closed", async () => {
    const { served } = await start({ unix: join(tmpdir(), `millrace-ring-${process.pid}.sock`) });
    expect([served.socket.remoteAddress, served.socket.remotePort]).toEqual(["", 0]);
    const other = await world.connect();
    other.served.socket.close();
    expect(other.served.socket.remoteAddress).toBeUndefined();
  });

  test("delivers every byte in order, pieces of all sizes", async () => {
    const { client, served } = await start();
    const all = pattern(300_000);
    client.socket.write(all);
    await until(() => served.received.length === all.length, "all bytes");
    expect(served.received.equals(all)).toBe(true);
  });

  test("stages small writes, which leave together and in order", async () => {
    const { client, served } = await start();
    expect([served.stage("one "), served.stage("two "), served.stage("three")]).toEqual([4, 4, 5]);
    expect(served.socket.stagedBytes).toBe(13);
    expect(client.text).toBe("");
    await until(() => client.text === "one two three", "the bytes");
    expect([served.socket.stagedBytes, served.events]).toEqual([0, []]);
  });

  test("sends what is staged before what is written", async () => {
    const { client, served } = await start();
    served.stage("first ");
    expect(served.write(Buffer.from("second"))).toBe(6);
    expect(served.socket.stagedBytes).toBe(0);
    await until(() => client.text === "first second", "the bytes");
  });

  test("writes what stands in a view now, wherever its bytes have gone since", async () => {
    const { client, served } = await start();
    const view = new Uint8Array(5); // so small that the collector keeps its bytes
    view.set(Buffer.from("first"));
    expect(served.socket.write(view, 0, 5)).toBe(5);
    expect(view.buffer.byteLength).toBe(5); // now they are elsewhere
    view.set(Buffer.from("later"));
    expect(served.socket.write(view, 0, 5)).toBe(5);
    await until(() => client.text.length === 10, "the bytes");
    expect(client.text).toBe("firstlater");
  });

  test("sends what is staged and a large write behind it as one, or what fits", async () => {
    const { client, served } = await start();
    const others = await world.connect();
    const body = pattern(MUCH);
    served.stage("head ");
    others.served.stage("another's");
    const written = served.write(body);
    expect([served.socket.stagedBytes, written > 0, written < MUCH]).toEqual([0, true, true]);
    await until(() => client.received.length >= 5 + written, "what fits");
    expect(client.text.slice(0, 5)).toBe("head ");
    expect(client.received.subarray(5, 5 + written).equals(body.subarray(0, written))).toBe(true);
    await until(() => others.client.text === "another's", "the other's bytes");
    expect(served.events).not.toContain("refused");
  });

  test("gives back what is staged when not even that fits with a large write", async () => {
    const { client, served } = await start();
    client.socket.pause();
    while (served.write(pattern(MUCH)) > 0);
    client.socket.resume();
    await until(() => served.events.includes("drain"), "room");
    client.socket.pause();
    const before = client.received.length;
    expect(before).toBeGreaterThan(0);
    let staged = 0;
    while (served.refused.length === 0) {
      const count = served.stage("h".repeat(10_000));
      if (count === 0) break;
      staged += count;
      served.write(pattern(100_000));
      if (staged > MUCH) break;
    }
    expect(served.socket.stagedBytes).toBe(0);
  });

  test("leaves a large write to write()", async () => {
    const { served } = await start();
    const large = "x".repeat(20_000);
    expect(served.stage(large)).toBe(0);
    expect(served.write(Buffer.from(large))).toBe(20_000);
  });

  test("tells when what is staged has left, once, if it is asked to", async () => {
    const { client, served } = await start();
    served.stage("a");
    served.socket.tellsSent = true;
    await until(() => served.events.length > 0, "the news");
    served.stage("b");
    await until(() => client.text === "ab", "the bytes");
    expect(served.events).toEqual(["sent"]);
  });

  test("gives back what the kernel does not take, and says when it takes more", async () => {
    const { client, served } = await start();
    client.socket.pause();
    const chunk = pattern(16_000);
    let staged = 0;
    while (served.refused.length === 0 && staged < MUCH) {
      if (served.socket.stage(chunk, 0, chunk.length) !== chunk.length) break;
      staged += chunk.length;
      served.socket.flush();
    }
    expect(served.refused.length).toBeGreaterThan(0);
    expect(chunk.subarray(chunk.length - served.refused.length).equals(served.refused)).toBe(true);
    expect(served.stage("more")).toBe(0); // it would overtake
    client.socket.resume();
    await until(() => served.events.includes("drain"), "room");
    expect(served.write(served.refused)).toBe(served.refused.length);
    await until(() => client.received.length === staged, "all bytes");
    expect(client.received.subarray(-chunk.length).equals(chunk)).toBe(true);
  });

  test("writes what fits, then nothing, until there is room", async () => {
    const { client, served } = await start();
    client.socket.pause();
    const all = pattern(MUCH);
    let written = served.write(all);
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(MUCH);
    expect(served.write(all.subarray(written))).toBe(0);
    client.socket.resume();
    while (written < MUCH) {
      const drains = served.events.length;
      await until(() => served.events.length > drains, "room");
      written += served.write(all.subarray(written));
    }
    await until(() => client.received.length === MUCH, "all bytes");
    expect(client.received.equals(all)).toBe(true);
  });

  test("tells of room for what was not written by it, unless there is room by now", async () => {
    const { client, served } = await start();
    expect(served.socket.awaitRoom(false)).toBe(false);
    for (let round = 0; round < 3; round++) {
      client.socket.pause();
      while (!served.socket.awaitRoom(false)) served.write(pattern(MUCH));
      expect(served.socket.awaitRoom(true)).toBe(true); // asked twice, told once
      const before = served.events.length;
      client.socket.resume();
      await until(() => served.events.length > before, "room");
      await until(() => !served.socket.awaitRoom(false), "more room");
      expect(served.events.slice(before)).toEqual(["drain"]);
    }
  });

  test("is not told of room again and again behind the end of a peer that does not", async () => {
    const { client, served } = await start();
    client.socket.pause();
    client.socket.end("ask");
    await until(() => served.events.includes("end"), "the end");
    const all = pattern(MUCH);
    let written = served.write(all);
    expect(written).toBeLessThan(MUCH);
    const other = await world.connect();
    for (let round = 1; round <= 50; round++) {
      other.client.socket.write("x");
      await until(() => other.served.received.length === round, "input of another");
      const { length } = served.events;
      written += served.write(all.subarray(written)); // which finds no room
      expect(served.events.length).toBe(length);
    }
    expect(served.events.filter((event) => event === "drain").length).toBeLessThan(5);
    client.socket.resume();
    while (written < MUCH) {
      const drains = served.events.length;
      await until(() => served.events.length > drains, "room");
      written += served.write(all.subarray(written));
    }
    await until(() => client.received.length === MUCH, "all bytes");
    expect(client.received.equals(all)).toBe(true);
  });

  test("while paused gives neither bytes nor the end; then both", async () => {
    const { client, served } = await start();
    client.socket.write("first");
    await until(() => served.text === "first", "input");
    served.socket.pause();
    await until(() => served.socket["armed"] === false, "the end of the request");
    client.socket.end("second");
    const other = await world.connect();
    other.client.socket.write("round");
    await until(() => other.served.text === "round", "input of another");
    expect([served.text, served.events]).toEqual(["first", []]);
    served.socket.resume();
    await until(() => served.events.length > 0, "the end");
    expect([served.text, served.events]).toEqual(["firstsecond", ["end"]]);
  });

  test("holds an end that was on its way when it was paused", async () => {
    const { client, served } = await start({
      onInput: ({ socket }) => socket.pause(),
    });
    client.socket.end("all");
    await until(() => served.text === "all", "input");
    const other = await world.connect();
    other.client.socket.write("x");
    await until(() => other.served.text === "x", "input of another");
    expect(served.events).toEqual([]);
    served.socket.resume();
    await until(() => served.events.length > 0, "the end");
    expect(served.events).toEqual(["end"]);
  });

  test("pauses and resumes as often as it likes", async () => {
    const { client, served } = await start();
    const all = pattern(200_000);
    client.socket.write(all);
    for (let times = 0; times < 100; times++) {
      served.socket.pause();
      served.socket.resume();
      served.socket.pause();
      await new Promise<void>((resolve) => setImmediate(resolve));
      served.socket.resume();
    }
    await until(() => served.received.length === all.length, "all bytes");
    expect(served.received.equals(all)).toBe(true);
  });

  test("goes on writing behind the peer's end", async () => {
    const { client, served } = await start();
    client.socket.end("ask");
    await until(() => served.events.includes("end"), "the end");
    served.stage("answer");
    await until(() => client.text === "answer", "the answer");
    served.socket.close();
    await until(() => client.state === "end", "our end");
  });

  test("a reset behind the peer's end is told too", async () => {
    world = await RingWorld.open();
    world.listen();
    for (const isPaused of [false, true]) {
      const before = world.served.length;
      const client = await Bun.connect({
        hostname: "127.0.0.1",
        port: world.port,
        allowHalfOpen: true,
        socket: { data: () => undefined },
      });
      client.write("ask");
      await until(() => world.served[before]?.text === "ask", "input");
      const served = world.served[before]!;
      if (isPaused) served.socket.pause();
      client.shutdown();
      const ended = isPaused ? [] : ["end"];
      await until(() => served.events.length === ended.length, "the end");
      client.terminate();
      await until(() => served.events.length > ended.length, "the reset");
      expect(served.events).toEqual([...ended, "close the connection was reset"]);
    }
  });

  test("a peer that is gone for good behind its end is told once", async () => {
    const unix = join(tmpdir(), `millrace-gone-${process.pid}.sock`);
    const { client, served } = await start({ unix });
    client.socket.destroy();
    await until(() => served.events.includes("end"), "the end");
    const other = await world.connect();
    other.client.socket.write("x");
    await until(() => other.served.text === "x", "input of another");
    expect(served.events).toEqual(["end"]);
    expect(served.write(Buffer.from("x"))).toBe(-1);
  });

  test("shuts down one way behind what was staged, and still reads", async () => {
    const { client, served } = await start();
    served.stage("bye");
    served.socket.shutdown();
    await until(() => client.state === "end", "our end");
    expect(client.text).toBe("bye");
    client.socket.write("late");
    await until(() => served.text === "late", "input behind our end");
    expect(served.write(Buffer.from("x"))).toBe(-1);
  });

  test("close: the peer sees an end, and nothing is told any more", async () => {
    const { client, served } = await start();
    served.socket.close();
    served.socket.close();
    expect([served.stage("x"), served.write(Buffer.from("x"))]).toEqual([-1, -1]);
    await until(() => client.state === "end", "our end");
    client.socket.write("late");
    const other = await world.connect();
    other.client.socket.write("x");
    await until(() => other.served.text === "x", "input of another");
    expect([served.text, served.events]).toEqual(["", []]);
  });

  test("terminate: the peer sees a reset, and what was staged does not leave", async () => {
    const { client, served } = await start();
    served.stage("never");
    served.socket.terminate();
    await until(() => client.state !== "open", "the reset");
    expect([client.state, client.text]).toEqual(["ECONNRESET", ""]);
  });

  test("a reset of the peer is told once, reading or paused, or while we write", async () => {
    const { client, served } = await start();
    client.socket.resetAndDestroy();
    await until(() => served.events.length > 0, "the reset");
    expect(served.events).toHaveLength(1);
    expect(served.events[0]).toStartWith("close ");

    const paused = await world.connect();
    paused.served.socket.pause();
    await until(() => paused.served.socket["armed"] === false, "the end of the request");
    paused.client.socket.resetAndDestroy();
    await until(() => paused.served.events.length > 0, "the reset");
    expect(paused.served.events).toEqual(["close the connection was reset"]);

    const blocked = await world.connect();
    blocked.client.socket.pause();
    blocked.served.write(pattern(MUCH));
    blocked.client.socket.resetAndDestroy();
    await until(() => blocked.served.events.some((event) => event.startsWith("close")), "it");
    expect(blocked.served.events.filter((event) => event.startsWith("close"))).toHaveLength(1);
  });

  test("a descriptor that many had before can still be closed", async () => {
    world = await RingWorld.open();
    const generations = Reflect.get(world.transport, "generations") as Uint32Array;
    for (const generation of [2 ** 21 + 1, 2 ** 25 + 3, 2 ** 31, 2 ** 32 - 1]) {
      generations.fill(generation);
      const listener = world.listen();
      const { client, served } = await world.connect();
      expect(served.socket.generation).toBe(generation);
      client.socket.write("x");
      await until(() => served.text === "x", "input, and the long request behind it");
      served.socket.pause();
      await until(() => served.socket["armed"] === false, "the end of the request");
      served.socket.resume();
      await world.connect();
      served.socket.close();
      await until(() => client.state === "end", "our end");
      listener.stop();
      await world.transport.settled();
    }
  });

  test("what comes late for a descriptor is not taken for its next owner's", async () => {
    world = await RingWorld.open({ onOpen: ({ socket }) => void socket.pause() });
    world.listen();
    for (let round = 0; round < 200; round++) {
      const { client, served } = await world.connect();
      client.socket.write(`round ${round}`);
      if (round % 2 === 0) served.socket.resume();
      served.socket.close();
      client.socket.destroy();
      expect(served.events).toEqual([]);
    }
    const { client, served } = await world.connect();
    served.socket.resume();
    client.socket.write("mine");
    await until(() => served.text !== "", "input");
    expect(served.text).toBe("mine");
  });
});
