// The fast form of an answer: what each method sends, what it refuses, and that it refuses in time.

import { expect, test } from "bun:test";
import type { HttpResponse } from "../../src/server/http-response.ts";
import { type Answer, GET, request, worldOf } from "./http-world.ts";

function answerOf(fill: (response: HttpResponse) => unknown, line = "GET /"): Answer {
  const world = worldOf((_, response) => fill(response));
  const peer = world.connect().send(request(line));
  const answer = peer.answer(line.split(" ")[0]!);
  peer.leave();
  world.checkEnd();
  return answer;
}

test("HttpResponse sends text, HTML, JSON, bytes, nothing and redirects", () => {
  expect(answerOf((to) => to.text("é"))).toMatchObject({
    status: 200,
    fields: { "content-type": "text/plain; charset=utf-8", "content-length": "2" },
    body: Buffer.from("é").toString("latin1"),
  });
  expect(answerOf((to) => to.html("<p>")).fields["content-type"]).toBe("text/html; charset=utf-8");
  expect(answerOf((to) => to.json({ a: [1, null] }))).toMatchObject({
    fields: { "content-type": "application/json" },
    body: '{"a":[1,null]}',
  });
  expect(answerOf((to) => to.send(Uint8Array.of(65, 66)))).toMatchObject({
    fields: { "content-type": "application/octet-stream", "content-length": "2" },
    body: "AB",
  });
  expect(answerOf((to) => to.send(Uint16Array.of(0x4241))).body).toBe("AB");
  expect(answerOf((to) => to.send(new ArrayBuffer(3))).body).toBe("\0\0\0");
  expect(answerOf((to) => to.empty())).toMatchObject({ status: 204, body: "" });
  expect(answerOf((to) => to.status(202).empty()).fields["content-length"]).toBe("0");
  expect(answerOf((to) => to.redirect("/there"))).toMatchObject({
    status: 302,
    fields: { location: "/there", "content-length": "0" },
  });
  expect(answerOf((to) => to.redirect("/there", 308)).status).toBe(308);
});

test("HttpResponse sends the head of GET and no content for HEAD, in every form", () => {
  const forms: ((to: HttpResponse) => unknown)[] = [
    (to) => to.text("12345"),
    (to) => to.text("x".repeat(200_000)),
    (to) => to.json({}),
    (to) => to.send(new Uint8Array(200_000)),
    (to) => to.status(404).html("no"),
    (to) => to.empty(),
    (to) => to.redirect("/a"),
  ];
  for (const form of forms) {
    const { body: _, complete: __, ...head } = answerOf(form, "HEAD /");
    const { body: ___, complete: ____, ...get } = answerOf(form, "GET /");
    head.fields["date"] = get.fields["date"] = "";
    expect(head).toEqual(get);
  }
});

test("HttpResponse sends no content and no length where a status forbids them", () => {
  for (const status of [204, 304]) {
    const answer = answerOf((to) => to.status(status).text("forbidden"));
    expect(answer.fields["content-length"]).toBeUndefined();
    expect(answer.fields["content-type"]).toBeUndefined();
  }
  for (const form of ["text", "send", "empty"] as const) {
    const answer = answerOf((to) => {
      to.status(205);
      if (form === "text") to.text("forbidden");
      else if (form === "send") to.send(Buffer.from("forbidden"));
      else to.empty();
    });
    expect([answer.status, answer.fields["content-length"]]).toEqual([205, "0"]);
  }
});

test("HttpResponse keeps the same answer apart from another of its kind", () => {
  let count = 0;
  const world = worldOf((from, to) => {
    if (from.path === "/same") to.text("same");
    else if (from.path === "/close") to.header("Connection", "close").text("same");
    else if (from.path === "/other") to.status(201).text("same");
    else to.header("X-Count", `${count++}`).text("same");
  });
  const peer = world.connect();
  for (const path of ["/same", "/same", "/other", "/x", "/same", "/x"]) {
    peer.send(request(`GET ${path}`));
  }
  peer.send(request("HEAD /same")).send("GET /same HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  peer.send(request("GET /close"));
  const methods = [..."GGGGGG"].map(() => "GET").concat("HEAD");
  const answers = peer.answers(...methods);
  expect(answers.map((answer) => answer.status)).toEqual([
    200, 200, 201, 200, 200, 200, 200, 200, 200,
  ]);
  expect(answers.map((answer) => answer.fields["x-count"] ?? "-").join("")).toBe("---0-1---");
  expect(answers.map((answer) => answer.fields["connection"] ?? "-")).toEqual([
    ...new Array<string>(7).fill("-"),
    "keep-alive",
    "close",
  ]);
  expect(answers[6]!.body).toBe("");
  expect(answers[7]!.body).toBe("same");
});

test("HttpResponse refuses every way to write a field of one's own into another", () => {
  const attacks: [string, string][] = [
    ["X", "a\r\nSet-Cookie: b"],
    ["X", "a\nb"],
    ["X", "a\rb"],
    ["X", "a\0b"],
    ["X", "a\x7fb"],
    ["X", "snow\u2603man"],
    ["X", "\u010d\u010a"],
    ["X: y\r\nZ", "a"],
    ["X Y", "a"],
    ["", "a"],
    ["Content-Type", "a\r\nX: y"],
    ["Connection", "close\r\nX: y"],
    ["Content-Length", "5"],
    ["transfer-encoding", "chunked"],
    ["Date", "now"],
  ];
  for (const [name, value] of attacks) {
    const answer = answerOf((to) => to.header(name, value).text("sent"));
    expect([name, value, answer.status]).toEqual([name, value, 500]);
    expect(Object.keys(answer.fields).sort()).toEqual(["content-length", "content-type", "date"]);
  }
  expect(answerOf((to) => to.redirect("/a\r\nX: y")).status).toBe(500);
  expect(answerOf((to) => to.redirect("/a", 200)).status).toBe(500);
});

test("HttpResponse refuses what cannot be sent before anything is sent", () => {
  const wrong: ((to: HttpResponse) => unknown)[] = [
    (to) => to.text(undefined as never),
    (to) => to.html(5 as never),
    (to) => to.json(undefined),
    (to) => to.json(() => {}),
    (to) => to.json(1n),
    (to) => to.send("text" as never),
    (to) => to.send(null as never),
    (to) => to.stream(undefined as never),
    (to) => to.stream("text" as never),
    (to) => to.stream([1] as never),
    (to) => to.stream(nothing(), -1),
    (to) => to.stream(nothing(), Number.NaN),
    (to) => to.stream(nothing(), 1.5),
    (to) => to.status(199),
    (to) => to.status(600),
    (to) => to.status(Number.NaN),
    (to) => to.status("200" as never),
    (to) => to.header("Content-Type", "x".repeat(40_000)).text(""),
    (to) => to.header("X", "x".repeat(20_000)).header("Content-Type", "x".repeat(20_000)).text(""),
    (to) => to.header("X", "x".repeat(40_000)).text(""),
  ];
  for (const [index, fill] of wrong.entries()) {
    const answer = answerOf(fill);
    expect([index, answer.status, answer.body]).toEqual([
      index,
      500,
      "500 Internal Server Error\n",
    ]);
    expect(answer.fields["connection"]).toBeUndefined();
  }
});

async function* nothing(): AsyncGenerator<string> {}

test("HttpResponse carries as many fields as its limit allows, in one piece with a body", () => {
  const answer = answerOf((to) => to.header("X", "x".repeat(32_000)).text("y".repeat(60_000)));
  expect([answer.fields["x"]!.length, answer.body.length]).toEqual([32_000, 60_000]);
  const second = answerOf((to) => to.header("X", "x".repeat(32_000)).send(new Uint8Array(33_000)));
  expect(second.body.length).toBe(33_000);
});

test("HttpResponse cannot be changed behind its answer", () => {
  const errors: string[] = [];
  const changes: ((to: HttpResponse) => unknown)[] = [
    (to) => to.status(201),
    (to) => to.header("X", "y"),
    (to) => to.text("again"),
    (to) => to.send(new Uint8Array()),
    (to) => to.empty(),
    (to) => to.redirect("/"),
    (to) => to.stream(nothing()),
  ];
  for (const change of changes) {
    const answer = answerOf((to) => {
      to.text("once");
      try {
        change(to);
      } catch (error) {
        errors.push((error as { code: string }).code);
      }
    });
    expect(answer.body).toBe("once");
  }
  expect(errors).toEqual(changes.map(() => "ERR_RESPONSE_STATE"));
});

test("HttpResponse closes the connection when asked, in any spelling", () => {
  for (const value of ["close", "Close", "x, close", "close,x"]) {
    const world = worldOf((_, to) => to.header("connection", value).text("last"));
    const peer = world.connect().send(GET + GET);
    expect(peer.answer().fields["connection"]).toBe("close");
    expect(peer.ended).toBe(true);
  }
  for (const value of ["keep-alive", "closed", "not-close"]) {
    const world = worldOf((_, to) => to.header("Connection", value).text("next"));
    expect(
      world
        .connect()
        .send(GET + GET)
        .answers(),
    ).toHaveLength(2);
  }
});

test("HttpResponse names Upgrade in Connection, whatever becomes of the connection", () => {
  for (const [asked, closes] of [
    ["GET /", false],
    ["GET /close", true],
  ] as const) {
    const world = worldOf((from, response) => {
      if (from.path === "/close") response.header("Connection", "close");
      response.status(426).header("UPGRADE", "websocket").text("upgrade");
    });
    const peer = world.connect().send(request(asked));
    const { fields } = peer.answer();
    expect(fields["upgrade"]).toBe("websocket");
    expect(fields["connection"]!.toLowerCase().split(", ").sort()).toEqual(
      closes ? ["close", "upgrade"] : ["upgrade"],
    );
    expect(peer.ended).toBe(closes);
    peer.leave();
    world.checkEnd();
  }
});
