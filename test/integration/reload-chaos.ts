// The long form of reload-crash.test.ts: reloads, crashes and signals at random, under load, for as
// long as it is told to. Repeat a run with its seed.
//
//   bun test/integration/reload-chaos.ts [SECONDS] [SEED]          60 seconds by default

import { fileURLToPath } from "node:url";
import { LoadClient, type Books } from "../support/load-client.ts";
import { Random, seedOfRun } from "../support/random.ts";
import { ServerProcess } from "../support/server-process.ts";

const APP = fileURLToPath(new URL("../support/crash-app.ts", import.meta.url));
const ANSWER = /^worker \d life [0-9a-f]{8}$/;
const FATAL_PATHS = ["/throw", "/exit", "/reject"] as const;
const PAUSE_MS_MAX = 400;

const seconds = Number(process.argv[2] ?? 60);
const random = new Random(process.argv[3] === undefined ? seedOfRun() : Number(process.argv[3]));

async function disturb(server: ServerProcess): Promise<void> {
  const target = { hostname: "127.0.0.1", port: server.port };
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    if (random.oneIn(2)) {
      for (let i = random.between(1, 5); i > 0; i -= 1) server.signal("SIGHUP");
    } else if (random.oneIn(5)) {
      server.signal("SIGUSR1");
    } else {
      const fatal = new LoadClient(target);
      fatal.oneShot(1, random.pick(FATAL_PATHS), ANSWER);
      void fatal.stop();
    }
    await Bun.sleep(random.below(PAUSE_MS_MAX));
  }
}

/** What must hold of the client's books and the server's counters. */
function problemsOf(books: Books, totals: Record<string, number>, code: number | null): string[] {
  const lost = totals["closed_worker_lost"]!;
  const claims: [boolean, string][] = [
    [books.refused === 0, "a connection was refused"],
    [books.wrong === 0, "an answer was wrong"],
    [books.answered + books.cutOff === books.requests, "a request has no outcome"],
    [books.cutOff + books.closedBetween <= lost, "more was cut off than dead workers had open"],
    [code === 0, "the server did not leave with 0"],
  ];
  return claims.filter(([holds]) => !holds).map(([, problem]) => problem);
}

const server = await ServerProcess.start([APP, "--workers", "3", "--admin", "127.0.0.1:0"]);
await server.untilLogged(/counters at/);
const admin = / at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
const client = new LoadClient({ hostname: "127.0.0.1", port: server.port });
client.keepAlive(24, "/", ANSWER);
client.keepAlive(24, "/slow", ANSWER);
client.oneShot(6, "/", ANSWER);
await disturb(server);
const books = await client.stop();
const stats = await (await fetch(`${admin}/stats`)).json();
const { totals } = stats as { totals: Record<string, number> };
server.signal("SIGTERM");
const { code } = await server.untilEnded();
console.log({ seed: random.seed, reloads: server.logged(/reload: done/), ...books });
console.log({ deaths: server.logged(/: died: /), lost: totals["closed_worker_lost"] });
const problems = problemsOf(books, totals, code).concat(client.complaints);
console.log(problems.length === 0 ? "all held" : problems.join("\n"));
process.exit(problems.length === 0 ? 0 : 1);
