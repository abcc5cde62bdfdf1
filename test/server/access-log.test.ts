// What is noted about requests, over whole sessions: a line for every answer and for every request
// that got none, whatever ends it, and nothing else.

import { expect, test } from "bun:test";
import { COUNT_RESPONSES_2XX } from "../../src/core/counters.ts";
import { LINES_PER_WINDOW_MAX } from "../../src/core/limits.ts";
import type { HttpRequest } from "../../src/server/http-request.ts";
import type { HttpResponse } from "../../src/server/http-response.ts";
import { mutate } from "../support/http-mutation.ts";
import { Random, seedOfRun } from "../support/random.ts";
import { AccessLogWorld, type LoggedRequest } from "./access-log-world.ts";
import type { RouteHandler } from "../../src/server/service.ts";
import { GET, type HttpPeer, request } from "./http-world.ts";

const hello = (_: HttpRequest, response: HttpResponse): void => response.text("hello");

/** The lines that `act` leaves behind. */
async function linesOf(
  act: (peer: HttpPeer, world: AccessLogWorld) => unknown,
  ...world: Partial<ConstructorParameters<typeof AccessLogWorld>>
): Promise<LoggedRequest[]> {
  const [handlers = hello, log, settings] = world;
  const logged = new AccessLogWorld(handlers, log, settings);
  const peer = logged.connect();
  await act(peer, logged);
  await logged.settle();
  peer.leave();
  await logged.settle();
  logged.checkEnd();
  return logged.lines();
}

test("AccessLog has the parts of a request and its answer", async () => {
  const head = request("GET /a%20b?c=d&e", "", "Referer: http://r/", "user-agent: me/1");
  const [line, ...others] = await linesOf((peer) => peer.send(head));
  expect(others).toEqual([]);
  expect(line).toMatchObject({
    worker: 3,
    connection: "0.0",
    remote: "192.0.2.7",
    method: "GET",
    path: "/a%20b",
    query: "c=d&e",
    host: "a",
    status: 200,
    bytes_in: 0,
    bytes_out: 5,
    referer: "http://r/",
    user_agent: "me/1",
    complete: true,
  });
  expect(line!.id).toMatch(/^[0-9a-z]{8}-3-1$/);
  expect(Math.abs(Date.parse(line!.time) - Date.now())).toBeLessThan(60_000);
});

test("AccessLog counts the bytes of bodies, without framing and only those there are", async () => {
  const chunked = "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const lines = await linesOf(
    async (peer, world) => {
      peer.send(request("POST /echo", "x".repeat(1000)));
      await peer.answered(1);
      peer.send(`${chunked}3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\n`);
      await peer.answered(2);
      peer.send(request("HEAD /x") + request("GET /204") + GET + GET + GET);
      await world.settle();
      peer.send(request("POST /echo", "y".repeat(200_000)));
      await world.until(() => peer.socket.sentText.includes("y".repeat(200_000)));
    },
    async (from, to) => {
      if (from.path === "/204") return to.empty();
      if (from.method !== "POST") return to.text("é");
      if (from.path === "/c") return to.stream(from.chunks());
      to.send(await from.bytes());
    },
  );
  const bytes = lines.map((line) => [line.bytes_in, line.bytes_out]);
  const small = [
    [1000, 1000],
    [4, 4],
    [0, 0],
    [0, 0],
  ];
  expect(bytes).toEqual([...small, [0, 2], [0, 2], [0, 2], [200_000, 200_000]]);
});

test("AccessLog has a line for each of many pipelined requests, in order", async () => {
  const targets = Array.from({ length: 600 }, (_, index) => `/n?${index}`);
  const lines = await linesOf((peer, world) => {
    peer.send(targets.map((target) => request(`GET ${target}`)).join(""));
    world.clock.advance(0);
  });
  expect(lines.map((line) => `${line.path}?${line.query}`)).toEqual(targets);
});

const REFUSED: [string, number, Partial<LoggedRequest>][] = [
  ["GET /a?b HTTP/1.1\r\nHost : a\r\n\r\n", 400, { method: "GET", path: "/a", query: "b" }],
  ["GET /a HTTP/1.1\r\n\r\n", 400, { path: "/a" }],
  ["GET /a HTTP/2.0\r\n\r\n", 505, { method: "GET", path: "/a" }],
  ["\r\n\r\nno request at all\r\n", 400, { line: "no request at all" }],
  ["G\0T / HTTP/1.1\r\n", 400, { line: "G\0T / HTTP/1.1" }],
  ["\x16\x03\x01\x02\0\x01\xfc\x03\x03", 400, { line: "\x16\x03\x01\x02\0\x01\xfc\x03\x03" }],
  [`GET /${"a".repeat(9000)}`, 414, {}],
  [`GET / HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(40_000)}\r\n`, 431, { path: "/" }],
  [`${"M".repeat(40)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 501, {}],
  ["BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, { method: "BREW", path: "/" }],
  [request("POST /b", "x", "Content-Length: 9"), 400, { method: "POST", path: "/b" }],
];

test("AccessLog has what is known of heads that are refused", async () => {
  for (const [text, status, known] of REFUSED) {
    const lines = await linesOf((peer) => peer.send(text));
    expect([text, lines.length]).toEqual([text, 1]);
    expect(lines[0]).toMatchObject({ status, bytes_in: 0, remote: "192.0.2.7", ...known });
    expect(lines[0]!.bytes_out).toBeGreaterThan(10);
  }
});

test("AccessLog has bodies that are refused, and what came of them", async () => {
  const large = "POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n";
  const bad = "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX";
  const known = ({ path, status, bytes_in }: LoggedRequest): unknown => [path, status, bytes_in];
  const reader: RouteHandler = async (from, to) => to.send(await from.bytes());
  expect((await linesOf((peer) => peer.send(large))).map(known)).toEqual([["/l", 413, 0]]);
  expect((await linesOf((peer) => peer.send(bad))).map(known)).toEqual([["/b", 400, 3]]);
  const slow = await linesOf((peer, world) => {
    peer.send(request("POST /s", "x".repeat(100)).slice(0, -60));
    world.clock.advance(30_000);
  }, reader);
  expect(slow.map(known)).toEqual([["/s", 408, 40]]);
});

test("AccessLog has a head that came too slowly, as far as it came", async () => {
  for (const [sent, known] of [
    ["GET /slow HTTP/1.1\r\nHost: a\r\nX: y", { method: "GET", path: "/slow" }],
    ["GET /sl", { line: "GET /sl" }],
    ["G", { line: "G" }],
  ] as const) {
    const lines = await linesOf((peer, world) => {
      peer.send(GET);
      for (const character of sent) peer.send(character);
      world.clock.advance(20_000);
      expect(peer.answers().at(-1)!.status).toBe(408);
      expect(peer.ended).toBe(true);
    });
    expect(lines.map((line) => line.status)).toEqual([200, 408]);
    expect(lines[1]).toMatchObject(known);
  }
});

test("AccessLog has requests whose peer left: 499 without an answer, else its own", async () => {
  const never = (): Promise<never> => new Promise(() => {});
  async function* halfway(): AsyncGenerator<string> {
    yield "begun";
    await never();
  }
  const leave = (peer: HttpPeer): void => peer.socket.peerReset();
  const waiting = await linesOf((peer) => leave(peer.send(GET)), never);
  expect(waiting).toMatchObject([{ status: 499, bytes_out: 0, complete: false }]);
  const body = await linesOf((peer) => leave(peer.send(request("POST /", "xyz").slice(0, -1))));
  expect(body).toMatchObject([{ status: 499, bytes_in: 2, complete: false }]);
  const begun = await linesOf(
    async (peer, world) => {
      peer.send(GET);
      await world.settle();
      leave(peer);
    },
    (_, to) => to.stream(halfway()),
  );
  expect(begun).toMatchObject([{ status: 200, bytes_out: 5, complete: false }]);
});

test("AccessLog has no line for connections without a whole request", async () => {
  expect(await linesOf(() => {})).toEqual([]);
  expect(await linesOf((peer) => peer.socket.peerEnd())).toEqual([]);
  expect(await linesOf((peer) => peer.send("GET / HTT"))).toEqual([]);
  expect(await linesOf((_, world) => world.clock.advance(100_000))).toEqual([]);
});

test("AccessLog has the answers that handlers fail to give, and names the request", async () => {
  const log: string[] = [];
  const lines = await linesOf(
    async (peer, world) => {
      peer.send(GET + GET);
      await world.settle();
      log.push(...world.failures);
    },
    async () => {
      throw new Error("broken");
    },
  );
  expect(lines.map((line) => line.status)).toEqual([500, 500]);
  const named = lines.map((line) => expect.stringContaining(`broken (request ${line.id})`));
  expect(log).toEqual(named);
});

test("AccessLog measures from the head to the answer, also what blocks the thread", async () => {
  let world: AccessLogWorld | undefined;
  const lines = await linesOf(
    async (peer, own) => {
      world = own;
      peer.send(GET + request("GET /block"));
      await own.settle();
    },
    (from, to) => {
      if (from.path === "/block") world!.clock.set(world!.clock.nowMs() + 1234.5678);
      to.text("");
    },
  );
  expect(lines.map((line) => line.duration_ms)).toEqual([0, 1234.568]);
});

test("AccessLog takes the request's own id, or a new one if that is not sane", async () => {
  const ids = ["mine-1", "bad id", "x".repeat(65), "a", 'q"', "Root=1-2/3:4_5.~+"];
  const seen: string[] = [];
  let text = "";
  const lines = await linesOf(
    (peer) => {
      for (const id of ids) peer.send(request("GET /", "", `x-request-ID: ${id}`));
      peer.send(request("GET /", "", "X-Request-Id: a", "X-Request-Id: b"));
      peer.send("GET /refused HTTP/1.1\r\nX-Request-Id: c\r\nbad\r\n\r\n");
      text = peer.text;
    },
    (from, to) => {
      seen.push(from.id);
      to.header("X-Request-Id", "the handler's").text("");
    },
    { requestId: true },
  );
  const sent = [...text.matchAll(/^X-Request-Id: (\S+)\r$/gm)].map((match) => match[1]);
  expect(lines.map((line) => line.id)).toEqual(sent as string[]);
  expect(lines.slice(0, -1).map((line) => line.id)).toEqual(seen);
  expect(sent).toHaveLength(ids.length + 2);
  const own = (index: number): boolean => sent[index] === ids[index];
  expect(ids.map((_, index) => own(index))).toEqual([true, false, false, true, false, true]);
  expect(new Set(sent).size).toBe(sent.length);
});

test("AccessLog puts the id into every kind of answer", async () => {
  const kinds: Record<string, (to: HttpResponse) => void> = {
    "/text": (to) => to.text("same"),
    "/fields": (to) => to.header("X-A", "b").text("other"),
    "/bytes": (to) => to.send(new Uint8Array(3)),
    "/empty": (to) => to.empty(),
    "/large": (to) => to.text("x".repeat(100_000)),
    "/redirect": (to) => to.redirect("/"),
    "/fails": () => {
      throw new Error("fails");
    },
  };
  const world = new AccessLogWorld((from, to) => kinds[from.path]!(to), { requestId: true });
  for (const path of Object.keys(kinds)) {
    for (let time = 0; time < 3; time++) {
      const peer = world.connect().send(request(`GET ${path}`, "", `X-Request-Id: id-${time}`));
      await peer.answered(1);
      expect([path, peer.answer().fields["x-request-id"]]).toEqual([path, `id-${time}`]);
      peer.leave();
    }
  }
  await world.text();
});

test("AccessLog leaves answers alone without the option, and ids to those who ask", async () => {
  const ids: string[] = [];
  let text = "";
  await linesOf(
    (peer) => {
      peer.send(request("GET /", "", "X-Request-Id: theirs"));
      peer.send(GET);
      text = peer.text;
    },
    (from, to) => {
      ids.push(from.id, from.id);
      to.header("X-Request-Id", "mine").text("");
    },
  );
  expect(ids[0]).toBe(ids[1]!);
  expect(ids[2]).not.toBe(ids[1]!);
  expect(ids).not.toContain("theirs");
  expect(text.match(/X-Request-Id: mine/g)).toHaveLength(2);
});

test("AccessLog gives fetch handlers the id", async () => {
  const ids: string[] = [];
  const lines = await linesOf(
    async (peer) => {
      peer.send(request("GET /", "", "X-Request-Id: from-me"));
      await peer.answered(1);
    },
    {
      fetch: (_, server) => {
        ids.push(server.requestId);
        return new Response("x", { headers: { "X-Request-Id": "upstream" } });
      },
    },
    { requestId: true },
  );
  expect(ids).toEqual(["from-me"]);
  expect(lines.map((line) => line.id)).toEqual(ids);
});

test("AccessLog warns of requests that take long to be answered, not of long answers", async () => {
  const log: string[] = [];
  async function* long(world: AccessLogWorld): AsyncGenerator<string> {
    yield "begun";
    world.clock.advance(5000);
  }
  let world: AccessLogWorld | undefined;
  await linesOf(
    async (peer, own) => {
      world = own;
      peer.send(request("GET /slow?secret") + request("GET /fast") + request("GET /stream"));
      await own.settle();
      await peer.answered(3);
      log.push(...own.log);
    },
    (from, to) => {
      if (from.path === "/slow") world!.clock.set(world!.clock.nowMs() + 1500);
      if (from.path === "/stream") to.stream(long(world!));
      else to.text("");
    },
    { slowRequestMs: 1000 },
  );
  expect(log).toHaveLength(1);
  const slow =
    /warn slow request: GET \/slow was answered 200 after 1\.500 s \(request \S+-3-1\)\n$/;
  expect(log[0]).toMatch(slow);
});

test("AccessLog does not flood the log with slow requests", async () => {
  const world = new AccessLogWorld((_, to) => to.text(""), { slowRequestMs: 1 });
  const handle = world.application.handle.bind(world.application);
  world.application.handle = (from, to) => {
    world.clock.set(world.clock.nowMs() + 2);
    return handle(from, to);
  };
  const peer = world.connect().send(GET.repeat(LINES_PER_WINDOW_MAX + 7));
  expect(world.log).toHaveLength(LINES_PER_WINDOW_MAX);
  peer.leave();
  await world.text();
  expect(world.log.at(-1)).toContain("warn 7 more slow requests were left out");
});

/** Lines by hundreds of their status; 499 apart. */
function classesOf(lines: readonly LoggedRequest[]): number[] {
  const counts = [0, 0, 0, 0];
  for (const { status } of lines) if (status !== 499) counts[Math.floor(status / 100) - 2]!++;
  return counts;
}

async function* slowly(pause: () => Promise<void>): AsyncGenerator<string> {
  yield "one";
  await pause();
  yield "two".repeat(10_000);
}

test("AccessLog agrees with the counters to the unit under random traffic", async () => {
  const seed = seedOfRun();
  const random = new Random(seed);
  const late: (() => void)[] = [];
  const pause = (): Promise<void> => new Promise((resolve) => void late.push(resolve));
  const world = new AccessLogWorld(
    async (from, to) => {
      if (random.oneIn(3)) await pause();
      if (random.oneIn(8)) throw new Error("fails");
      if (random.oneIn(3)) await from.bytes();
      if (random.oneIn(3)) to.stream(slowly(pause));
      else to.status(random.pick([200, 301, 404, 503])).text("x".repeat(random.below(100_000)));
    },
    { requestId: random.oneIn(2), slowRequestMs: 1 },
  );
  const corpus = [GET, request("POST /b?c", "body"), request("PUT /", "z".repeat(90_000))];
  for (let round = 0; round < 250; round++) {
    const peer = world.connect({ spaceBytes: random.pick([Infinity, 500]) });
    let text = "";
    for (let count = random.below(4); count >= 0; count--) text += random.pick(corpus);
    if (random.oneIn(2)) text = mutate(text, corpus, random);
    peer.send(text.slice(0, random.below(10) === 0 ? random.below(text.length) : text.length));
    if (random.oneIn(2)) await world.settle();
    for (const resume of late.splice(0, random.below(4))) resume();
    if (random.oneIn(2)) peer.socket.settle();
    if (random.oneIn(20)) world.clock.advance(15_000);
    if (random.oneIn(2)) peer.socket.peerReset();
    else if (random.oneIn(2)) peer.leave();
  }
  world.clock.advance(200_000);
  for (let round = 0; round < 10; round++) {
    for (const resume of late.splice(0)) resume();
    await world.settle();
  }
  world.reactor.closeAll(0);
  await world.settle();
  const counted = [0, 1, 2, 3].map((index) => world.count(COUNT_RESPONSES_2XX + index));
  const lines = await world.lines();
  expect([seed, classesOf(lines)]).toEqual([seed, counted]);
  expect([seed, lines.length >= world.requests]).toEqual([seed, true]);
  const ids = new Set(lines.map((line) => line.id));
  expect([seed, ids.size]).toEqual([seed, lines.length]);
});
