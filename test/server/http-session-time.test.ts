// Deadlines of a session on a clock that stands still: head, body, idle, and the time of handlers.

import { expect, test } from "bun:test";
import { CLOSE_BODY_TIMEOUT, CLOSE_HEAD_TIMEOUT, CLOSE_IDLE } from "../../src/core/close-reason.ts";
import { BODY_BUFFER_MS } from "../../src/core/limits.ts";
import type { HttpLimits } from "../../src/server/http-limit-options.ts";
import type { RouteHandler } from "../../src/server/service.ts";
import { GET, request, worldOf } from "./http-world.ts";

const TIMES: Partial<HttpLimits> = {
  idleTimeoutMs: 60_000,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 5000,
  bodyBytesMin: 1000,
};
const TICKS_MS = 200; // more than the wheel is late by

const echo: RouteHandler = async (from, response) => response.send(await from.bytes());

test("HttpSession closes a silent connection without a word, before and after a request", () => {
  for (const before of ["", GET]) {
    const world = worldOf((_, response) => response.text("ok"), TIMES);
    const peer = world.connect();
    world.clock.advance(30_000);
    peer.send(before);
    const answers = peer.answers().length;
    world.clock.advance(before === "" ? 29_900 : 59_900);
    expect(peer.ended).toBe(false);
    world.clock.advance(TICKS_MS + 100);
    expect(peer.ended).toBe(true);
    expect(peer.answers()).toHaveLength(answers);
    peer.leave();
    expect(world.closedFor(CLOSE_IDLE)).toBe(1);
    world.checkEnd();
  }
});

test("HttpSession answers 408 to a head that is not complete in time, however it trickles", () => {
  const world = worldOf((_, response) => response.text("ok"), TIMES);
  const peer = world.connect().send(GET);
  world.clock.advance(50_000);
  const head = request("GET /", "", "X-Slow: loris").slice(0, -4);
  for (const character of head.slice(0, 9)) {
    peer.send(character);
    world.clock.advance(1000);
  }
  expect(peer.ended).toBe(false);
  peer.send(head[9]!);
  world.clock.advance(1000 + TICKS_MS);
  expect(peer.answers()[1]).toMatchObject({ status: 408, fields: { connection: "close" } });
  expect(peer.ended).toBe(true);
  peer.leave();
  expect(world.closedFor(CLOSE_HEAD_TIMEOUT)).toBe(1);
  world.checkEnd();
});

test("HttpSession without a head timeout closes a connection silent in a head", () => {
  const world = worldOf((_, response) => response.text("ok"), { ...TIMES, headTimeoutMs: 0 });
  const peer = world.connect().send("GET / HT");
  world.clock.advance(50_000);
  peer.send("TP/1.1\r\n");
  world.clock.advance(59_000);
  expect(peer.ended).toBe(false);
  world.clock.advance(1000 + TICKS_MS);
  expect(peer.ended).toBe(true);
  peer.leave();
  world.checkEnd();
});

test("HttpSession without an idle timeout leaves a silent connection alone", () => {
  const world = worldOf((_, response) => response.text("ok"), { ...TIMES, idleTimeoutMs: 0 });
  const peer = world.connect().send(GET);
  world.clock.advance(10_000_000);
  expect(peer.send(GET).answers()).toHaveLength(2);
  peer.leave();
  world.checkEnd();
});

test("HttpSession answers 408 to a body that stalls, early and late", async () => {
  for (const size of [10, 70_000]) {
    const codes: unknown[] = [];
    const world = worldOf(async (from, response) => {
      await from.bytes().catch((error: unknown) => codes.push(error));
      response.text("dropped");
    }, TIMES);
    const peer = world.connect().send(request("POST /", "x".repeat(size + 1)).slice(0, -1));
    world.clock.advance(4900);
    expect(peer.ended).toBe(false);
    world.clock.advance(100 + BODY_BUFFER_MS + 5000 + TICKS_MS);
    await world.settle();
    expect(peer.answer().status).toBe(408);
    expect(peer.ended).toBe(true);
    expect(codes).toHaveLength(1);
    peer.leave();
    expect(world.closedFor(CLOSE_BODY_TIMEOUT)).toBe(1);
    world.checkEnd();
  }
});

test("HttpSession hands over a body that pauses, whose peer may wait for an answer", async () => {
  for (const rest of ["5\r\nworld\r\n0\r\n\r\n", "0\r\n\r\n"]) {
    const world = worldOf((from, response) => response.stream(from.chunks()), TIMES);
    const text = `${request("POST /", "", "Transfer-Encoding: chunked")}5\r\nhello\r\n`;
    const peer = world.connect().send(text);
    await world.settle();
    expect(peer.text).toBe("");
    world.clock.advance(BODY_BUFFER_MS + TICKS_MS);
    await world.until(() => peer.text.includes("hello"));
    peer.send(rest).send(GET);
    const answers = await peer.answered(2);
    expect(answers[0]!.body).toBe(rest.includes("world") ? "helloworld" : "hello");
    peer.leave();
    world.checkEnd();
  }
});

test("HttpSession answers 400 to a body that turns out malformed after a pause", async () => {
  const world = worldOf(async (from, response) => response.send(await from.bytes()), TIMES);
  const peer = world.connect().send(request("POST /", "", "Transfer-Encoding: chunked"));
  world.clock.advance(BODY_BUFFER_MS + TICKS_MS);
  peer.send("x\r\n").send(GET);
  await world.settle();
  expect(peer.answers().map((answer) => answer.status)).toEqual([400]);
  expect(peer.ended).toBe(true);
  peer.leave();
  await world.settle();
  world.checkEnd();
});

test("HttpSession without a body timeout waits for a body for ever", async () => {
  for (const size of [10, 70_000, 300_000]) {
    const world = worldOf(echo, { ...TIMES, bodyTimeoutMs: 0 });
    const text = request("POST /", "x".repeat(size));
    const peer = world.connect().send(text.slice(0, 20));
    world.clock.advance(1000);
    peer.send(text.slice(20, -1));
    world.clock.advance(10_000_000);
    expect(peer.send(text.slice(-1)).ended).toBe(false);
    expect((await peer.answered(1))[0]!.status).toBe(200);
    peer.leave();
    world.checkEnd();
  }
});

test("HttpSession lets a body take its time while it keeps the minimum rate", async () => {
  const world = worldOf(echo, TIMES);
  const body = "x".repeat(20_000);
  const peer = world.connect().send(request("POST /", body).slice(0, -body.length));
  for (let at = 0; at < body.length; at += 500) {
    peer.send(body.slice(at, at + 500));
    world.clock.advance(2000);
  }
  await peer.answered(1);
  expect(peer.answer().status).toBe(200);
  peer.leave();
  world.checkEnd();
});

test("HttpSession gives up a slow unread body without a second answer", async () => {
  const world = worldOf((_, response) => response.text("early"), TIMES);
  const peer = world.connect().send(request("POST /", "x".repeat(100_000)).slice(0, 80_000));
  await peer.answered(1);
  world.clock.advance(10_000 + TICKS_MS);
  expect(peer.ended).toBe(true);
  expect(peer.answers()).toHaveLength(1);
  peer.leave();
  expect(world.closedFor(CLOSE_BODY_TIMEOUT)).toBe(1);
  world.checkEnd();
});

test("HttpSession does not count a handler's time against the peer", async () => {
  let release = (): void => {};
  const world = worldOf(async (from, response) => {
    await new Promise<void>((resolve) => (release = resolve));
    response.send(await from.bytes());
  }, TIMES);
  const texts = [GET, request("POST /", "x".repeat(100_000)), request("POST /", "abc")];
  for (const text of texts) {
    const peer = world.connect().send(text);
    await world.settle();
    world.clock.advance(500_000);
    expect(peer.ended).toBe(false);
    release();
    await peer.answered(1);
    peer.leave();
  }
  world.checkEnd();
});

test("HttpSession gives a client that waits for 100 its time from then on", async () => {
  let release = (): void => {};
  const world = worldOf(async (from, response) => {
    await new Promise<void>((resolve) => (release = resolve));
    response.send(await from.bytes());
  }, TIMES);
  const text = request("POST /", "hello", "Expect: 100-continue").slice(0, -5);
  const patient = world.connect().send(text);
  world.clock.advance(100_000);
  release();
  await world.settle();
  world.clock.advance(4000);
  patient.send("hello");
  expect((await patient.answered(2))[1]!.body).toBe("hello");
  patient.leave();
  const silent = world.connect().send(text);
  release();
  await world.settle();
  world.clock.advance(5000 + TICKS_MS);
  expect(silent.answers().map((answer) => answer.status)).toEqual([100, 408]);
  silent.leave();
  await world.settle();
  world.checkEnd();
});

test("HttpSession answers 408 to whatever trickles behind a body's data", async () => {
  const begun = `${request("POST /", "", "Transfer-Encoding: chunked")}5\r\nhello\r\n`;
  const trickles: readonly (readonly [string, string])[] = [
    ["trailers", `0\r\nX: ${"a".repeat(100)}`],
    ["a chunk's extensions", `1;${"a=b;".repeat(100)}`],
    ["a chunk's size", "0".repeat(100)],
    ["chunks of a byte", "1\r\nx\r\n".repeat(100)],
  ];
  for (const [name, trickle] of trickles) {
    const world = worldOf(echo, TIMES);
    const peer = world.connect().send(begun);
    for (const character of trickle) {
      peer.send(character);
      world.clock.advance(500);
      if (peer.ended) break;
    }
    await world.settle();
    expect([name, peer.answers().map(({ status }) => status)]).toEqual([name, [408]]);
    peer.leave();
    await world.settle();
    expect(world.closedFor(CLOSE_BODY_TIMEOUT)).toBe(1);
    world.checkEnd();
  }
});

test("HttpSession gives empty lines between requests the time of a head, not for ever", () => {
  const world = worldOf((_, response) => response.text("ok"), TIMES);
  const peer = world.connect().send(GET);
  for (let times = 0; times < 8 && !peer.ended; times++) {
    peer.send("\r\n");
    world.clock.advance(2000);
  }
  world.clock.advance(TICKS_MS);
  expect(peer.answers().map(({ status }) => status)).toEqual([200, 408]);
  peer.leave();
  expect(world.closedFor(CLOSE_HEAD_TIMEOUT)).toBe(1);
  world.checkEnd();
});

test("HttpSession takes a body that pauses in its trailers, if only for a while", async () => {
  const world = worldOf(echo, TIMES);
  const peer = world.connect();
  peer.send(`${request("POST /", "", "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\nX: `);
  world.clock.advance(6000);
  peer.send("y\r\n\r\n").send(GET);
  const answers = await peer.answered(2);
  expect(answers.map(({ body }) => body)).toEqual(["hello", ""]);
  peer.leave();
  world.checkEnd();
});
