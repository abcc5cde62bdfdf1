import { expect, test } from "bun:test";
import { GET, HttpWorld, request, worldOf } from "./http-world.ts";

const ROUTES: HttpWorld = new HttpWorld({
  routes: {
    "GET /get": (_, response) => response.text("got"),
    "POST /post": (_, response) => response.text("posted"),
    "/any": (from, response) => response.text(from.method),
    "GET /p/:one/:two": (from, response) => response.json(from.params),
    "GET /rest/*": (from, response) => response.json(from.params),
  },
});

function answerOf(line: string): { status: number; body: string; allow: string | undefined } {
  const peer = ROUTES.connect().send(request(line));
  const { status, body, fields } = peer.answer(line.split(" ")[0]!);
  peer.leave();
  return { status, body, allow: fields["allow"] };
}

function parsed(body: string): unknown {
  return JSON.parse(Buffer.from(body, "latin1").toString());
}

test("HttpApplication answers what no route has with 404, 405 or 501", () => {
  expect(answerOf("GET /none").status).toBe(404);
  expect(answerOf("POST /none").status).toBe(404);
  expect(answerOf("POST /get")).toMatchObject({ status: 405, allow: "GET, HEAD, OPTIONS" });
  expect(answerOf("GET /post")).toMatchObject({ status: 405, allow: "OPTIONS, POST" });
  expect(answerOf("OPTIONS /post")).toMatchObject({ status: 204, allow: "OPTIONS, POST" });
  expect(answerOf("BREW /any").status).toBe(501);
  expect(answerOf("PROPFIND /any")).toMatchObject({ status: 200, body: "PROPFIND" });
  expect(answerOf("TRACE /none").status).toBe(405);
  expect(answerOf("get /get").status).toBe(501);
});

test("HttpApplication answers OPTIONS * for the server as a whole", () => {
  const peer = ROUTES.connect().send(request("OPTIONS *"));
  expect(peer.answer().status).toBe(204);
  expect(peer.answer().fields["allow"]).toContain("GET, HEAD");
});

test("HttpApplication decodes parameters, and leaves what cannot be decoded as it was sent", () => {
  const cases: Record<string, Record<string, string>> = {
    "/p/a/b": { one: "a", two: "b" },
    "/p/%C3%A9/a%2Fb": { one: "é", two: "a/b" },
    "/p/%ff/%zz": { one: "%ff", two: "%zz" },
    "/p/a/b?one=query": { one: "a", two: "b" },
    "/rest/": { "*": "" },
    "/rest/a/../%2e%2e/b": { "*": "a/../../b" },
  };
  for (const [target, params] of Object.entries(cases)) {
    expect([target, parsed(answerOf(`GET ${target}`).body)]).toEqual([target, params]);
  }
});

test("HttpApplication gives a parameter called __proto__ as a parameter", () => {
  const world = new HttpWorld({
    routes: { "GET /:__proto__": (from, response) => response.text(from.params["__proto__"]!) },
  });
  expect(world.connect().send(request("GET /mine")).answer().body).toBe("mine");
});

test("HttpApplication asks routes, then files, then fetch", async () => {
  const world = new HttpWorld({
    routes: { "GET /router.ts": (_, response) => response.text("route") },
    static: `${import.meta.dir}/../../src/server`,
    fetch: (from) => new Response(`fetch ${new URL(from.url).pathname}`),
  });
  const of = async (target: string): Promise<string> => {
    const peer = world.connect().send(request(`GET ${target}`));
    const [answer] = await peer.answered(1);
    return answer!.body;
  };
  expect(await of("/router.ts")).toBe("route");
  expect(await of("/field-check.ts")).toContain("checkFieldName");
  expect(await of("/nothing.ts")).toBe("fetch /nothing.ts");
});

test("HttpApplication refuses a route without a handler", () => {
  const routes = { "GET /": "text" as never };
  expect(() => new HttpWorld({ routes })).toThrow('Cannot add route "GET /"');
});

test("HttpApplication logs a failure in lines that no message can forge", async () => {
  const world = worldOf(() => {
    throw new Error("one\n2026-01-01T00:00:00.000Z error forged");
  });
  world.connect().send(request("GET /"));
  expect(world.log.some((line) => line.startsWith("2026-01-01"))).toBe(false);
  expect(world.failures).toHaveLength(1);
});

test("HttpApplication reads nothing behind CONNECT, which is meant for a tunnel", () => {
  const world = worldOf((_, response) => response.text("reached"));
  const peer = world.connect().send(`CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n${GET}`);
  expect(peer.answers().map((answer) => answer.status)).toEqual([501]);
  expect(peer.answer().fields["connection"]).toBe("close");
  expect(peer.ended).toBe(true);
  peer.leave();
  world.checkEnd();
});
