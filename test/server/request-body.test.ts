import { expect, test } from "bun:test";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { KIB, MIB } from "../../src/core/limits.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import { RequestBody } from "../../src/server/request-body.ts";
import { pattern } from "../support/net-world.ts";
import { Random, seedOfRun } from "../support/random.ts";

function bodyOf(memoryBytes: number = MIB): { pool: BufferPool; body: RequestBody } {
  const pool = new BufferPool(new PlainStore(memoryBytes));
  const body = new RequestBody(pool);
  body.reset(false);
  return { pool, body };
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => String((error as Error).message),
  );
}

test("RequestBody gives what it was delivered, in any cuts and by any reader", async () => {
  const seed = seedOfRun();
  const random = new Random(seed);
  for (let round = 0; round < 50; round++) {
    const { pool, body } = bodyOf(4 * MIB);
    const bytes = pattern(random.below(200_000));
    const parts: Uint8Array[] = [];
    const reading = random.oneIn(2)
      ? (async () => void parts.push(await body.collect()))()
      : (async () => {
          for await (const part of body.chunks()) parts.push(part);
        })();
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + 1 + random.below(50_000));
      expect(body.deliver(bytes, at, end)).toBe(true);
      at = end;
      if (random.oneIn(2)) await Promise.resolve();
    }
    body.finish();
    await reading;
    expect({ seed, same: Buffer.concat(parts).equals(bytes) }).toEqual({ seed, same: true });
    expect(pool.heldBytes).toBe(0);
  }
});

test("RequestBody asks for more only when its reader wants it", async () => {
  const { body } = bodyOf();
  let asked = 0;
  body.onDemand = () => void asked++;
  body.deliver(Buffer.from("abc"), 0, 3);
  const reader = body.use();
  expect(asked).toBe(0);
  expect(Buffer.from((await body.read(reader))!).toString()).toBe("abc");
  expect(asked).toBe(0);
  const next = body.read(reader);
  expect(asked).toBe(1);
  body.finish();
  expect(await next).toBeNull();
});

test("RequestBody tells a waiting reader why there is no more, and the next one too", async () => {
  const { pool, body } = bodyOf();
  const reading = body.collect() as Promise<unknown>;
  body.deliver(pattern(5000), 0, 5000);
  body.fail("left");
  expect(await failureOf(reading)).toContain("the peer left");
  expect(pool.heldBytes).toBe(0);
  body.fail("slow");
  body.finish();
  expect(body.error!.message).toContain("the peer left");
});

test("RequestBody ends the readers of one request before it serves the next", async () => {
  const { body } = bodyOf();
  const waiting = failureOf(body.collect() as Promise<unknown>);
  body.end();
  body.reset(false);
  body.deliver(Buffer.from("secret"), 0, 6);
  body.finish();
  expect(await waiting).toContain("answered before it was read");
  const late = body.chunks();
  body.end();
  body.reset(true);
  body.setWhole(Buffer.from("secret"), 0, 6);
  expect(await failureOf(late.next())).toContain("answered before it was read");
  expect(Buffer.from(body.takeComplete()).toString()).toBe("secret");
});

test("RequestBody does not hand what was complete to a reader that is woken too late", async () => {
  const { body } = bodyOf();
  const waiting = failureOf(body.collect() as Promise<unknown>);
  body.finish();
  body.end();
  body.reset(true);
  body.setWhole(Buffer.from("secret"), 0, 6);
  expect(await waiting).toContain("answered before it was read");
});

test("RequestBody copies what came in one piece only when its bytes are about to be reused", () => {
  const { pool, body } = bodyOf();
  body.reset(true);
  const bytes = Buffer.from("..hello..");
  body.setWhole(bytes, 2, 7);
  expect(pool.heldBytes).toBe(0);
  expect(body.detach()).toBe(true);
  bytes.fill(0);
  expect(pool.heldBytes).toBeGreaterThan(0);
  body.unpool();
  expect(pool.heldBytes).toBe(0);
  expect(Buffer.from(body.takeComplete()).toString()).toBe("hello");
});

test("RequestBody without memory says so and never gives half of it", async () => {
  const { pool, body } = bodyOf(64 * KIB);
  expect(body.deliver(pattern(200_000), 0, 200_000)).toBe(false);
  body.fail("memory");
  expect(await failureOf(body.collect() as Promise<unknown>)).toContain("no memory");
  expect(pool.heldBytes).toBe(0);
  const whole = bodyOf(4 * KIB).body;
  whole.reset(true);
  whole.setWhole(pattern(50_000), 0, 50_000);
  expect(whole.detach()).toBe(false);
  expect(await failureOf(whole.collect() as Promise<unknown>)).toContain("no memory");
});

test("RequestBody has one reader", () => {
  const { body } = bodyOf();
  body.use();
  expect(() => body.use()).toThrow("read already");
  expect(() => body.chunks()).toThrow("read already");
  expect(() => body.collect()).toThrow("read already");
});
