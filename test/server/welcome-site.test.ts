import { expect, test } from "bun:test";
import { WELCOME_PAGE } from "../../src/server/welcome-page.ts";
import { welcomeService } from "../../src/server/welcome-site.ts";
import { HttpWorld, request } from "./http-world.ts";

const [listener] = welcomeService().listeners;
const world: HttpWorld = new HttpWorld(listener as ConstructorParameters<typeof HttpWorld>[0]);

test("the welcome site answers its four paths", async () => {
  const peer = world.connect();
  peer.send(request("GET /") + request("GET /hello") + request("GET /healthz"));
  peer.send(request("POST /echo", "body", "Content-Type: a/b") + request("HEAD /"));
  const answers = await peer.answered(5, "GET", "GET", "GET", "POST", "HEAD");
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200]);
  expect(Buffer.from(answers[0]!.body, "latin1").toString()).toBe(WELCOME_PAGE);
  expect(answers[0]!.fields["content-type"]).toBe("text/html; charset=utf-8");
  expect(answers[1]).toMatchObject({ body: "Hello, World!" });
  expect(answers[2]!.body).toBe("ok\n");
  expect(answers[3]).toMatchObject({ body: "body", fields: { "content-type": "a/b" } });
});

test("the welcome site cannot be made to answer with a field of the peer's own", async () => {
  const peer = world.connect();
  peer.send(request("POST /echo", "<script>", "Content-Type: text/html", "X-Own: yes"));
  const [answer] = await peer.answered(1);
  expect(answer!.fields["x-own"]).toBeUndefined();
});
