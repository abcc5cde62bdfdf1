// The claim of the whole design: nothing that happens to workers is seen by a peer who has not been
// accepted, reloads are seen by nobody, and a crash only by who was connected to that worker.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { LoadClient, type Books } from "../support/load-client.ts";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const APP = fileURLToPath(new URL("../support/crash-app.ts", import.meta.url));
const ANSWER = /^worker [01] life [0-9a-f]{8}$/;
const RELOADS = 6;
const CRASHES = 3;

let server: ServerProcess | null = null;
afterEach(() => server?.kill());

interface Stats {
  readonly totals: { readonly [name: string]: number };
  readonly workers: readonly { readonly generation: number }[];
}

async function stats(admin: string): Promise<Stats> {
  return (await (await fetch(`${admin}/stats`)).json()) as Stats;
}

function load(target: { hostname: string; port: number }): LoadClient {
  const client = new LoadClient(target);
  client.keepAlive(32, "/", ANSWER);
  client.keepAlive(32, "/slow", ANSWER);
  client.oneShot(6, "/", ANSWER);
  return client;
}

/** Resolves when so many more requests have been answered. */
async function answered(books: Books, more: number): Promise<void> {
  const goal = books.answered + more;
  while (books.answered < goal) await Bun.sleep(1);
}

test("six reloads under load fail and refuse nothing, three crashes only their own", async () => {
  server = await ServerProcess.start([APP, "--admin", "127.0.0.1:0"]);
  await server.untilLogged(/counters at/);
  const admin = /at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
  const client = load({ hostname: "127.0.0.1", port: server.port });
  const { books } = client;
  await answered(books, 200);

  for (let reload = 1; reload <= RELOADS; reload += 1) {
    server.signal("SIGHUP");
    await server.untilLogged(/reload: done/, reload);
    await answered(books, 200);
  }
  expect(client.complaints).toEqual([]);
  expect(books).toMatchObject({ refused: 0, cutOff: 0, wrong: 0 });
  const reloaded = await stats(admin);
  expect(reloaded.totals["closed_worker_lost"]).toBe(0);
  const youngest = Math.max(...reloaded.workers.map(({ generation }) => generation));
  expect(youngest).toBe(2 * (1 + RELOADS));
  const closedByReloads = books.closedBetween;

  const careless = new LoadClient({ hostname: "127.0.0.1", port: server.port });
  careless.oneShot(1, "/reject", ANSWER);
  await careless.stop();
  await server.untilLogged(/unhandled rejection: Error: nobody awaits this/);
  expect((await stats(admin)).totals["closed_worker_lost"]).toBe(0); // and the worker lives on

  for (let crash = 1; crash <= CRASHES; crash += 1) {
    const fatal = new LoadClient({ hostname: "127.0.0.1", port: server.port });
    fatal.oneShot(1, crash === 2 ? "/exit" : "/throw", ANSWER);
    await fatal.stop();
    await server.untilLogged(/serves again/, crash);
    await answered(books, 200);
  }
  await client.stop();
  expect(client.complaints).toEqual([]);
  expect(books).toMatchObject({ refused: 0, wrong: 0 });
  expect(books.answered).toBe(books.requests - books.cutOff);

  // Whoever was cut off or closed had been accepted by a worker that died: the server counted it.
  const lost = (await stats(admin)).totals["closed_worker_lost"]!;
  expect(lost).toBeGreaterThan(0);
  expect(books.cutOff + books.closedBetween - closedByReloads).toBeLessThanOrEqual(lost);

  server.signal("SIGTERM");
  expect((await server.untilEnded()).code).toBe(0);
});
