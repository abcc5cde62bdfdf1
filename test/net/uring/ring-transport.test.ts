import { afterEach, describe, expect, test } from "bun:test";
import { fstatSync } from "node:fs";
import { Random } from "../../support/random.ts";
import { pattern } from "../../support/net-world.ts";
import { MIB } from "../../../src/core/limits.ts";
import { BufferPool } from "../../../src/buffer/buffer-pool.ts";
import { PlainStore } from "../../../src/memory/plain-store.ts";
import { DescriptorLedger } from "../../../src/net/uring/descriptor-ledger.ts";
import type { Ring } from "../../../src/net/uring/ring.ts";
import { KIND_ACCEPT, kindOf } from "../../../src/net/uring/request-tag.ts";
import { OP_NOP } from "../../../src/net/uring/ring-abi.ts";
import { RingTransport } from "../../../src/net/uring/ring-transport.ts";
import {
  Client,
  isSupported,
  RingWorld,
  type RingWorldOptions,
  type Served,
  until,
} from "./ring-world.ts";

const SEED = Number(process.env["SEED"] ?? 20_261_125);
const PEERS = 60;
const BYTES_EACH = 120_000;

type Peer = Awaited<ReturnType<RingWorld["connect"]>>;

describe.skipIf(!isSupported)("RingTransport", () => {
  let world: RingWorld;
  afterEach(() => world.close());

  async function start(options: RingWorldOptions = {}): Promise<void> {
    world = await RingWorld.open(options);
    world.listen();
  }

  /** Answers with what came, and keeps what the kernel refuses, as a connection would. */
  function echo(served: Served): void {
    const { socket } = served;
    const bytes = served.received;
    served.received = Buffer.alloc(0);
    const owed = Buffer.concat([served.refused, bytes]);
    served.refused = Buffer.alloc(0);
    let count = socket.stage(owed, 0, owed.length);
    if (count === 0) count = socket.write(owed, 0, owed.length);
    if (count >= 0) served.refused = Buffer.concat([owed.subarray(count), served.refused]);
  }

  test(`many peers, sizes and pauses by the seed ${SEED}: every byte comes back`, async () => {
    await start({ onInput: echo });
    const random = new Random(SEED);
    const all = pattern(BYTES_EACH);
    const peers: Peer[] = [];
    for (let index = 0; index < PEERS; index++) peers.push(await world.connect());
    const sent = peers.map(() => 0);
    await until(() => {
      for (const [index, { client, served }] of peers.entries()) {
        const choice = random.below(8);
        if (choice === 0) served.socket.pause();
        else served.socket.resume();
        if (choice === 1) client.socket.pause();
        else client.socket.resume();
        const from = sent[index]!;
        const to = Math.min(BYTES_EACH, from + random.below(12_000));
        if (to > from) client.socket.write(all.subarray(from, to));
        sent[index] = to;
        if (served.refused.length > 0 && served.events.at(-1) === "drain") {
          served.events.length = 0;
          echo(served);
        }
      }
      return peers.every(({ client }) => client.received.length === BYTES_EACH);
    }, `all bytes (seed ${SEED})`);
    for (const { client } of peers) expect(client.received.equals(all)).toBe(true);
  });

  test("more ready sockets than receive buffers: each gets its turn", async () => {
    await start();
    const peers: Peer[] = [];
    for (let index = 0; index < 300; index++) peers.push(await world.connect());
    for (const { client } of peers) client.socket.write("x".repeat(9_000));
    const endMs = performance.now() + 300; // the loop stands still while all become ready
    while (performance.now() < endMs);
    await until(() => peers.every(({ served }) => served.received.length === 9_000), "all input");
  });

  test("what a handler that throws leaves behind still leaves", async () => {
    await start({
      onInput: (served) => {
        served.stage(served.text);
        if (served.text === "bad") throw new Error("the handler failed");
      },
    });
    const good = await world.connect();
    const bad = await world.connect();
    const turn = Reflect.get(world.transport, "onTurn") as () => void;
    const ring = Reflect.get(world.transport, "ring") as { hasCompletions: boolean };
    good.client.socket.write("good");
    bad.client.socket.write("bad");
    let failures = 0;
    await until(() => {
      if (!ring.hasCompletions) return good.served.text === "good" && bad.served.text === "bad";
      try {
        turn();
      } catch (error) {
        expect(String(error)).toContain("the handler failed");
        failures++;
      }
      return false;
    }, "both inputs");
    await until(() => good.client.text === "good" && bad.client.text === "bad", "both answers");
    expect(failures).toBeLessThanOrEqual(1);
  });

  test("that one has failed is told to nobody in the middle of another's write", async () => {
    await start();
    const [one, two] = [await world.connect(), await world.connect()];
    two.served.socket.shutdown(); // from now on a send fails
    one.served.stage("a");
    two.served.stage("b");
    one.served.stage("c"); // behind the bytes of another: the batch has to leave first
    expect(two.served.events).toEqual([]);
    expect([two.served.socket.stagedBytes, two.served.stage("d")]).toEqual([1, -1]);
    expect(two.served.write(Buffer.from("d"))).toBe(-1);
    await until(() => two.served.events.length > 0, "the news");
    await until(() => one.client.text === "ac", "the bytes of the other");
    expect(two.served.events).toHaveLength(1);
    expect(two.served.events[0]).toStartWith("close ");
  });

  test("what a full queue closes leaves the ledger before others may have it", async () => {
    const ledger = new DescriptorLedger();
    await start({ ledger });
    const { served } = await world.connect();
    const { fd } = served.socket;
    served.socket.close();
    expect(ledger.has(fd)).toBe(true);
    for (let count = 0; count < 1200; count++) world.transport.push(OP_NOP, -1, 0, 0, 0, 0, 0, 0);
    expect(() => fstatSync(fd)).toThrow("EBADF");
    expect(ledger.has(fd)).toBe(false);
  });

  test("notes what was accepted when it has to put it aside", async () => {
    const ledger = new DescriptorLedger();
    await start({ ledger });
    const { served } = await world.connect();
    const seen: number[] = [];
    const ring = Reflect.get(world.transport, "ring") as Ring;
    const client = new Client(world.port);
    served.stage("x"); // what is sent has its results looked at
    await new Promise((resolve) => client.socket.once("connect", resolve));
    for (let count = 0; count < 10_000; count++) ring.push(OP_NOP, -1, 0, 0, 0, 0, 0, 0);
    served.socket.flush();
    ring.scan((userLow, _userHigh, result) => {
      if (kindOf(userLow) === KIND_ACCEPT) seen.push(result);
      return false;
    });
    for (const fd of seen) expect(ledger.has(fd)).toBe(true);
    await until(() => world.served.length === 2, "the second connection");
    client.socket.destroy();
  });

  test("a send that failed is seen behind more completions than there is room for", async () => {
    await start();
    const { client, served } = await world.connect();
    client.socket.pause();
    while (served.write(pattern(100_000)) > 0);
    await until(() => served.socket["blocked"], "a full socket");
    served.socket["blocked"] = false; // as if there were room again
    const ring = Reflect.get(world.transport, "ring") as Ring;
    for (let count = 0; count < 10_000; count++) ring.push(OP_NOP, -1, 0, 0, 0, 0, 0, 0);
    served.stage("must not get lost");
    served.socket.flush();
    expect(served.refused.toString("latin1")).toBe("must not get lost");
  });

  test("nothing is waited for when it has been closed", async () => {
    await start();
    world.transport.close();
    await world.transport.settled();
  });

  test("an answer does not wait for handlers that take long", async () => {
    let mostWaiting = 0;
    const clock = { nowMs: 0, keepClock: () => void (clock.nowMs += 10), releaseClock: () => {} };
    await start({
      clock,
      onInput: (served) => {
        served.stage("answer");
        const waiting = world.served.filter(({ socket }) => socket.stagedBytes > 0).length;
        mostWaiting = Math.max(mostWaiting, waiting);
      },
    });
    const peers: Peer[] = [];
    for (let index = 0; index < 20; index++) peers.push(await world.connect());
    for (const { client } of peers) client.socket.write("x");
    await until(() => peers.every(({ client }) => client.text === "answer"), "all answers");
    expect(mostWaiting).toBe(1);
  });

  test("sends what is staged when the thread is told to exit", async () => {
    await start();
    const { client, served } = await world.connect();
    served.stage("the last word");
    process.listeners("exit").at(-1)!.call(process, 0);
    expect(served.socket.stagedBytes).toBe(0);
    await until(() => client.text === "the last word", "the bytes");
    const { length } = process.listeners("exit");
    world.transport.close();
    expect(process.listeners("exit").length).toBe(length - 1);
  });

  test("a handler may end the transport that calls it", async () => {
    await start({ onInput: () => world.transport.close() });
    const { client } = await world.connect();
    client.socket.write("x");
    await until(() => client.state !== "open", "the end");
    expect(world.pool.heldBytes).toBe(0);
  });

  test("close ends every socket and gives all memory back", async () => {
    await start();
    const { client } = await world.connect();
    const held = world.pool.heldBytes;
    expect(held).toBeGreaterThan(0);
    world.transport.close();
    world.transport.close();
    await until(() => client.state !== "open", "the end");
    expect(world.pool.heldBytes).toBe(0);
  });

  test("several in one thread do not disturb each other", async () => {
    await start({ onInput: echo });
    const other = await RingWorld.open({ onInput: echo });
    other.listen();
    const [one, two] = [await world.connect(), await other.connect()];
    for (let round = 0; round < 50; round++) {
      one.client.socket.write("a");
      two.client.socket.write("b");
      await until(() => one.client.text.length + two.client.text.length === 2 * round + 2, "both");
    }
    other.close();
    one.client.socket.write("c");
    await until(() => one.client.text.endsWith("c"), "an answer when the other is gone");
  });

  test("says why it cannot be opened, and leaves nothing open", async () => {
    await start();
    const room = (): number => 1;
    const poor = new BufferPool(new PlainStore(64 * 1024));
    await expect(RingTransport.open({ pool: poor, bytesMax: MIB, room })).rejects.toThrow("memory");
    await expect(RingTransport.open({ pool: poor, bytesMax: 1000, room })).rejects.toThrow(
      "memory",
    );
    expect(poor.heldBytes).toBe(0);
  });
});
