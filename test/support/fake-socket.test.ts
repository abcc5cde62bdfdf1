// The fake socket against the real one: each script runs on both over the same steps, and the
// events and write results must be equal. So the fake cannot drift from what Bun really does.

import { afterAll, describe, expect, test } from "bun:test";
import type { Socket, SocketHandler } from "bun";
import { FakeSocket } from "./fake-socket.ts";
import { Random, seedOfRun } from "./random.ts";

/** What a script may do to either world. `seen` is the trace that is compared. */
interface World {
  seen: string[];
  socket: Socket<undefined>;
  peer: { write(text: string): void; fin(): void; reset(): void };
  /** Turns the loop until `count` events of this name were seen. */
  until(name: string, count?: number): Promise<void>;
}

interface Script {
  name: string;
  /** What the side under test does inside its own handlers. */
  inside?: Partial<Record<"data" | "end" | "drain", (socket: Socket<undefined>) => void>>;
  run(world: World): Promise<void>;
}

const SCRIPTS: Script[] = [
  {
    name: "FIN of the peer, then our shutdown",
    async run({ seen, socket, peer, until }) {
      peer.fin();
      await until("end");
      seen.push(`write ${socket.write(Buffer.from("late"))}`);
      socket.shutdown();
      seen.push(`write ${socket.write(Buffer.from("late"))} state ${socket.readyState}`);
      await until("close");
    },
  },
  {
    name: "our shutdown, then FIN of the peer",
    async run({ seen, socket, peer, until }) {
      socket.shutdown();
      seen.push(`write ${socket.write(Buffer.from("x"))} state ${socket.readyState}`);
      peer.write("still heard");
      await until("data");
      peer.fin();
      await until("close");
    },
  },
  {
    name: "reset by the peer",
    async run({ seen, socket, peer, until }) {
      peer.reset();
      await until("close ECONNRESET");
      seen.push(`write ${socket.write(Buffer.from("x"))} state ${socket.readyState}`);
    },
  },
  ...(["end", "close", "terminate"] as const).map((verb) => ({
    name: `${verb} closes before it returns`,
    async run({ seen, socket }: World) {
      socket[verb]();
      seen.push(`returned, state ${socket.readyState}, from ${socket.remoteAddress}`);
      socket[verb]();
      socket.shutdown();
    },
  })),
  ...(["end", "close", "terminate"] as const).map((verb) => ({
    name: `${verb} inside a data event`,
    inside: { data: (socket: Socket<undefined>) => void socket[verb]() },
    async run({ peer, until }: World) {
      peer.write("request");
      await until("close");
    },
  })),
  {
    name: "shutdown inside the end event closes after it",
    inside: { end: (socket) => socket.shutdown() },
    async run({ peer, until }) {
      peer.fin();
      await until("close");
    },
  },
  {
    name: "a paused socket hears of neither bytes nor FIN until it resumes",
    async run({ socket, peer, until }) {
      socket.pause();
      peer.write("abc");
      await until("drain");
      peer.fin();
      socket.resume();
      await until("end");
    },
  },
  {
    name: "a paused socket that was shut down closes only when it resumes",
    async run({ seen, socket, peer, until }) {
      socket.pause();
      await until("drain");
      socket.shutdown();
      peer.write("abc");
      peer.fin();
      seen.push("resume");
      socket.resume();
      await until("close");
    },
  },
  {
    name: "a handler that throws",
    inside: {
      data() {
        throw new Error("boom");
      },
    },
    async run({ seen, socket, peer, until }) {
      peer.write("abc");
      await until("error boom");
      seen.push(`state ${socket.readyState}`);
    },
  },
];

/** Spurious drains differ in number from run to run of the real loop: they are not compared. */
function trace(seen: string[]): string[] {
  return seen.filter((event) => event !== "drain");
}

function handlersFor(script: Script, seen: string[]): SocketHandler<undefined> {
  return {
    data(socket, chunk) {
      seen.push(`data ${chunk.toString("latin1")}`);
      script.inside?.data?.(socket);
    },
    drain(socket) {
      seen.push("drain");
      script.inside?.drain?.(socket);
    },
    end(socket) {
      seen.push(`end state ${socket.readyState}`);
      script.inside?.end?.(socket);
    },
    close(socket, error) {
      const code = (error as { code?: string } | undefined)?.code;
      const written = socket.write(Buffer.from("x"));
      seen.push(`close${code === undefined ? "" : ` ${code}`}, write ${written}`);
    },
    error(_socket, error) {
      seen.push(`error ${error.message}`);
    },
  };
}

async function runReal(script: Script): Promise<string[]> {
  const seen: string[] = [];
  const accepted = Promise.withResolvers<Socket<undefined>>();
  const listener = Bun.listen<undefined>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: { ...handlersFor(script, seen), open: (socket) => accepted.resolve(socket) },
  });
  const client = await Bun.connect({
    hostname: "127.0.0.1",
    port: listener.port,
    allowHalfOpen: true,
    socket: { data() {} },
  });
  const socket = await accepted.promise;
  await script.run({
    seen,
    socket,
    peer: {
      write: (text) => void client.write(text),
      fin: () => client.shutdown(),
      reset: () => client.terminate(),
    },
    until: (name, count = 1) => loopUntil(seen, name, count),
  });
  const traced = trace(seen);
  client.terminate();
  listener.stop(true);
  return traced;
}

async function runFake(script: Script): Promise<string[]> {
  const seen: string[] = [];
  const fake = new FakeSocket<undefined>(handlersFor(script, seen));
  await script.run({
    seen,
    socket: fake.asBun,
    peer: {
      write: (text) => fake.deliver(text),
      fin: () => fake.peerEnd(),
      reset: () => fake.peerReset(),
    },
    async until(name, count = 1) {
      fake.settle();
      expect(countOf(seen, name)).toBeGreaterThanOrEqual(count);
    },
  });
  return trace(seen);
}

function countOf(seen: string[], name: string): number {
  return seen.filter((event) => event.startsWith(name)).length;
}

async function loopUntil(seen: string[], name: string, count: number): Promise<void> {
  while (countOf(seen, name) < count) await new Promise((resolve) => setImmediate(resolve));
}

describe("FakeSocket behaves as Bun's socket:", () => {
  for (const script of SCRIPTS) {
    test(script.name, async () => {
      const real = await runReal(script);
      expect(await runFake(script)).toEqual(real);
    });
  }
});

describe("FakeSocket", () => {
  const closes: string[] = [];
  const counting: SocketHandler<undefined> = {
    data() {},
    close: (_socket, error) => void closes.push(error === undefined ? "clean" : error.message),
  };
  afterAll(() => void (closes.length = 0));

  test("write takes what the script and the space allow, and records just that", () => {
    const socket = new FakeSocket(counting, { takes: [2, 0, 10], spaceBytes: 5 });
    const bytes = Buffer.from("abcdefgh");
    expect(socket.write(bytes)).toBe(2);
    expect(socket.write(bytes, 2)).toBe(0);
    expect(socket.write(bytes, 2, 4)).toBe(3);
    expect(socket.write(bytes, 5)).toBe(0);
    bytes.fill(0);
    expect(socket.sentText).toBe("abcde");
    expect(socket.writeResults).toEqual([2, 0, 3, 0]);
  });

  test("drain makes room and tells", () => {
    let drains = 0;
    const socket = new FakeSocket({ data() {}, drain: () => void drains++ }, { spaceBytes: 0 });
    expect(socket.write(Buffer.from("abc"))).toBe(0);
    socket.drain(2);
    expect(socket.write(Buffer.from("abc"))).toBe(2);
    socket.drain();
    expect(socket.write(Buffer.from("abc"))).toBe(3);
    expect(drains).toBe(2);
  });

  test("write refuses a range outside of its view", () => {
    const socket = new FakeSocket(counting);
    expect(() => socket.write(Buffer.alloc(4), 2, 3)).toThrow(RangeError);
    expect(() => socket.write(Buffer.alloc(4), -1)).toThrow(RangeError);
  });

  test("closeLater keeps the close event back until the loop turns", () => {
    closes.length = 0;
    const socket = new FakeSocket(counting, { closeLater: true });
    socket.terminate();
    expect([closes.length, socket.write(Buffer.from("x")), socket.resetSent]).toEqual([
      0,
      -1,
      true,
    ]);
    socket.settle();
    expect(closes).toEqual(["clean"]);
  });

  test("end over bytes that nobody read resets the peer", () => {
    const socket = new FakeSocket(counting);
    socket.pause();
    socket.deliver("unread");
    socket.end();
    expect(socket.resetSent).toBe(true);
  });

  test("a socket closes once, whatever follows", () => {
    closes.length = 0;
    const socket = new FakeSocket(counting);
    socket.peerReset();
    socket.peerEnd();
    socket.deliver("late");
    socket.drain();
    socket.terminate();
    socket.settle();
    expect(closes).toEqual(["ECONNRESET: connection reset by peer, read"]);
  });

  test("a throwing handler without an error handler surfaces in the test", () => {
    const socket = new FakeSocket({
      data() {
        throw new Error("boom");
      },
    });
    expect(() => socket.deliver("x")).toThrow("boom");
    expect(() => socket.deliver("y")).toThrow("boom");
  });

  test("play delivers every byte in order and is the same for the same seed", () => {
    const seed = seedOfRun();
    const input = new Random(seed).bytes(20_000);
    const run = (): [string, Uint8Array, number[]] => {
      const got: Uint8Array[] = [];
      const socket = FakeSocket.seeded<undefined>(seed, {
        data(from, chunk) {
          got.push(chunk);
          from.write(chunk);
        },
      });
      const ending = socket.play(input);
      return [ending, Buffer.concat(got), socket.writeResults];
    };
    const [ending, got, results] = run();
    const [endingAgain, gotAgain, resultsAgain] = run();
    const hint = `MILLRACE_SEED=${seed}`;
    expect([hint, endingAgain, resultsAgain]).toEqual([hint, ending, results]);
    expect(Buffer.compare(got, gotAgain)).toBe(0);
    expect(Buffer.compare(got, input.subarray(0, got.length))).toBe(0);
    expect(ending === "reset" || got.length === input.length).toBe(true);
  });
});
