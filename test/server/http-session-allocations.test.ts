// How many cells of the JavaScript heap a request takes, counted: objects, views, strings,
// closures, promises. The heap's own statistics count every cell since the last collection, dead
// ones too, so the difference over many requests is exact as long as none was collected in between;
// witnesses tell if one was, and then it is counted again. What the runtime makes for an event (one
// Buffer for its chunk) is not the server's, and not counted here: the same chunk is delivered
// again and again.

import { describe, expect, test } from "bun:test";
import { heapStats } from "bun:jsc";
import type { SocketHandler } from "bun";
import type { Connection } from "../../src/net/connection.ts";
import type { RouteHandler } from "../../src/server/service.ts";
import { FakeSocket } from "../support/fake-socket.ts";
import { HttpWorld, request } from "./http-world.ts";

const WARM_UP_REQUESTS = 20_000; // through all tiers of the JIT: they remove allocations
const COUNTED_REQUESTS = 2_000;
const WITNESSES = 100;
const TRIES_MAX = 20;
const CELLS_MIN = 0.05;

/** Takes everything and keeps nothing. */
class QuietSocket extends FakeSocket<Connection> {
  override write(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): number {
    return length;
  }
}

/** Cells by type. */
type Cells = Readonly<Record<string, number>>;

let witness: unknown = null;

/** Delivers `text`, which holds so many requests, again and again on one connection. */
function countCells(world: HttpWorld, text: string, requests = 1): Cells {
  const handlers = world.reactor.handlers(world.application);
  const socket = new QuietSocket(handlers as unknown as SocketHandler<Connection>);
  socket.open();
  const chunk = Buffer.from(text, "latin1");
  const deliver = (count: number): void => {
    for (let done = 0; done < count; done += requests) handlers.data(socket as never, chunk);
  };
  deliver(WARM_UP_REQUESTS);
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    Bun.gc(true);
    const first = heapStats().objectTypeCounts;
    const before = heapStats().objectTypeCounts; // the look at the heap makes cells as well
    for (let count = 0; count < WITNESSES; count++) witness = new Date(count);
    const answered = world.responses;
    deliver(COUNTED_REQUESTS);
    const after = heapStats().objectTypeCounts;
    expect(world.responses - answered).toBe(COUNTED_REQUESTS);
    if ((after["Date"] ?? 0) - (before["Date"] ?? 0) !== WITNESSES) continue;
    return perRequest(first, before, after);
  }
  throw new Error(`the heap was collected in each of ${TRIES_MAX} tries`);
}

/** Types that only now and then take one are left out. */
function perRequest(first: Cells, before: Cells, after: Cells): Cells {
  const cells: Record<string, number> = {};
  for (const [type, count] of Object.entries(after)) {
    const ofTheLook = (before[type] ?? 0) - (first[type] ?? 0);
    const each = (count - (before[type] ?? 0) - ofTheLook) / COUNTED_REQUESTS;
    if (type !== "Date" && each >= CELLS_MIN) cells[type] = Number(each.toFixed(2));
  }
  return cells;
}

function sumOf(cells: Cells): number {
  return Object.values(cells).reduce((sum, count) => sum + count, 0);
}

const hello: RouteHandler = (_request, response) => response.text("Hello, World!");

const GET = request("GET /hello");
const FROM_BROWSER = request(
  "GET /hello",
  "",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
  "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Cookie: session=0123456789abcdef; theme=dark; consent=1-0-1",
  "Referer: http://127.0.0.1:8080/some/page/that/links/here",
  "Upgrade-Insecure-Requests: 1",
  "Cache-Control: max-age=0",
);

// Counted on Bun 1.4.5: none at all on a plain route, whatever the request brings with it, or one
// JSLexicalEnvironment before the last tier of the JIT has had its turn. A handler pays for what it
// asks for: a field of the answer 5 strings, another text 1, JSON 2, a field of the request 2, a
// parameter or a wildcard 4. The bounds are above that, since the JIT decides some of it.
describe("cells of the heap for each request of the fast form:", () => {
  const plain: [name: string, text: string, requests: number][] = [
    ["GET /hello on a kept connection", GET, 1],
    ["with a browser's headers", FROM_BROWSER, 1],
    ["16 pipelined", GET.repeat(16), 16],
    ["POST with a body that comes with it", request("POST /hello", "x".repeat(1000)), 1],
    ["HEAD", request("HEAD /hello"), 1],
  ];
  test.each(plain)("%s: at most 2", (_name, text, requests) => {
    const cells = countCells(new HttpWorld({ routes: { "/hello": hello } }), text, requests);
    expect([cells, sumOf(cells) <= 2]).toEqual([cells, true]);
  });

  const more: [name: string, cellsMax: number, route: string, handler: RouteHandler][] = [
    [
      "a field of the answer",
      8,
      "GET /hello",
      (_, response) => response.header("X-A", "b").text("c"),
    ],
    ["an answer that changes", 5, "GET /hello", (_, response) => response.text(String(counted++))],
    ["JSON", 5, "GET /hello", (_, response) => response.json({ hello: "world" })],
    [
      "a field of the request",
      5,
      "GET /hello",
      (it, response) => response.text(it.header("host")!),
    ],
    ["a parameter", 8, "GET /:name", (it, response) => response.text(it.params["name"]!)],
    ["a wildcard", 8, "GET /*", hello],
  ];
  test.each(more)("%s: at most %i", (_name, cellsMax, route, handler) => {
    const cells = countCells(new HttpWorld({ routes: { [route]: handler } }), GET);
    expect([cells, sumOf(cells) <= cellsMax]).toEqual([cells, true]);
  });
});

// Not the fast path: 14, among them a Request, a Response, Headers and a Promise.
test("cells of the heap for each request of the fetch form: at most 22", () => {
  const cells = countCells(new HttpWorld({ fetch: () => new Response("Hello, World!") }), GET);
  expect([cells, sumOf(cells) <= 22]).toEqual([cells, true]);
});

test("an allocation is seen, and told by its type", () => {
  const kept: unknown[] = [];
  const leaky: RouteHandler = (_request, response) => {
    kept[0] = new Error("one a request");
    response.text("Hello, World!");
  };
  expect(countCells(new HttpWorld({ routes: { "/hello": leaky } }), GET)["Error"]).toBe(1);
  expect(witness).toBeInstanceOf(Date);
});

let counted = 0;
