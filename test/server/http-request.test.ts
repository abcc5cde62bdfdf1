import { expect, test } from "bun:test";
import type { HttpRequest } from "../../src/server/http-request.ts";
import { request, worldOf } from "./http-world.ts";

/** What `look` sees of a request, which may come as any bytes. */
function seen<Value>(text: string, look: (from: HttpRequest) => Value): Value {
  let value: { of: Value } | undefined;
  const world = worldOf((from, response) => {
    value = { of: look(from) };
    response.empty();
  });
  const peer = world.connect().send(text);
  if (value === undefined) throw new Error(`no handler was called: ${peer.text}`);
  peer.leave();
  return value.of;
}

test("HttpRequest tells target, path, query and authority of every target form", () => {
  const look = (from: HttpRequest): string[] => [
    from.target,
    from.path,
    from.queryString,
    from.authority,
  ];
  const of = (line: string): string[] => seen(request(line), look);
  expect(of("GET /")).toEqual(["/", "/", "", "a"]);
  expect(of("GET /a%20b?c=d&e?f")).toEqual(["/a%20b?c=d&e?f", "/a%20b", "c=d&e?f", "a"]);
  expect(of("GET /a?")).toEqual(["/a?", "/a", "", "a"]);
  expect(of("GET /a?b#c")).toEqual(["/a?b#c", "/a", "b", "a"]);
  expect(of("GET http://b:1/x?y")).toEqual(["http://b:1/x?y", "/x", "y", "b:1"]);
  expect(of("GET http://b?y")).toEqual(["http://b?y", "/", "y", "b"]);
  expect(of("GET http://b")).toEqual(["http://b", "/", "", "b"]);
  expect(seen("GET / HTTP/1.0\r\n\r\n", (from) => from.authority)).toBe("");
});

test("HttpRequest gives a query decoded", () => {
  const query = seen(request("GET /?a=1&a=2&b=%C3%A9+x"), (from) => from.query);
  expect([query.getAll("a"), query.get("b"), query.get("c")]).toEqual([["1", "2"], "é x", null]);
});

test("HttpRequest finds fields in any case, joins those of one name and keeps their order", () => {
  const fields = ["X-A: 1", "x-a:2", "Cookie: a=b", "COOKIE: c=d", "Empty:", "X-Obs: \xe9"];
  const text = request("GET /", "", ...fields);
  const of = (name: string): string | null => seen(text, (from) => from.header(name));
  expect(of("X-A")).toBe("1, 2");
  expect(of("x-a")).toBe("1, 2");
  expect(of("cookie")).toBe("a=b; c=d");
  expect(of("empty")).toBe("");
  expect(of("x-obs")).toBe("é");
  expect(of("x-b")).toBeNull();
  expect(of("")).toBeNull();
  expect(seen(text, (from) => from.headerEntries())).toEqual([
    ["Host", "a"],
    ["X-A", "1"],
    ["x-a", "2"],
    ["Cookie", "a=b"],
    ["COOKIE", "c=d"],
    ["Empty", ""],
    ["X-Obs", "é"],
  ]);
});

test("HttpRequest names methods beyond the common ones", () => {
  expect(seen(request("PROPFIND /"), (from) => from.method)).toBe("PROPFIND");
  expect(seen(request("M-SEARCH /"), (from) => from.method)).toBe("M-SEARCH");
});

test("HttpRequest tells where the peer is", () => {
  const look = (from: HttpRequest): unknown[] => [from.remoteAddress, from.remotePort];
  expect(seen(request("GET /"), look)).toEqual(["192.0.2.7", 50_007]);
});

test("HttpRequest gives the same signal each time", () => {
  expect(seen(request("GET /"), (from) => from.signal === from.signal)).toBe(true);
});

test("HttpRequest reads a body as bytes, text and JSON", async () => {
  const bodies: unknown[] = [];
  const world = worldOf(async (from, response) => {
    if (from.path === "/text") bodies.push(await from.text());
    else if (from.path === "/json") bodies.push(await from.json());
    else bodies.push(await from.bytes());
    response.empty();
  });
  const peer = world.connect();
  peer.send(request("POST /bytes", "abc") + request("POST /text", "\xc3\xa9\xff"));
  peer.send(request("POST /json", '{"a":[1]}') + request("GET /bytes"));
  await peer.answered(4);
  const abc = Uint8Array.from([97, 98, 99]);
  expect(bodies).toEqual([abc, "é\ufffd", { a: [1] }, new Uint8Array(0)]);
});
