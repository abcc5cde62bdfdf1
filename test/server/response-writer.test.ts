// Long answers: in order and whole to slow peers, cut and never ended cleanly when they fail.

import { expect, test } from "bun:test";
import { CLOSE_HANDLER } from "../../src/core/close-reason.ts";
import { KIB, MIB } from "../../src/core/limits.ts";
import type { RouteHandler } from "../../src/server/service.ts";
import { pattern } from "../support/net-world.ts";
import { GET, type HttpPeer, type HttpWorld, request, worldOf } from "./http-world.ts";

type Piece = Uint8Array | string;

/** A generator that tells what becomes of it. */
function watched(pieces: Iterable<Piece>, fate: string[]): AsyncGenerator<Piece> {
  return (async function* () {
    try {
      for (const piece of pieces) {
        await Promise.resolve();
        yield piece;
      }
      fate.push("end");
    } finally {
      fate.push("finally");
    }
  })();
}

function* forever(piece: Piece): Generator<Piece> {
  for (;;) yield piece;
}

async function drainSlowly(world: HttpWorld, peer: HttpPeer, bytes: number): Promise<void> {
  for (let turn = 0; turn < 5000 && !peer.socket.closed; turn++) {
    peer.socket.drain(bytes);
    await world.settle();
    const answers = peer.answers();
    if (answers.length > 0 && answers[0]!.complete) return;
  }
  throw new Error("the answer does not end");
}

test("ResponseWriter sends pieces of every kind as chunks, but no empty one", async () => {
  const pieces = ["text", "", new Uint8Array(0), Buffer.from("bytes"), "é", "x".repeat(70_000)];
  const world = worldOf((_, response) => response.stream(watched(pieces, [])));
  const peer = world.connect().send(GET + GET);
  const answers = await peer.answered(2);
  const body = Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString("latin1");
  for (const answer of answers) {
    expect(answer.fields["transfer-encoding"]).toBe("chunked");
    expect(answer.fields["content-length"]).toBeUndefined();
    expect(answer.body === body).toBe(true);
  }
  peer.leave();
  world.checkEnd();
});

test("ResponseWriter sends a body of known length without chunks", async () => {
  const world = worldOf((_, response) => response.stream(watched(["ab", "cd"], []), 4));
  const peer = world.connect().send(GET + GET);
  const [answer] = await peer.answered(2);
  expect(answer!.fields["content-length"]).toBe("4");
  expect(answer!.body).toBe("abcd");
});

test("ResponseWriter ends a body for HTTP/1.0 with the connection", async () => {
  const world = worldOf((_, response) => response.stream(watched(["ab", "cd"], [])));
  const peer = world.connect().send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  await world.until(() => peer.ended);
  const answer = peer.answer();
  expect(answer.fields["transfer-encoding"]).toBeUndefined();
  expect(answer.fields["connection"]).toBe("close");
  expect(answer.body).toBe("abcd");
  expect(peer.socket.resetSent).toBe(false);
});

test("ResponseWriter cuts the connection when its source fails or breaks its word", async () => {
  const failing: Record<string, RouteHandler> = {
    throws: (_, response) => response.stream(throwing()),
    "ends short": (_, response) => response.stream(watched(["abc"], []), 4),
    "is too long": (_, response) => response.stream(watched(["abc", "de"], []), 4),
    "gives nonsense": (_, response) => response.stream(watched([1 as unknown as string], [])),
    "gives null": (_, response) => response.stream(watched([null as unknown as string], [])),
    "gives nothing": (_, response) => response.stream(watched([undefined as never], [])),
    "throws at once": (_, response) =>
      response.stream({
        [Symbol.asyncIterator]: () => ({
          next: () => {
            throw new Error("at once");
          },
        }),
      }),
  };
  for (const [name, handler] of Object.entries(failing)) {
    const world = worldOf(handler);
    const peer = world.connect().send(GET + GET);
    await world.until(() => peer.socket.closed, name);
    expect({ name, reset: peer.socket.resetSent }).toEqual({ name, reset: true });
    expect({ name, ended: peer.text.endsWith("0\r\n\r\n") }).toEqual({ name, ended: false });
    expect(world.closedFor(CLOSE_HANDLER)).toBe(1);
    expect(world.failures).toHaveLength(1);
    await world.settle();
    world.checkEnd();
  }
});

async function* throwing(): AsyncGenerator<string> {
  yield "begun";
  throw new Error("in the middle");
}

test("ResponseWriter returns to its source once when the peer leaves in the middle", async () => {
  for (const leave of ["peerReset", "leave"] as const) {
    const fate: string[] = [];
    let signal: AbortSignal | undefined;
    const world = worldOf((from, response) => {
      signal = from.signal;
      response.stream(watched(forever("x".repeat(1000)), fate));
    });
    const peer = world.connect({ spaceBytes: 100_000 }).send(GET);
    await world.settle();
    if (leave === "leave") peer.leave();
    else peer.socket.peerReset();
    await world.settle();
    expect(fate).toEqual(["finally"]);
    expect(signal!.aborted).toBe(true);
    world.checkEnd();
  }
});

test("ResponseWriter survives an iterator whose return() misbehaves", async () => {
  const returns: (() => unknown)[] = [
    () => {
      throw new Error("return");
    },
    () => Promise.reject(new Error("return")),
    () => undefined,
  ];
  for (const end of returns) {
    let calls = 0;
    const iterator = {
      next: () => Promise.resolve({ done: false, value: "piece" }),
      return: () => {
        calls++;
        return end();
      },
    };
    const world = worldOf((_, response) => {
      response.stream({ [Symbol.asyncIterator]: () => iterator as AsyncIterator<string> });
    });
    const peer = world.connect({ spaceBytes: 100_000 }).send(GET);
    await world.settle();
    peer.socket.peerReset();
    await world.settle();
    expect(calls).toBe(1);
    world.checkEnd();
  }
});

test("ResponseWriter sends each piece when it comes, and waits without a buffer", async () => {
  const events: ((text: string) => void)[] = [];
  const world = worldOf((_, response) => {
    response.header("Content-Type", "text/event-stream").stream(
      (async function* () {
        for (;;) yield await new Promise<string>((resolve) => events.push(resolve));
      })(),
    );
  });
  const peer = world.connect().send(GET);
  await world.settle();
  expect(peer.answer()).toMatchObject({ status: 200, body: "" });
  for (let count = 1; count <= 3; count++) {
    events.pop()!(`data: ${count}\n\n`);
    await world.settle();
    expect(peer.answer().body.endsWith(`data: ${count}\n\n`)).toBe(true);
    expect(world.pool.heldBytes).toBe(world.restBytes);
  }
  peer.leave();
  await world.settle();
  world.checkEnd();
});

test("ResponseWriter asks for no more than a slow peer takes", async () => {
  let given = 0;
  const world = worldOf((_, response) => {
    response.stream(
      (async function* () {
        for (; given < 4000; given++) yield "x".repeat(1000);
      })(),
    );
  });
  const peer = world.connect({ spaceBytes: 0 }).send(GET);
  await world.settle();
  expect(given).toBeLessThan(150);
  peer.socket.drain(1_000_000);
  await world.settle();
  expect(given).toBeLessThan(1300);
  peer.socket.peerReset();
  await world.settle();
  world.checkEnd();
});

test("ResponseWriter sends 10 MB of every form whole and in order to a slow reader", async () => {
  const bytes = pattern(10 * MIB);
  const expected = `${Bun.hash(bytes)}`;
  const text = bytes.toString("latin1").replaceAll(/[^\x20-\x7e]/g, "-");
  const forms: Record<string, [RouteHandler, string]> = {
    bytes: [(_, response) => response.send(bytes), expected],
    string: [(_, response) => response.text(text), `${Bun.hash(text)}`],
    "one piece": [(_, response) => response.stream(watched([bytes], [])), expected],
    "one piece of known length": [
      (_, response) => response.stream(watched([bytes], []), bytes.length),
      expected,
    ],
  };
  for (const [name, [handler, hash]] of Object.entries(forms)) {
    const world = worldOf(handler);
    const peer = world.connect({ spaceBytes: 1000 }).send(GET);
    let most = 0;
    for (let turn = 0; turn < 60; turn++) {
      peer.socket.drain(200_000);
      await world.settle();
      most = Math.max(most, world.pool.heldBytes - world.restBytes);
    }
    await peer.answered(1);
    const sent = `${Bun.hash(Buffer.from(peer.answer().body, "latin1"))}`;
    expect([name, sent]).toEqual([name, hash]);
    expect(most).toBeLessThan(MIB);
    peer.leave();
    world.checkEnd();
  }
});

test("ResponseWriter leaves others their turns beside a source that is always ready", async () => {
  const world = worldOf((from, response) => {
    if (from.path === "/endless") response.stream(watched(forever("x".repeat(64 * KIB)), []));
    else response.text("served");
  });
  const endless = world.connect().send(request("GET /endless"));
  const other = world.connect();
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await world.until(() => turns >= 3, "turns of the loop");
  clearInterval(timer);
  other.send(GET);
  expect(other.answer().body).toBe("served");
  endless.leave();
  other.leave();
  await world.settle();
  world.checkEnd();
});

test("ResponseWriter cancels a source that has no place in the answer", async () => {
  for (const [line, status] of [
    ["HEAD /", 200],
    ["GET /", 204],
    ["GET /", 304],
    ["GET /", 205],
  ] as const) {
    let returned = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error("asked for")),
        return: () => Promise.resolve({ done: true as const, value: void returned++ }),
      }),
    };
    const world = worldOf((_, response) => response.status(status).stream(source));
    const method = line.split(" ")[0]!;
    const peer = world.connect().send(request(line) + request(line));
    const answers = await peer.answered(2, method, method);
    expect(answers.map((answer) => answer.body)).toEqual(["", ""]);
    expect(returned).toBe(2);
    expect(world.failures).toEqual([]);
    peer.leave();
    world.checkEnd();
  }
});

test("ResponseWriter lets the next request wait for the end of the answer", async () => {
  const world = worldOf((from, response) => {
    if (from.path === "/long") response.stream(watched(["a", "b", "c"], []));
    else response.text("next");
  });
  const peer = world.connect({ spaceBytes: 50 }).send(request("GET /long") + GET);
  await world.settle();
  await drainSlowly(world, peer, 40);
  for (let count = 0; count < 20; count++) peer.socket.drain(40);
  const answers = await peer.answered(2);
  expect(answers.map((answer) => answer.body)).toEqual(["abc", "next"]);
});
