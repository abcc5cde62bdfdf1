import { describe, expect, test } from "bun:test";
import type { Client } from "../../src/webbench/client.ts";
import { ClientQueue } from "../../src/webbench/client-queue.ts";
import { randomSource } from "../../src/webbench/random-source.ts";

const fake = (index: number): Client => ({ index, isQueued: false }) as unknown as Client;

describe("ClientQueue", () => {
  test("serves first come first, and holds everybody once", () => {
    const queue = new ClientQueue(3);
    const [a, b, c] = [fake(0), fake(1), fake(2)];
    for (const client of [a, b, a, c, b]) queue.push(client);
    expect(queue.length).toBe(3);
    expect([queue.take(), queue.take(), queue.take(), queue.take()]).toEqual([a, b, c, null]);
    queue.push(a);
    expect(queue.take()).toBe(a);
  });

  test("behaves like a list, also beyond its first room", () => {
    const seed = 5;
    const random = randomSource(seed);
    const queue = new ClientQueue(2);
    const model: Client[] = [];
    const clients = Array.from({ length: 40 }, (_, index) => fake(index));
    for (let step = 0; step < 5_000; step++) {
      if (random() < 0.5) {
        const client = clients[Math.floor(random() * clients.length)]!;
        if (!client.isQueued) model.push(client);
        queue.push(client);
      } else {
        expect([seed, step, queue.take()?.index]).toEqual([seed, step, model.shift()?.index]);
      }
      expect(queue.length).toBe(model.length);
    }
  });
});
