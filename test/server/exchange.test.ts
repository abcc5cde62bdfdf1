import { expect, test } from "bun:test";
import { GET, request, worldOf } from "./http-world.ts";

test("ExchangePool gets an exchange back once, however its handler ended", () => {
  const handlers = {
    answers: (_: unknown, response: { text(body: string): void }) => response.text("ok"),
    throws: () => {
      throw new Error("felled");
    },
    isSilent: () => {},
  };
  for (const handler of Object.values(handlers)) {
    const world = worldOf(handler);
    const peer = world.connect();
    for (let count = 0; count < 5; count++) peer.send(GET);
    expect(peer.answers()).toHaveLength(5);
    expect(world.application.exchanges.freeCount).toBeLessThanOrEqual(1);
    peer.leave();
    world.checkEnd();
  }
});

test("ExchangePool refuses an exchange that is in it already", () => {
  const { exchanges } = worldOf(() => {}).application;
  const exchange = exchanges.take();
  exchanges.give(exchange);
  expect(() => exchanges.give(exchange)).toThrow("came back twice");
});

test("ExchangePool never reuses an exchange that may still be answered", () => {
  let late: (() => void) | undefined;
  const world = worldOf((from, response) => {
    if (from.path === "/late") late = () => response.text("for somebody else");
    else response.text("mine");
  });
  const first = world.connect().send(request("GET /late"));
  expect(first.answer().status).toBe(500);
  const second = world.connect().send(GET);
  late!();
  expect(second.answer().body).toBe("mine");
  expect(first.answers()).toHaveLength(1);
  first.leave();
  second.leave();
  world.checkEnd();
});

test("ExchangePool keeps an exchange out while its handler runs on after the answer", async () => {
  let release = (): void => {};
  const seen: string[] = [];
  const world = worldOf(async (from, response) => {
    response.text("early");
    if (from.path !== "/slow") return;
    await new Promise<void>((resolve) => (release = resolve));
    seen.push(from.path, from.header("x-mine") ?? "");
  });
  const slow = world.connect().send(request("GET /slow", "", "X-Mine: yes"));
  for (let count = 0; count < 4; count++) slow.send(request("GET /fast"));
  await slow.answered(5);
  release();
  await world.settle();
  expect(seen).toEqual(["/slow", "yes"]);
  slow.leave();
  world.checkEnd();
});
