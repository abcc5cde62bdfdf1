// Request bodies: read late, twice, in part or never; too long, malformed, cut off, held back.

import { expect, test } from "bun:test";
import { CLOSE_LOCAL, CLOSE_PROTOCOL } from "../../src/core/close-reason.ts";
import { COUNT_HANDLER_ERRORS, COUNT_RESPONSES_1XX } from "../../src/core/counters.ts";
import { MillraceError } from "../../src/core/errors.ts";
import { BODY_BUFFER_BYTES, KIB, UNREAD_BODY_BYTES_MAX } from "../../src/core/limits.ts";
import type { HttpRequest } from "../../src/server/http-request.ts";
import type { RouteHandler } from "../../src/server/service.ts";
import { pattern } from "../support/net-world.ts";
import { GET, HttpWorld, request, sendCut, worldOf } from "./http-world.ts";

const CHUNKED: string = request("POST /", "", "Transfer-Encoding: chunked");
const EXPECT: string = request("POST /", "hello", "Expect: 100-continue").slice(0, -5);

const echo: RouteHandler = async (from, response) => response.send(await from.bytes());

/** The code of the error that `promise` ends with. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof MillraceError ? error.code : String(error);
  }
}

function chunk(bytes: string): string {
  return `${bytes.length.toString(16)}\r\n${bytes}\r\n`;
}

test("HttpSession gives a body of every size whole, by length and chunked", async () => {
  const sizes = [0, 1, 63, 4096, 65_535, 65_536, 65_537, 200_000, 1 << 20];
  for (const size of sizes) {
    const body = pattern(size).toString("latin1");
    for (const text of [request("POST /", body), `${CHUNKED}${size ? chunk(body) : ""}0\r\n\r\n`]) {
      const world = worldOf(echo);
      const peer = world.connect();
      const ends = Array.from({ length: text.length / 10_000 }, (_, index) => (index + 1) * 10_000);
      sendCut(peer, text, [...ends, text.length]);
      peer.send(GET);
      const answers = await peer.answered(2);
      expect(answers[0]!.body === body).toBe(true);
      peer.leave();
      world.checkEnd();
    }
  }
});

test("HttpSession streams a body to a slow reader, and slows the peer", async () => {
  let step = (): void => {};
  let got = 0;
  const world = worldOf(async (from, response) => {
    for await (const piece of from.chunks()) {
      got += piece.length;
      await new Promise<void>((resolve) => (step = resolve));
    }
    response.text(`${got}`);
  });
  const peer = world.connect();
  const body = pattern(1 << 20).toString("latin1");
  peer.send(request("POST /", body).slice(0, -body.length));
  for (let at = 0; at < body.length; at += 16 * KIB) peer.send(body.slice(at, at + 16 * KIB));
  await world.settle();
  expect(peer.socket.paused).toBe(true);
  expect(world.pool.heldBytes - world.restBytes).toBeLessThan(512 * KIB);
  await world.until(() => {
    step();
    peer.socket.settle();
    return peer.answers().length === 1;
  });
  expect(peer.answer().body).toBe(`${body.length}`);
  peer.leave();
  world.checkEnd();
});

test("HttpSession refuses a second reader of a body", async () => {
  const codes: string[] = [];
  const world = worldOf(async (from, response) => {
    await from.bytes();
    codes.push(await codeOf(from.text()), await codeOf(from.json()));
    codes.push(await codeOf((async () => from.chunks())()));
    response.text("ok");
  });
  await world.connect().send(request("POST /", "abc")).answered(1);
  expect(codes).toEqual(["ERR_BODY_USED", "ERR_BODY_USED", "ERR_BODY_USED"]);
});

test("HttpSession logs a body that is read twice: it is the handler's fault", async () => {
  const world = worldOf(async (from) => {
    await from.bytes();
    await from.bytes();
  });
  const peer = world.connect().send(request("POST /", "abc"));
  await peer.answered(1);
  expect(peer.answer().status).toBe(500);
  expect(world.count(COUNT_HANDLER_ERRORS)).toBe(1);
});

test("HttpSession answers a body above the limit with 413, however it comes", async () => {
  const outcomes: string[] = [];
  const readers: Record<string, (from: HttpRequest) => Promise<unknown>> = {
    bytes: (from) => from.bytes(),
    chunks: async (from) => {
      for await (const _ of from.chunks());
    },
  };
  for (const [name, read] of Object.entries(readers)) {
    const world = worldOf(
      async (from, response) => {
        outcomes.push(`${name} ${await codeOf(read(from))}`);
        response.text("dropped");
      },
      { bodyBytesMax: 100_000 },
    );
    const peer = world.connect().send(CHUNKED);
    for (let count = 0; count < 30 && !peer.ended; count++) peer.send(chunk("x".repeat(5000)));
    await world.settle();
    expect(peer.answer().status).toBe(413);
    expect(peer.ended).toBe(true);
    peer.leave();
    expect(world.closedFor(CLOSE_PROTOCOL)).toBe(1);
    world.checkEnd();
  }
  expect(outcomes).toEqual(["bytes ERR_BODY_TOO_LARGE", "chunks ERR_BODY_TOO_LARGE"]);
  const world = worldOf(echo, { bodyBytesMax: 10 });
  const peer = world.connect().send(request("POST /", "eleven byte") + GET);
  expect(peer.answer().status).toBe(413);
  peer.leave();
  world.checkEnd();
});

test("HttpSession answers a malformed body with 400, early and late", async () => {
  for (const before of ["", chunk("x".repeat(BODY_BUFFER_BYTES + 1))]) {
    const codes: string[] = [];
    const world = worldOf(async (from) => {
      const reading = from.bytes();
      codes.push(await codeOf(reading));
      await reading;
    });
    const peer = world.connect().send(`${CHUNKED}${before}`);
    await world.settle();
    peer.send("zz\r\n");
    await world.settle();
    expect(peer.answer().status).toBe(400);
    expect(codes).toEqual(before === "" ? [] : ["ERR_BODY_MALFORMED"]);
    expect(world.log).toEqual([]);
    peer.leave();
    world.checkEnd();
  }
});

test("HttpSession rejects the reader of a body whose peer leaves", async () => {
  for (const leave of ["peerEnd", "peerReset"] as const) {
    for (const whole of [true, false]) {
      const codes: string[] = [];
      const world = worldOf(async (from, response) => {
        const { signal } = from;
        const reading = whole ? from.bytes() : Array.fromAsync(from.chunks());
        codes.push(await codeOf(reading), `${signal.aborted}`);
        response.text("nobody");
      });
      const peer = world.connect().send(request("POST /", "x".repeat(100_000)).slice(0, -1));
      await world.settle();
      peer.socket[leave]();
      await world.settle();
      expect(codes).toEqual(["ERR_BODY_ABORTED", "true"]);
      expect(world.log).toEqual([]);
      peer.leave();
      world.checkEnd();
    }
  }
});

test("HttpSession gives a slow reader all that came before the peer's FIN", async () => {
  let step = (): void => {};
  let got = 0;
  const world = worldOf(async (from, response) => {
    for await (const piece of from.chunks()) {
      got += piece.length;
      await new Promise<void>((resolve) => (step = resolve));
    }
    response.text(`${got}`);
  });
  const peer = world.connect();
  const body = "x".repeat(120_000);
  peer.send(request("POST /", body));
  peer.socket.peerEnd();
  await world.until(() => {
    step();
    return peer.socket.closed;
  });
  expect(peer.answer().body).toBe("120000");
  world.checkEnd();
});

test("HttpSession fails the reader of a body that was answered before it came", async () => {
  const codes: string[] = [];
  const world = worldOf(async (from, response) => {
    const reading = from.path === "/first" ? from.bytes() : null;
    response.text("early");
    codes.push(await codeOf(reading ?? from.bytes()));
  });
  for (const path of ["/first", "/after"]) {
    for (const close of ["keep-alive", "close"]) {
      const body = "x".repeat(100_000);
      const text = request(`POST ${path}`, body, `Connection: ${close}`);
      const peer = world.connect().send(text.slice(0, 80_000));
      await world.settle();
      peer.send(text.slice(80_000));
      await world.settle();
      expect(peer.answer().status).toBe(200);
      expect(peer.ended).toBe(close === "close");
      peer.leave();
    }
  }
  expect(codes).toEqual(Array.from({ length: 4 }, () => "ERR_BODY_ABORTED"));
  world.checkEnd();
});

test("HttpSession still gives a whole body to a handler that has answered", async () => {
  const bodies: string[] = [];
  const world = worldOf(async (from, response) => {
    response.text("early");
    bodies.push(await from.text());
  });
  const peer = world.connect();
  const text = request("POST /", "one") + request("POST /", "two");
  peer.send(text.slice(0, 10)).send(text.slice(10));
  await peer.answered(2);
  await world.settle();
  expect(bodies).toEqual(["one", "two"]);
});

test("HttpSession never lets a late reader see the body of another request", async () => {
  const readers: AsyncGenerator<Uint8Array>[] = [];
  const world = worldOf((from, response) => {
    if (from.path === "/keeps") readers.push(from.chunks());
    response.text("ok");
  });
  const peer = world.connect().send(request("POST /keeps", "x".repeat(70_000)).slice(0, 69_000));
  await world.settle();
  peer.send("x".repeat(2000));
  peer.leave();
  const other = world.connect().send(request("POST /other", "secret".repeat(20_000)).slice(0, -5));
  await world.settle();
  expect(await codeOf(readers[0]!.next())).toBe("ERR_BODY_ABORTED");
  other.leave();
  world.checkEnd();
});

test("HttpSession throws an unread body away and goes on with the next request", async () => {
  const world = worldOf((_, response) => response.text("not read"));
  for (const size of [1, BODY_BUFFER_BYTES - 1, BODY_BUFFER_BYTES * 3, UNREAD_BODY_BYTES_MAX]) {
    const body = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(size / 26 + 1).slice(0, size);
    const peer = world.connect();
    const text = `${CHUNKED}${chunk(body)}0\r\n\r\n${request("POST /", body)}${GET}`;
    for (let at = 0; at < text.length; at += 10_000) peer.send(text.slice(at, at + 10_000));
    await peer.answered(3);
    expect(peer.answers()).toHaveLength(3);
    peer.leave();
  }
  world.checkEnd();
});

test("HttpSession says close when more is left of a body than it reads for nothing", async () => {
  const world = worldOf((_, response) => response.text("early"), { bodyBytesMax: 10 << 20 });
  const peer = world.connect().send(request("POST /", "", "Content-Length: 5000000"));
  for (let count = 0; count < 5; count++) peer.send("x".repeat(20_000));
  await world.settle();
  expect(peer.answer().fields["connection"]).toBe("close");
  expect(peer.ended).toBe(true);
  peer.send("x".repeat(100_000)); // goes on without looking: no reset may kill the answer
  expect(peer.socket.resetSent).toBe(false);
  peer.leave();
  world.checkEnd();
});

test("HttpSession cuts off an endless chunked body that nobody reads", async () => {
  const world = worldOf((_, response) => response.text("early"), { bodyBytesMax: 10 << 20 });
  const peer = world.connect().send(CHUNKED);
  for (let count = 0; count < 100 && !peer.ended; count++) peer.send(chunk("x".repeat(10_000)));
  expect(peer.ended).toBe(true);
  expect(peer.answer().body).toBe("early");
  peer.leave();
  expect(world.closedFor(CLOSE_LOCAL)).toBe(1);
  world.checkEnd();
});

test("HttpSession touches no other connection when one leaves within an unread body", async () => {
  let release = (): void => {};
  const world = worldOf(async (from, response) => {
    if (from.path !== "/slow") return response.text("early");
    await new Promise<void>((resolve) => (release = resolve));
    return response.text(from.signal.aborted ? "aborted" : "untouched");
  });
  const leaving = world.connect().send(request("POST /", "x".repeat(100_000)).slice(0, 90_000));
  await world.settle();
  expect(leaving.answer().body).toBe("early");
  const slow = world.connect().send(request("GET /slow"));
  leaving.socket.peerReset();
  release();
  await slow.answered(1);
  expect(slow.answer().body).toBe("untouched");
  slow.leave();
  world.checkEnd();
});

test("HttpSession sends 100 (Continue) once, when the handler reads", async () => {
  let read = (): void => {};
  const world = worldOf(async (from, response) => {
    await new Promise<void>((resolve) => (read = resolve));
    response.text(await from.text());
  });
  const peer = world.connect().send(EXPECT);
  await world.settle();
  expect(peer.text).toBe("");
  read();
  await world.settle();
  expect(peer.text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("he").send("llo").send(GET);
  read();
  await world.settle();
  read();
  const answers = await peer.answered(3);
  expect(answers.map((answer) => answer.status)).toEqual([100, 200, 200]);
  expect(answers[1]!.body).toBe("hello");
  expect(world.count(COUNT_RESPONSES_1XX)).toBe(1);
  peer.leave();
  world.checkEnd();
});

test("HttpSession sends no 100 where it is not wanted", async () => {
  const world = worldOf(echo, { bodyBytesMax: 100 });
  const there = world.connect().send(`${EXPECT}hello`);
  expect((await there.answered(1))[0]).toMatchObject({ status: 200, body: "hello" });
  const old = world.connect();
  old.send("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").send("hello");
  expect((await old.answered(1))[0]).toMatchObject({ status: 200, body: "hello" });
  const large = world.connect();
  large.send(request("POST /", "", "Content-Length: 101", "Expect: 100-continue"));
  expect(large.answer().status).toBe(413);
  const strange = world.connect().send(request("GET /", "", "Expect: the-unexpected"));
  expect(strange.answer().status).toBe(417);
});

test("HttpSession closes behind a final answer to a client that waits for 100", async () => {
  const world = worldOf((_, response) => response.status(403).text("no"));
  const peer = world.connect().send(EXPECT);
  expect(peer.answer().status).toBe(403);
  expect(peer.answer().fields["connection"]).toBe("close");
  expect(peer.ended).toBe(true);
  peer.send("hello").send(GET);
  expect(peer.answers()).toHaveLength(1);
  peer.leave();
  world.checkEnd();
});

test("HttpSession asks for the body before the head of an answer that is made of it", async () => {
  const world = worldOf((from, response) => response.stream(from.chunks()));
  const peer = world.connect().send(EXPECT);
  await world.settle();
  expect(peer.text.startsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")).toBe(true);
  peer.send("hello").send(GET);
  const answers = await peer.answered(3);
  expect(answers.map((answer) => answer.body)).toEqual(["", "hello", ""]);
  expect(answers[1]!.fields["connection"]).toBeUndefined();
  peer.leave();
  world.checkEnd();
});

test("HttpSession refuses with 503 what the memory limit does not hold", async () => {
  const codes: string[] = [];
  const world = new HttpWorld(
    {
      routes: {
        "/*": async (from, response) => {
          codes.push(await codeOf(from.bytes()));
          response.text("dropped");
        },
      },
    },
    { bodyBytesMax: 8 << 20 },
    { memoryBytes: 600 * KIB },
  );
  const peer = world.connect().send(request("POST /", "", "Content-Length: 5000000"));
  for (let count = 0; count < 100 && !peer.ended; count++) {
    peer.send("x".repeat(20_000));
    await Promise.resolve();
  }
  await world.settle();
  expect(peer.answer().status).toBe(503);
  expect(codes).toEqual(["ERR_MEMORY_LIMIT"]);
  peer.leave();
  world.checkEnd();
});

test("HttpSession answers JSON that is none with 400, and logs nothing", async () => {
  const world = worldOf(async (from, response) => response.json(await from.json()));
  const peer = world.connect().send(request("POST /", "{nope") + request("POST /", '{"a":1}'));
  const answers = await peer.answered(2);
  expect(answers[0]!.status).toBe(400);
  expect(answers[1]!.body).toBe('{"a":1}');
  expect(world.log).toEqual([]);
});

test("HttpSession holds no pooled memory for a handler that never ends", async () => {
  for (const early of [true, false]) {
    const bodies: string[] = [];
    let release = (): void => {};
    const world = worldOf(async (from, response) => {
      if (early) response.text("early");
      await new Promise<void>((resolve) => (release = resolve));
      bodies.push(await from.text());
    });
    const text = request("POST /", "x".repeat(50_000));
    const peer = world.connect().send(text.slice(0, 30_000)).send(text.slice(30_000));
    await world.settle();
    peer.socket.peerReset();
    world.checkEnd();
    release();
    await world.settle();
    expect(bodies[0]).toHaveLength(50_000);
  }
});

test("HttpSession tells a peer that ends its side within a body by 400", async () => {
  const world = worldOf(echo);
  const peer = world.connect().send(request("POST /", "x".repeat(100_000)).slice(0, -1));
  peer.socket.peerEnd();
  await world.until(() => peer.socket.closed);
  expect(peer.answer().status).toBe(400);
  expect(world.log).toEqual([]);
  world.checkEnd();
});

test("HttpRequest has the trailers of a body once it has been read, and no later", async () => {
  const seen: unknown[] = [];
  let kept: HttpRequest | null = null;
  const world = worldOf(async (from, response) => {
    kept = from;
    for await (const _ of from.chunks()) seen.push("piece");
    seen.push(from.trailerEntries());
    response.text("ok");
  });
  const trailers = "X-Sum: 1 \r\nContent-Length: 9\r\nHost: evil\r\nx-sum:2\r\n\r\n";
  const peer = world.connect().send(`${CHUNKED}${chunk("abc")}0\r\n${trailers}`);
  await peer.answered(1);
  expect(seen.splice(0)).toEqual([
    "piece",
    [
      ["x-sum", "1"],
      ["x-sum", "2"],
    ],
  ]);
  peer.send(request("POST /", "abc"));
  await peer.answered(2);
  expect(seen).toEqual(["piece", []]);
  await world.settle();
  expect(kept!.trailerEntries()).toEqual([]);
  peer.leave();
  world.checkEnd();
});
