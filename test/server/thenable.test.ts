import { expect, test } from "bun:test";
import { isThenable, watchFailure } from "../../src/server/thenable.ts";

test("isThenable knows what can be awaited, and nothing else", () => {
  class Own extends Promise<void> {}
  const yes = [Promise.resolve(), Own.resolve(), { then: () => {} }];
  const no = [undefined, null, 0, "then", {}, { then: 1 }, [], () => {}, new Response()];
  expect(yes.map(isThenable)).toEqual(yes.map(() => true));
  expect(no.map(isThenable)).toEqual(no.map(() => false));
});

test("watchFailure tells once of whatever fails later, and of nothing else", async () => {
  const failures: unknown[] = [];
  const listen = (error: unknown): unknown => failures.push(error);
  watchFailure(undefined, listen);
  watchFailure(5, listen);
  watchFailure(Promise.resolve("fine"), listen);
  watchFailure(Promise.reject("a promise"), listen);
  watchFailure({ then: (_: unknown, reject: (why: string) => void) => reject("another") }, listen);
  await new Promise((resolve) => setImmediate(resolve));
  expect(failures).toEqual(["a promise", "another"]);
});
