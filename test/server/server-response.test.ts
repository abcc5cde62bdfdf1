import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  BODY_IS_BYTES,
  BODY_IS_FILE,
  BODY_IS_NONE,
  BODY_IS_STREAM,
  BODY_IS_STRING,
  bodyKindOf,
  installServerResponse,
  isPlain,
} from "../../src/server/server-response.ts";

const platform = { Response };

beforeAll(() => installServerResponse());
afterAll(() => void Object.assign(globalThis, platform));

test("bodyKindOf tells what a Response was made of", () => {
  const stream = (): ReadableStream => new Blob(["x"]).stream();
  const generate = async function* (): AsyncGenerator<string> {};
  const kinds: [unknown, number][] = [
    ["text", BODY_IS_STRING],
    ["", BODY_IS_STRING],
    [null, BODY_IS_NONE],
    [undefined, BODY_IS_NONE],
    [new Uint8Array(1), BODY_IS_BYTES],
    [new ArrayBuffer(1), BODY_IS_BYTES],
    [new Blob(["x"]), BODY_IS_BYTES],
    [new URLSearchParams("a=b"), BODY_IS_BYTES],
    [new FormData(), BODY_IS_BYTES],
    [stream(), BODY_IS_STREAM],
    [generate(), BODY_IS_STREAM],
    [generate, BODY_IS_STREAM],
    [Bun.file(import.meta.path), BODY_IS_FILE],
  ];
  for (const [index, [body, kind]] of kinds.entries()) {
    expect([index, bodyKindOf(new Response(body as never))]).toEqual([index, kind]);
  }
  expect(bodyKindOf(Response.json({}))).toBe(BODY_IS_BYTES);
});

test("isPlain holds only while no field can be set, by the application or by the body", () => {
  expect(isPlain(new Response("x"))).toBe(true);
  expect(isPlain(new Response("x", { status: 404 }))).toBe(true);
  expect(isPlain(new Response("x", { headers: {} }))).toBe(false);
  expect(isPlain(new Response(new Blob(["x"], { type: "a/b" })))).toBe(false);
  expect(isPlain(new Response(new URLSearchParams("a=b")))).toBe(false);
  const asked = new Response("x");
  asked.headers.set("X-A", "1");
  expect(isPlain(asked)).toBe(false);
  expect(isPlain(Response.json({}))).toBe(false);
});
