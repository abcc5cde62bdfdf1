// The wire cases against a whole session, in every way that a network may cut them; and, where they
// are at hand, the cases that the project shares with other servers, against the command itself.

import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { RouteHandler } from "../../src/server/service.ts";
import { cutsOf, type HttpPeer, HttpWorld, sendCut } from "../server/http-world.ts";
import { ServerProcess } from "../support/server-process.ts";
import { WIRE_CASES, type WireCase } from "./wire-cases.ts";

setDefaultTimeout(30_000);

const CUTS_MAX = 60; // of each case: the short ones are cut everywhere

const tell: RouteHandler = async (from, response) =>
  response.text(`${from.method} ${await from.text()}`);

async function converse(
  world: HttpWorld,
  { sent }: WireCase,
  ends: readonly number[],
): Promise<HttpPeer> {
  const peer = world.connect();
  sendCut(peer, sent, ends);
  await world.settle();
  return peer;
}

for (const wire of WIRE_CASES) {
  test(`The server keeps RFC ${wire.name}`, async () => {
    const world = new HttpWorld({ routes: { "/*": tell } });
    const all = cutsOf(wire.sent);
    const stride = Math.ceil(all.length / CUTS_MAX);
    const cuts = all.filter((_, index) => index < 2 || index % stride === 0);
    for (const ends of cuts) {
      const peer = await converse(world, wire, ends);
      // Whether there is time for 100 (Continue) depends on how the bytes come.
      const counts100 = wire.statuses.includes(100);
      const answers = peer.answers().filter((answer) => answer.status !== 100 || counts100);
      const outcome = {
        ends,
        statuses: answers.map((answer) => answer.status),
        closes: peer.ended,
        bodies: answers.filter((answer) => answer.status === 200).map((answer) => answer.body),
      };
      const { statuses, closes } = wire;
      const bodies = wire.bodies ?? outcome.bodies;
      expect(outcome).toEqual({ ends, statuses: [...statuses], closes, bodies: [...bodies] });
      peer.leave();
    }
    await world.settle();
    world.checkEnd();
  });
}

const SHARED: string = fileURLToPath(
  new URL("../../../shared/conformance/run_cases.py", import.meta.url),
);
const ANY_APP: string = fileURLToPath(new URL("any-app.ts", import.meta.url));

test("The server passes the shared cases", async () => {
  if (!existsSync(SHARED) || Bun.which("python3") === null) {
    return console.warn(`SKIPPED: ${SHARED} or python3 is not here: run_cases.py was not run`);
  }
  const server = await ServerProcess.start([ANY_APP]);
  try {
    const port = /:(\d+) /.exec(server.stdout[0]!)![1]!;
    const args = ["python3", SHARED, "127.0.0.1", port, "--jobs", "32"];
    const run = Bun.spawn(args, { stdout: "pipe", stderr: "inherit" });
    expect(await run.stdout.text()).toContain(" 0 fail");
    expect(await run.exited).toBe(0);
  } finally {
    await server.kill();
  }
});
