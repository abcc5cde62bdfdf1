import { expect, test } from "bun:test";
import { isThenable } from "../../src/server/thenable.ts";

test("isThenable knows what can be awaited, and nothing else", () => {
  class Own extends Promise<void> {}
  const yes = [Promise.resolve(), Own.resolve(), { then: () => {} }];
  const no = [undefined, null, 0, "then", {}, { then: 1 }, [], () => {}, new Response()];
  expect(yes.map(isThenable)).toEqual(yes.map(() => true));
  expect(no.map(isThenable)).toEqual(no.map(() => false));
});
