// The platform's Request and Response over our own: what a handler sees, and what the peer gets.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { COUNT_HANDLER_ERRORS } from "../../src/core/counters.ts";
import { installServerRequest } from "../../src/server/server-request.ts";
import { installServerResponse } from "../../src/server/server-response.ts";
import type { FetchHandler } from "../../src/server/service.ts";
import { GET, HttpWorld, request } from "./http-world.ts";

const platform = { Response, Request, fetch };

beforeAll(() => {
  installServerRequest();
  installServerResponse();
});

afterAll(() => void Object.assign(globalThis, platform));

function fetchWorld(handler: FetchHandler): HttpWorld {
  return new HttpWorld({ fetch: handler });
}

/** What the peer gets for a handler, as one text without dates, after everything has settled. */
async function outcomeOf(handler: FetchHandler, text: string = GET): Promise<string> {
  const world = fetchWorld(handler);
  const peer = world.connect().send(text);
  await world.until(() => peer.ended || peer.answers().some((answer) => answer.complete));
  await world.settle();
  const outcome = peer.text;
  peer.leave();
  await world.settle();
  world.checkEnd();
  return outcome;
}

function stream(...pieces: unknown[]): ReadableStream {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece as Uint8Array);
      controller.close();
    },
  });
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test("fetch gets method, URL, fields and peer of every target form", async () => {
  const seen: unknown[] = [];
  const world = fetchWorld((from, server) => {
    seen.push([from.method, from.url, from.headers.get("x-a"), server.remoteAddress]);
    return new Response();
  });
  const peer = world.connect();
  peer.send(request("GET /a?b=c%20d", "", "X-A: 1", "x-a: 2"));
  peer.send("GET http://other:81/x?y HTTP/1.1\r\nHost: other:81\r\n\r\n");
  peer.send("GET http://other?y HTTP/1.1\r\nHost: other\r\n\r\n");
  peer.send(request("DELETE //double//slash"));
  peer.send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  await peer.answered(5);
  expect(seen).toEqual([
    ["GET", "http://a/a?b=c%20d", "1, 2", "192.0.2.7"],
    ["GET", "http://other:81/x?y", null, "192.0.2.7"],
    ["GET", "http://other/?y", null, "192.0.2.7"],
    ["DELETE", "http://a//double//slash", null, "192.0.2.7"],
    ["GET", "http://localhost/old", null, "192.0.2.7"],
  ]);
});

test("fetch refuses a host that no URL can have with 400", async () => {
  for (const host of ["256.256.256.256", "1.2.3.4.5.6", "a%00b", "xn--a", "[::1]:1"]) {
    const world = fetchWorld((from) => new Response(from.url));
    const peer = world.connect().send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect([host, [200, 400].includes(peer.answer().status)]).toEqual([host, true]);
    expect(world.log).toEqual([]);
  }
});

test("fetch gets bodies as text, bytes, stream, form and clone, small and large", async () => {
  const read: Record<string, (from: Request) => Promise<string>> = {
    text: (from) => from.text(),
    bytes: async (from) => Buffer.from(await from.bytes()).toString(),
    buffer: async (from) => Buffer.from(await from.arrayBuffer()).toString(),
    stream: async (from) => {
      const decoder = new TextDecoder();
      let text = "";
      for await (const piece of from.body!) text += decoder.decode(piece);
      return text;
    },
    clone: async (from) => {
      const copy = from.clone();
      const [one, two] = await Promise.all([from.text(), copy.text()]);
      expect(copy.headers.get("host")).toBe("a");
      return one === two ? one : "different";
    },
    copy: (from) => new Request(from).text(),
  };
  for (const [name, reader] of Object.entries(read)) {
    for (const size of [5, 300_000]) {
      const body = "0123456789".repeat(size / 10 + 1).slice(0, size);
      const world = fetchWorld(async (from) => new Response(await reader(from)));
      const peer = world.connect();
      const text = request("POST /", body);
      for (let at = 0; at < text.length; at += 30_000) {
        peer.send(text.slice(at, at + 30_000));
        await Promise.resolve();
      }
      await world.until(() => {
        peer.socket.settle();
        return peer.answers().some((answer) => answer.complete);
      }, name);
      expect([name, size, peer.answer().body === body]).toEqual([name, size, true]);
      peer.leave();
      await world.settle();
      world.checkEnd();
    }
  }
});

test("fetch has a body only where the request has one", async () => {
  const bodies: boolean[] = [];
  const world = fetchWorld((from) => {
    bodies.push(from.body === null);
    return new Response("ok");
  });
  const peer = world
    .connect()
    .send(GET + request("POST /") + request("HEAD /") + request("GET /", "x"));
  peer.send(request("POST /", "x".repeat(100_000)) + GET);
  await peer.answered(6, "GET", "POST", "HEAD");
  expect(bodies).toEqual([true, true, true, true, false, true]);
  peer.leave();
  world.checkEnd();
});

test("fetch keeps fields readable after the answer, when the exchange serves others", async () => {
  const kept: Request[] = [];
  const world = fetchWorld((from) => {
    kept.push(from);
    return new Response("ok");
  });
  const peer = world.connect();
  for (let count = 0; count < 3; count++) peer.send(request("GET /", "", `X-Count: ${count}`));
  await peer.answered(3);
  expect(kept.map((from) => from.headers.get("x-count"))).toEqual(["0", "1", "2"]);
  expect(kept[0]!.signal.aborted).toBe(false);
});

test("fetch never lets a body that was kept see that of another request", async () => {
  const kept: Request[] = [];
  const world = fetchWorld((from) => {
    kept.push(from);
    return new Response("early");
  });
  const first = world.connect().send(request("POST /", "x".repeat(100_000)).slice(0, 90_000));
  await first.answered(1);
  first.leave();
  await world.settle();
  const second = world.connect().send(request("POST /", "secret".repeat(20_000)).slice(0, 90_000));
  await second.answered(1);
  const text = await kept[0]!.text().catch((error: unknown) => String(error));
  expect(text).not.toContain("secret");
  second.leave();
  world.checkEnd();
});

test("fetch's signal fires when the peer leaves, and not after the answer", async () => {
  const signals: AbortSignal[] = [];
  const world = fetchWorld(async (from) => {
    signals.push(from.signal);
    if (from.url.endsWith("/wait")) await new Promise(() => {});
    return new Response("ok");
  });
  const waiting = world.connect().send(request("GET /wait"));
  const done = world.connect().send(GET);
  await done.answered(1);
  waiting.socket.peerReset();
  done.socket.peerReset();
  expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
  world.checkEnd();
});

test("fetch sends status, several Set-Cookie and fields of the application's own", async () => {
  const outcome = await outcomeOf(() => {
    const headers = new Headers({ "X-One": "1", Connection: "keep-alive", Date: "never" });
    headers.append("Set-Cookie", "a=1; Path=/");
    headers.append("Set-Cookie", "b=2");
    headers.append("Transfer-Encoding", "chunked");
    return new Response("made", { status: 201, headers });
  });
  expect(outcome.startsWith("HTTP/1.1 201 Created\r\n")).toBe(true);
  expect(outcome.toLowerCase()).toContain("set-cookie: a=1; path=/\r\nset-cookie: b=2\r\n");
  expect(outcome).not.toMatch(/transfer-encoding|never|keep-alive/i);
  expect(outcome.endsWith("\r\n\r\nmade")).toBe(true);
});

test("fetch sends every kind of body with the framing and type that follow from it", async () => {
  const file = `${import.meta.dir}/http-world.ts`;
  const fileText = await Bun.file(file).text();
  const form = new FormData();
  form.append("name", "value");
  const kinds: [string, () => Response, string | RegExp, RegExp][] = [
    ["string", () => new Response("text"), "text", /Content-Type: text\/plain/],
    ["empty string", () => new Response(""), "", /Content-Length: 0/],
    ["nothing", () => new Response(), "", /Content-Length: 0/],
    ["null", () => new Response(null), "", /Content-Length: 0/],
    ["bytes", () => new Response(bytesOf("bytes")), "bytes", /Content-Length: 5/],
    ["buffer", () => new Response(bytesOf("b").buffer as ArrayBuffer), "b", /Content-Length: 1/],
    ["blob", () => new Response(new Blob(["blob"], { type: "a/b" })), "blob", /Content-Type: a\/b/],
    ["json", () => Response.json({ a: 1 }), '{"a":1}', /Content-Type: application\/json/],
    ["params", () => new Response(new URLSearchParams("a=b")), "a=b", /urlencoded/],
    [
      "form",
      () => new Response(form),
      /name="name"\r\n\r\nvalue/,
      /multipart\/form-data; ?boundary/,
    ],
    ["stream", () => new Response(stream(bytesOf("ab"), bytesOf("c"))), "abc", /chunked/],
    ["strings", () => new Response(stream("ab", "c")), "abc", /chunked/],
    ["iterable", () => new Response(pieces() as never), "abc", /chunked/],
    ["function", () => new Response(pieces as never), "abc", /chunked/],
    [
      "file",
      () => new Response(Bun.file(file)),
      fileText,
      /Content-Type: text\/(javascript|x-ts)|ts/,
    ],
    ["part", () => new Response(Bun.file(file).slice(3, 10)), fileText.slice(3, 10), /Length: 7/],
    [
      "clone",
      () => new Response("text").clone() as unknown as Response,
      "text",
      /Content-Length: 4/,
    ],
    [
      "stream's clone",
      () => new Response(stream("ab", "c")).clone() as unknown as Response,
      "abc",
      /chunked/,
    ],
    ["redirect", () => Response.redirect("http://b/c", 307), "", /location: http:\/\/b\/c/i],
    [
      "stream with length",
      () => new Response(stream("abc"), { headers: { "Content-Length": "3" } }),
      "abc",
      /Content-Length: 3/,
    ],
    ["subclass", () => new (class extends Response {})("sub"), "sub", /Content-Length: 3/],
  ];
  for (const [name, make, body, field] of kinds) {
    const world = fetchWorld(() => make());
    const peer = world.connect().send(GET + GET);
    const answers = await peer.answered(2);
    const got = Buffer.from(answers[0]!.body, "latin1").toString();
    if (typeof body === "string") expect([name, got]).toEqual([name, body]);
    else expect(got).toMatch(body);
    expect([name, field.test(peer.text)]).toEqual([name, true]);
    peer.leave();
    await world.settle();
    world.checkEnd();
  }
});

async function* pieces(): AsyncGenerator<string> {
  yield "ab";
  await Promise.resolve();
  yield "c";
}

test("fetch answers HEAD with the fields of GET and no content, whatever the body is", async () => {
  const makes: [() => Response, RegExp][] = [
    [() => new Response("text"), /Content-Length: 4\r\n/],
    [() => new Response(null, { headers: { "Content-Length": "77" } }), /Content-Length: 77\r\n/],
    [() => new Response(null), /^(?!.*Content-Length)/s],
    [() => new Response(stream("abc")), /Transfer-Encoding: chunked\r\n/],
    [() => Response.json([]), /Content-Length: 2\r\n/],
    [() => new Response(Bun.file(import.meta.path)), /Content-Length: \d{4,}\r\n/],
  ];
  for (const [make, field] of makes) {
    const world = fetchWorld(() => make());
    const peer = world.connect().send(request("HEAD /") + request("HEAD /"));
    await peer.answered(2, "HEAD", "HEAD");
    expect(peer.text).toMatch(field);
    expect(peer.text.endsWith("\r\n\r\n")).toBe(true);
    peer.leave();
    await world.settle();
    world.checkEnd();
  }
});

test("fetch sends no content with 204 and 304", async () => {
  for (const status of [204, 304]) {
    const outcome = await outcomeOf(() => new Response(null, { status, headers: { ETag: '"a"' } }));
    expect(outcome).toMatch(/etag: "a"/i);
    expect(outcome).not.toMatch(/content-length|transfer-encoding/i);
  }
});

test("fetch sends an event at once, and cancels the stream of a peer that left", async () => {
  let controller: ReadableStreamDefaultController | undefined;
  let cancelled = 0;
  const world = fetchWorld(() => {
    const events = new ReadableStream({
      start: (given) => void (controller = given),
      cancel: () => void cancelled++,
    });
    return new Response(events, { headers: { "Content-Type": "text/event-stream" } });
  });
  const peer = world.connect().send(GET);
  await world.settle();
  expect(peer.answer().fields["content-type"]).toBe("text/event-stream");
  for (let count = 0; count < 3; count++) {
    controller!.enqueue(`data: ${count}\n\n`);
    await world.settle();
    expect(peer.answer().body.endsWith(`data: ${count}\n\n`)).toBe(true);
  }
  peer.socket.peerReset();
  await world.settle();
  expect(cancelled).toBe(1);
  world.checkEnd();
});

test("fetch turns what is wrong into a 500 that says nothing, and goes on", async () => {
  const used = (): Response => {
    const response = new Response(stream("x"));
    void response.text();
    return response;
  };
  const locked = (): Response => {
    const response = new Response(stream("x"));
    response.body!.getReader();
    return response;
  };
  const wrong: Record<string, () => unknown> = {
    throws: () => {
      throw new Error("secret");
    },
    rejects: () => Promise.reject(new Error("secret")),
    nothing: () => undefined,
    "nothing later": async () => {},
    "a string": () => "secret",
    used,
    locked,
    error: () => Response.error(),
    "missing file": () => new Response(Bun.file("/nonexistent/secret")),
    "huge type": () => new Response("x", { headers: { "Content-Type": "x".repeat(70_000) } }),
    "huge fields": () => new Response("x", { headers: { "X-Huge": "x".repeat(70_000) } }),
  };
  for (const [name, make] of Object.entries(wrong)) {
    const world = fetchWorld((from) =>
      from.url.endsWith("/ok") ? new Response("ok") : (make() as Response),
    );
    const peer = world.connect().send(GET + request("GET /ok"));
    const answers = await peer.answered(2);
    expect([name, answers[0]!.status, answers[1]!.body]).toEqual([name, 500, "ok"]);
    expect(answers[0]!.body).toBe("500 Internal Server Error\n");
    expect([name, world.count(COUNT_HANDLER_ERRORS)]).toEqual([name, 1]);
    peer.leave();
    world.checkEnd();
  }
});

test("fetch passes on what it fetched itself, decoded, with a framing of its own", async () => {
  const text = "compressed ".repeat(5000);
  const upstream = Bun.serve({
    port: 0,
    fetch: () =>
      new platform.Response(Bun.gzipSync(Buffer.from(text)), {
        headers: { "Content-Encoding": "gzip", "X-Upstream": "yes" },
      }),
  });
  const world = fetchWorld((from) => {
    return from.url.endsWith("/raw")
      ? fetch(upstream.url, { decompress: false })
      : fetch(upstream.url);
  });
  try {
    for (const path of ["/", "/raw"]) {
      const peer = world.connect().send(request(`GET ${path}`));
      await world.until(() => peer.ended || peer.answers().some((answer) => answer.complete));
      const { status, fields, body } = peer.answer();
      expect([status, fields["x-upstream"]]).toEqual([200, "yes"]);
      expect(fields["content-encoding"]).toBe(path === "/raw" ? "gzip" : undefined);
      const bytes = Buffer.from(body, "latin1");
      const decoded = path === "/raw" ? Bun.gunzipSync(bytes) : bytes;
      expect(Buffer.from(decoded).toString() === text).toBe(true);
    }
  } finally {
    await upstream.stop(true);
  }
});

test("Response stays what it is for everybody else", () => {
  expect(new Response("x") instanceof Response).toBe(true);
  expect(Response.json({}) instanceof Response).toBe(true);
  class Own extends Response {
    readonly mine = true;
  }
  expect(new Own("x") instanceof Own).toBe(true);
  expect(new Own("x") instanceof Response).toBe(true);
  expect(new Response("x") instanceof Own).toBe(false);
  expect(Response.name).toBe("Response");
  expect(new platform.Response("x") instanceof Response).toBe(true);
});

test("fetch gets the host that was checked, however the target hides another in it", async () => {
  const seen: string[] = [];
  const world = fetchWorld((from) => {
    seen.push(from.url);
    return new Response();
  });
  const targets = ["http://a\\@b/p?q", "http://u:p@b/p", "HTTPS://b#f", "http://a\\\\x@b:81?q=1"];
  const peer = world.connect();
  for (const target of targets) peer.send(`GET ${target} HTTP/1.1\r\nHost: c\r\n\r\n`);
  await peer.answered(targets.length);
  expect(seen).toEqual(["http://b/p?q", "http://b/p", "https://b/", "http://b:81/?q=1"]);
  peer.leave();
  world.checkEnd();
});

test("a Response that leaves much of the request body unread says that it closes", async () => {
  for (const answer of ["early", "", bytesOf("early")]) {
    const world = fetchWorld(() => new Response(answer));
    const peer = world.connect().send(request("POST /", "x".repeat(900_000)).slice(0, 200_000));
    await peer.answered(1);
    expect(peer.answers()[0]!.fields["connection"]).toBe("close");
    expect(peer.ended).toBe(true);
    peer.leave();
    await world.settle();
    world.checkEnd();
  }
});

test("fetch sends on no field that is for one connection only", async () => {
  const hops = { "Keep-Alive": "timeout=5", "Proxy-Connection": "close", TE: "gzip", Trailer: "X" };
  const headers = { ...hops, Upgrade: "h2c", Connection: "Upgrade", "X-Kept": "1" };
  const answered = await outcomeOf(() => new Response("ok", { headers }));
  expect(answered).toContain("x-kept: 1\r\n");
  expect(answered).not.toMatch(
    /\r\n(?:keep-alive|proxy-connection|te|trailer|upgrade|connection):/i,
  );
  const required = await outcomeOf(() => new Response("no", { status: 426, headers }));
  expect(required).toContain("Upgrade: h2c\r\nConnection: Upgrade\r\n");
  expect(required).not.toMatch(/\r\n(?:keep-alive|proxy-connection|te|trailer):/i);
});
