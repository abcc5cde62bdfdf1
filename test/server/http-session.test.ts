// Requests one after the other: cut anywhere, pipelined, behind slow handlers, errors and closes.

import { expect, test } from "bun:test";
import { CLOSE_HANDLER, CLOSE_LOCAL, CLOSE_PEER } from "../../src/core/close-reason.ts";
import { COUNT_ABORTED, COUNT_HANDLER_ERRORS } from "../../src/core/counters.ts";
import { REQUESTS_PER_EVENT_MAX } from "../../src/core/limits.ts";
import type { HttpRequest } from "../../src/server/http-request.ts";
import type { HttpResponse } from "../../src/server/http-response.ts";
import type { RouteHandler } from "../../src/server/service.ts";
import { everyCut } from "../support/replay.ts";
import { cutsOf, GET, HttpWorld, request, sendCut, withoutDates, worldOf } from "./http-world.ts";

const tell: RouteHandler = (from, response) => response.text(`${from.method} ${from.target}\n`);

const echo: RouteHandler = async (from, response) => response.send(await from.bytes());

/** Every cut of `text` must give the answer of the whole; returns that, without dates. */
async function sameForEveryCut(handler: RouteHandler, text: string): Promise<string> {
  const outcomes = new Map<string, readonly number[]>();
  for (const ends of cutsOf(text)) {
    const world = worldOf(handler);
    const peer = world.connect();
    sendCut(peer, text, ends);
    await world.settle();
    outcomes.set(`${peer.text}\n${peer.ended}`, ends);
    peer.leave();
    world.checkEnd();
  }
  const [first] = outcomes.keys();
  if (outcomes.size > 1) expect([...outcomes]).toEqual([[first!, []]]);
  return first!.slice(0, first!.lastIndexOf("\n"));
}

const SYNC_VECTORS: Record<string, [string, number[]]> = {
  "a GET": [GET, [200]],
  two: [GET + GET, [200, 200]],
  "empty lines before": [`\r\n\r\n${GET}`, [200]],
  "HTTP/1.0": ["GET / HTTP/1.0\r\n\r\n", [200]],
  "HTTP/1.0 keep-alive": ["GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [200]],
  "close, then more": [request("GET /", "", "Connection: close") + GET, [200]],
  "an error, then more": [`GET / HTTP/1.1\r\n\r\n${GET}`, [400]],
  "one, then an error": [`${GET}GET / HTTP/1.1\r\nHost : a\r\n\r\n`, [200, 400]],
  "an unread body": [request("GET /", "0123456789") + GET, [200, 200]],
  "an unread chunked body": [
    `${request("GET /", "", "Transfer-Encoding: chunked")}3\r\nabc\r\n0\r\nX: y\r\n\r\n${GET}`,
    [200, 200],
  ],
  "a broken unread body": [
    `${request("GET /", "", "Transfer-Encoding: chunked")}3\r\nabcd\r\n0\r\n\r\n${GET}`,
    [400],
  ],
  CONNECT: ["CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", [501]],
  "an unknown method": [request("BREW /"), [501]],
};

for (const [name, [vector, statuses]] of Object.entries(SYNC_VECTORS)) {
  test(`HttpSession answers ${name} the same however it is cut`, () => {
    const world = worldOf(tell);
    const outcome = everyCut(Buffer.from(vector, "latin1"), (ends) => {
      const peer = world.connect();
      sendCut(peer, vector, ends);
      const answers = peer.answers();
      expect(answers.every((answer) => answer.complete)).toBe(true);
      const text = `${answers.map((answer) => answer.status).join(" ")} ${peer.text} ${peer.ended}`;
      peer.leave();
      world.checkEnd();
      return text;
    });
    expect(outcome.startsWith(`${statuses.join(" ")} HTTP/1.1`)).toBe(true);
  });
}

test("HttpSession echoes bodies the same however they are cut", async () => {
  const chunked = request("POST /", "", "Transfer-Encoding: chunked");
  const text = `${request("POST /", "hello")}${chunked}3;x="y"\r\nabc\r\n00\r\nT: 1\r\n\r\n${GET}`;
  const outcome = await sameForEveryCut(echo, text);
  expect(outcome.match(/\r\n\r\n(hello|abc)?/g)).toEqual([
    "\r\n\r\nhello",
    "\r\n\r\nabc",
    "\r\n\r\n",
  ]);
});

test("HttpSession keeps answers in order behind a handler that takes its time", async () => {
  const release: (() => void)[] = [];
  const world = worldOf(async (from, response) => {
    if (from.path === "/slow") await new Promise<void>((resolve) => release.push(resolve));
    response.text(from.path);
  });
  const peer = world.connect().send(request("GET /slow") + request("GET /next"));
  await world.settle();
  expect(peer.text).toBe("");
  expect(world.inFlight).toBe(1);
  peer.send(request("GET /last"));
  release[0]!();
  const answers = await peer.answered(3);
  expect(answers.map((answer) => answer.body)).toEqual(["/slow", "/next", "/last"]);
  expect(world.requests).toBe(3);
  expect(world.responses).toBe(3);
  peer.leave();
  world.checkEnd();
});

test("HttpSession answers more pipelined requests than one turn allows, all of them", async () => {
  const count = REQUESTS_PER_EVENT_MAX * 3 + 1;
  const world = worldOf((from, response) => response.text(from.target));
  const all = Array.from({ length: count }, (_, index) => request(`GET /${index}`)).join("");
  const peer = world.connect().send(all);
  expect(peer.answers()).toHaveLength(REQUESTS_PER_EVENT_MAX);
  const answers = await peer.answered(count);
  expect(answers.map((answer) => answer.body)).toEqual(
    Array.from({ length: count }, (_, index) => `/${index}`),
  );
  peer.leave();
  world.checkEnd();
});

test("HttpSession answers what came before the peer's FIN, then closes", async () => {
  const count = REQUESTS_PER_EVENT_MAX * 2 + 5;
  for (const handler of [tell, async (from: HttpRequest, to: HttpResponse) => to.text(from.path)]) {
    const world = worldOf(handler);
    const peer = world.connect().send(GET.repeat(count));
    peer.socket.peerEnd();
    await world.until(() => peer.socket.closed, "the close");
    expect(peer.answers()).toHaveLength(count);
    world.checkEnd();
  }
});

test("HttpSession closes on FIN between requests, in a head and in an unread body", () => {
  for (const text of ["", "GET / HT", request("POST /", "12").slice(0, -1), `${GET}GET`]) {
    const world = worldOf(tell);
    const peer = world.connect().send(text);
    peer.socket.peerEnd();
    expect(peer.socket.closed).toBe(true);
    expect(world.closedFor(CLOSE_PEER)).toBe(1);
    world.checkEnd();
  }
});

test("HttpSession answers a peer that closed its side while the handler ran", async () => {
  let release = (): void => {};
  const world = worldOf(async (_, response) => {
    await new Promise<void>((resolve) => (release = resolve));
    response.text("late but whole");
  });
  const peer = world.connect().send(GET);
  peer.socket.peerEnd();
  release();
  await world.until(() => peer.socket.closed, "the close");
  expect(peer.answer()).toMatchObject({ status: 200, body: "late but whole" });
  expect(peer.socket.resetSent).toBe(false);
  world.checkEnd();
});

test("HttpSession reads nothing behind Connection: close, not even an error", () => {
  for (const behind of [GET, "nonsense\r\n\r\n", "\0"]) {
    const world = worldOf(tell);
    const peer = world.connect().send(request("GET /", "", "Connection: close") + behind);
    expect(peer.answer().fields["connection"]).toBe("close");
    peer.send(GET);
    expect(peer.answers()).toHaveLength(1);
    expect(world.requests).toBe(1);
    peer.leave();
    expect(world.closedFor(CLOSE_LOCAL)).toBe(1);
    world.checkEnd();
  }
});

test("HttpSession says keep-alive to HTTP/1.0 only when asked, and closes otherwise", () => {
  const world = worldOf(tell);
  const plain = world.connect().send("GET / HTTP/1.0\r\n\r\n");
  expect(plain.answer().fields["connection"]).toBe("close");
  expect(plain.ended).toBe(true);
  const kept = world.connect().send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  expect(kept.answer().fields["connection"]).toBe("keep-alive");
  kept.send("GET / HTTP/1.0\r\n\r\n");
  expect(kept.answers()).toHaveLength(2);
  expect(kept.ended).toBe(true);
  const modern = world.connect().send(GET);
  expect(modern.answer().fields["connection"]).toBeUndefined();
});

test("HttpSession answers 500 for a handler that fails or is silent, and goes on", async () => {
  const secret = "password 12345";
  const failing: Record<string, RouteHandler> = {
    throws: () => {
      throw new Error(secret);
    },
    "throws nothing": () => {
      throw null;
    },
    rejects: async () => {
      await Promise.resolve();
      throw new Error(secret);
    },
    "stays silent": () => {},
    "stays silent later": async () => {},
    "throws behind a header": (_, response) => {
      response.status(201).header("X-Half", "done").header("X-Bad", "a\r\nb");
    },
  };
  for (const [name, handler] of Object.entries(failing)) {
    const world = worldOf((from, to) => (from.path === "/" ? handler(from, to) : to.text("fine")));
    const peer = world.connect().send(GET + request("GET /fine"));
    const [failed, fine] = await peer.answered(2);
    expect({ name, ...failed }).toMatchObject({ name, status: 500 });
    expect(failed!.fields["x-half"]).toBeUndefined();
    expect(peer.text).not.toContain(secret);
    expect(fine!.body).toBe("fine");
    expect(world.count(COUNT_HANDLER_ERRORS)).toBe(1);
    expect(world.failures).toHaveLength(1);
    peer.leave();
    world.checkEnd();
  }
});

test("HttpSession lets the first of two answers stand", () => {
  const world = worldOf((from, response) => {
    response.text("first");
    if (from.path === "/twice") response.text("second");
  });
  const peer = world.connect().send(request("GET /twice") + GET);
  expect(peer.answers().map((answer) => answer.body)).toEqual(["first", "first"]);
  expect(world.log.join()).toContain("sent already");
  peer.leave();
  world.checkEnd();
});

test("HttpSession logs what a handler throws after its answer, and goes on", async () => {
  const world = worldOf(async (_, response) => {
    response.text("answered");
    await Promise.resolve();
    throw new Error("too late to matter");
  });
  const peer = world.connect().send(GET + GET);
  await world.settle();
  expect(peer.answers()).toHaveLength(2);
  expect(world.failures).toHaveLength(2);
  peer.leave();
  world.checkEnd();
});

test("HttpSession drops what is answered after the peer left, and fires the signal", async () => {
  let release = (): void => {};
  const events: string[] = [];
  const world = worldOf(async (from, response) => {
    from.signal.addEventListener("abort", () => events.push("abort"));
    await new Promise<void>((resolve) => (release = resolve));
    events.push(`aborted ${from.signal.aborted} address "${from.remoteAddress}"`);
    response.header("X-Late", "yes").text("nobody");
  });
  const peer = world.connect().send(GET);
  await world.settle();
  peer.socket.peerReset();
  expect(events).toEqual(["abort"]);
  expect(world.count(COUNT_ABORTED)).toBe(1);
  release();
  await world.settle();
  expect(events[1]).toBe('aborted true address ""');
  expect(world.log).toEqual([]);
  expect(peer.text).toBe("");
  world.checkEnd();
});

test("HttpSession forgets a handler that never ends once its peer has left", async () => {
  const world = worldOf(() => new Promise(() => {}));
  const peer = world.connect().send(GET);
  await world.settle();
  expect(world.inFlight).toBe(1);
  peer.socket.peerReset();
  world.checkEnd();
});

test("HttpSession does not fire the signal of a request that was answered in time", async () => {
  let signal: AbortSignal | undefined;
  const world = worldOf((from, response) => {
    signal = from.signal;
    response.text("ok");
  });
  const peer = world.connect().send(GET);
  peer.socket.peerReset();
  await world.settle();
  expect(signal!.aborted).toBe(false);
  world.checkEnd();
});

test("HttpSession awaits whatever can be awaited", async () => {
  const world = worldOf((_, response) => ({
    then(resolve: () => void) {
      response.text("a thenable");
      resolve();
    },
  }));
  const peer = world.connect().send(GET);
  await peer.answered(1);
  expect(peer.answer().body).toBe("a thenable");
});

test("HttpSession resets when the handler fails behind the head of its answer", async () => {
  const world = worldOf(async (_, response) => {
    response.stream(never());
    await Promise.resolve();
    throw new Error("changed its mind");
  });
  const peer = world.connect().send(GET + GET);
  await world.until(() => peer.socket.closed, "the reset");
  expect(peer.socket.resetSent).toBe(true);
  expect(world.closedFor(CLOSE_HANDLER)).toBe(1);
  expect(world.requests).toBe(1);
  world.checkEnd();
});

async function* never(): AsyncGenerator<string> {
  yield "begun";
  await new Promise(() => {});
}

test("HttpSession keeps the head of a request that came out of reused memory", async () => {
  const seen: string[] = [];
  const world = worldOf(async (from, response) => {
    await Promise.resolve();
    seen.push(`${from.method} ${from.target} ${from.header("x-name")}`);
    response.text("ok");
  });
  const peer = world.connect();
  const text = ["a", "b", "c"].map((name) => request(`PUT /${name}`, name, `X-Name: ${name}`));
  peer.send(text.join("").slice(0, 20)).send(text.join("").slice(20));
  await peer.answered(3);
  expect(seen).toEqual(["PUT /a a", "PUT /b b", "PUT /c c"]);
  peer.leave();
  world.checkEnd();
});

test("HttpSession waits with requests while the peer does not read answers", async () => {
  const world = worldOf((_, response) => response.text("x".repeat(40_000)));
  const peer = world.connect({ spaceBytes: 1000 }).send(GET.repeat(50));
  expect(world.requests).toBeLessThan(5);
  expect(world.pool.heldBytes - world.restBytes).toBeLessThan(400_000);
  for (let turn = 0; turn < 300 && !peer.socket.closed; turn++) peer.socket.drain(10_000);
  const answers = await peer.answered(50);
  expect(answers.every((answer) => answer.body.length === 40_000)).toBe(true);
  peer.leave();
  world.checkEnd();
});

test("HttpSession holds no buffer and no exchange between requests", () => {
  const world = worldOf(tell);
  const peers = Array.from({ length: 20 }, () => world.connect().send(GET));
  expect(world.pool.heldBytes).toBe(world.restBytes);
  expect(world.application.exchanges.freeCount).toBe(1);
  for (const peer of peers) peer.leave();
  world.checkEnd();
});

test("HttpSession answers with Connection: close while its worker drains", async () => {
  let release = (): void => {};
  const world = worldOf(async (_, response) => {
    await new Promise<void>((resolve) => (release = resolve));
    response.text("done");
  });
  const running = world.connect().send(GET);
  const idle = world.connect();
  const half = world.connect().send("GET / HTTP/1.1\r\n");
  world.reactor.draining = true;
  expect(running.connection.currentSession.idleSinceMs()).toBe(-1);
  expect(half.connection.currentSession.idleSinceMs()).toBe(-1);
  expect(idle.connection.currentSession.idleSinceMs()).toBeGreaterThanOrEqual(0);
  release();
  await running.answered(1);
  expect(running.answer().fields["connection"]).toBe("close");
  expect(running.ended).toBe(true);
  half.send("Host: a\r\n\r\n");
  release();
  await half.answered(1);
  expect(half.answer().fields["connection"]).toBe("close");
});

test("HttpSession answers errors to HEAD without content", () => {
  for (const bad of ["HEAD / HTTP/1.1\r\n\r\n", request("HEAD /", "", "Content-Length: 9999999")]) {
    const world = new HttpWorld({ routes: { "/*": tell } });
    const peer = world.connect().send(GET.replace("GET", "HEAD") + bad);
    const answers = peer.answers("HEAD", "HEAD");
    expect(answers[1]!.status).toBeGreaterThanOrEqual(400);
    expect(peer.socket.sentText.endsWith("\r\n\r\n")).toBe(true);
    peer.leave();
    world.checkEnd();
  }
});

test("HttpSession does not take an older request's HEAD for the method of one that failed", () => {
  const world = worldOf(tell);
  const peer = world.connect().send(`${request("HEAD /")}\0`);
  expect(peer.answers("HEAD")[1]).toMatchObject({ status: 400, body: "400 Bad Request\n" });
  expect(withoutDates(peer.socket.sentText)).toContain("Connection: close");
});
