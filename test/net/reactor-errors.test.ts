// What a session throws must reach the process as an uncaught exception: Bun keeps what its
// handlers throw to itself. Tried on real sockets, in a process of its own, which has to die of it.

import { expect, test } from "bun:test";

const PROGRAM = `
import { BufferPool } from "./src/buffer/buffer-pool.ts";
import { AssertionError } from "./src/core/assert.ts";
import { PlainStore } from "./src/memory/plain-store.ts";
import { Reactor } from "./src/net/reactor.ts";
const clock = { nowMs: () => performance.now() };
const reactor = new Reactor({
  clock, pool: new BufferPool(new PlainStore(1 << 20)), counters: new Float64Array(64),
  limits: { maxConnections: 10, writeStallMs: 1000, writeBytesMin: 1 },
});
const fail = () => { throw new AssertionError("an invariant is broken"); };
const ignore = () => {};
const session = {
  input: fail, drained: ignore, ended: ignore, timeout: ignore, closed: ignore,
  idleSinceMs: () => -1,
};
const socket = reactor.handlers({ open: () => session });
const { port } = Bun.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket });
process.on("uncaughtException", (error) => {
  console.log(error.name + ": " + error.message);
  process.exit(7);
});
const client = { open: (opened) => void opened.write("x"), data: ignore };
await Bun.connect({ hostname: "127.0.0.1", port, socket: client });
`;

test("an assertion that fails in an event ends the process", async () => {
  const child = Bun.spawn([process.execPath, "-e", PROGRAM], {
    cwd: `${import.meta.dir}/../..`,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [said, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  expect([said.trim(), code]).toEqual(["AssertionError: an invariant is broken", 7]);
});
