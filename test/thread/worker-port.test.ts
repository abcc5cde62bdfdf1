// Both ends together are tested in worker-handle.test.ts.

import { expect, test } from "bun:test";
import { listenToOwner } from "../../src/thread/worker-port.ts";

test("listenToOwner refuses to be called where there is no owner", () => {
  expect(() => listenToOwner(() => undefined)).toThrow("only a worker thread has an owner");
});
