import { expect, test } from "bun:test";
import { Turnstile } from "../../src/thread/turnstile.ts";

test("Turnstile lets tasks through one at a time and in order", async () => {
  const turnstile = new Turnstile();
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const events: string[] = [];
  const runs = gates.map((gate, index) =>
    turnstile.pass(async () => {
      events.push(`in ${index}`);
      await gate.promise;
      events.push(`out ${index}`);
      return index;
    }),
  );
  gates[2]!.resolve(); // what comes later does not overtake
  gates[1]!.resolve();
  await Promise.resolve();
  expect(events).toEqual(["in 0"]);
  gates[0]!.resolve();
  expect(await Promise.all(runs)).toEqual([0, 1, 2]);
  expect(events).toEqual(["in 0", "out 0", "in 1", "out 1", "in 2", "out 2"]);
});

test("Turnstile gives an error to its caller and lets the next one pass", async () => {
  const turnstile = new Turnstile();
  const failed = turnstile.pass(async () => {
    throw new RangeError("mine");
  });
  const thrown = turnstile.pass(() => {
    throw new RangeError("not even a promise");
  });
  const passed = turnstile.pass(async () => "through");
  await expect(failed).rejects.toThrow("mine");
  await expect(thrown).rejects.toThrow("not even a promise");
  expect(await passed).toBe("through");
});
