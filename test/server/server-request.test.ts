import { afterAll, beforeAll, expect, test } from "bun:test";
import { installServerRequest, ServerRequest } from "../../src/server/server-request.ts";
import { HttpWorld, request } from "./http-world.ts";

const platform = { Request, fetch };

beforeAll(() => installServerRequest());
afterAll(() => void Object.assign(globalThis, platform));

/** What `look` makes of a request, while it is served. */
async function seen<Value>(look: (from: Request) => Value | Promise<Value>): Promise<Value> {
  let value: { of: Value } | undefined;
  const world = new HttpWorld({
    fetch: async (from) => {
      value = { of: await look(from) };
      return new Response();
    },
  });
  const peer = world
    .connect()
    .send(request("POST /", "body", "X-A: 1", "Cookie: a=b", "COOKIE: c"));
  await peer.answered(1);
  return value!.of;
}

test("ServerRequest is a Request with all its fields", async () => {
  const kinds = await seen((from) => [from instanceof Request, from instanceof ServerRequest]);
  expect(kinds).toEqual([true, true]);
  const fields = await seen((from) => Object.fromEntries(from.headers.entries()));
  expect(fields).toMatchObject({ host: "a", "x-a": "1", cookie: "a=b; c", "content-length": "4" });
});

test("ServerRequest has no property of its own: not to see, to spread or to run into", async () => {
  const look = (from: Request): unknown => {
    const mine = Object.assign(from, { head: null, source: 1, serial: 2, trailers: 3, route: "/" });
    return [from.headers.get("x-a"), Reflect.ownKeys(mine).length, { ...from }];
  };
  expect(
    await seen((from) => [Reflect.ownKeys(from).length, Object.keys({ ...from }).length]),
  ).toEqual([0, 0]);
  const assigned = { head: null, source: 1, serial: 2, trailers: 3, route: "/" };
  expect(await seen(look)).toEqual(["1", 5, assigned]);
});

test("ServerRequest passes its fields on to copies of every kind", async () => {
  expect(await seen((from) => from.clone().headers.get("x-a"))).toBe("1");
  expect(await seen((from) => new Request(from).headers.get("x-a"))).toBe("1");
  const other = await seen((from) => new Request("http://b/", from).headers.get("x-a"));
  expect([null, "1"]).toContain(other);
  const changed = await seen((from) => new Request(from, { headers: { "X-B": "2" } }));
  expect([changed.headers.get("x-a"), changed.headers.get("x-b")]).toEqual([null, "2"]);
});

test("ServerRequest reads its body once, like any other", async () => {
  const outcome = await seen(async (from) => {
    const text = await from.text();
    const again = await from.text().catch(() => "refused");
    return [text, again, from.bodyUsed];
  });
  expect(outcome).toEqual(["body", "refused", true]);
});

test("installServerRequest leaves Request what it is for everybody else", async () => {
  const own = new Request("http://a/", { method: "POST", body: "x", headers: { "X-A": "1" } });
  expect(own instanceof Request).toBe(true);
  expect(own instanceof platform.Request).toBe(true);
  expect([own.method, own.headers.get("x-a"), await own.text()]).toEqual(["POST", "1", "x"]);
});

test("ServerRequest gives forms and blobs, small and streamed", async () => {
  for (const size of [4, 100_000]) {
    const part = 'Content-Disposition: form-data; name="file"; filename="a.txt"';
    const body = `--x\r\n${part}\r\n\r\n${"y".repeat(size)}\r\n--x--\r\n`;
    const outcomes: unknown[] = [];
    const world = new HttpWorld({
      fetch: async (from) => {
        if (from.url.endsWith("/blob")) outcomes.push((await from.blob()).type);
        else {
          const file = (await from.formData()).get("file");
          outcomes.push(file instanceof File ? [file.name, file.size] : file);
        }
        return new Response();
      },
    });
    const peer = world.connect();
    peer.send(request("POST /", body, "Content-Type: multipart/form-data; boundary=x"));
    await peer.answered(1);
    peer.send(request("POST /", "file=a+b", "Content-Type: application/x-www-form-urlencoded"));
    await peer.answered(2);
    peer.send(request("POST /blob", body, "Content-Type: image/png"));
    await peer.answered(3);
    expect(outcomes).toEqual([["a.txt", size], "a b", "image/png"]);
  }
});
