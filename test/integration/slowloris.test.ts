// Peers that are slow on purpose, in all three ways, beside honest ones: heads and bodies byte by
// byte, and answers that are never read. The attackers are ended by their deadlines and counted;
// the honest ones see no error. The long form, with 2,000 attackers, is bench/macro/slowloris.ts.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { LoadClient } from "../support/load-client.ts";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000);

const APP = fileURLToPath(new URL("./slowloris-app.ts", import.meta.url));
const COUNT = 40;
const CORK_BYTES = 65_536;
const HEAD = "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ".padEnd(4_000, "x");
const BODY = "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n".padEnd(5_000, "x");

let server: ServerProcess;
let admin: string;

beforeAll(async () => {
  const times = ["--head-timeout", "400ms", "--write-timeout", "400ms"];
  server = await ServerProcess.start([APP, "--admin", "127.0.0.1:0", ...times]);
  await server.untilLogged(/counters at/);
  admin = /at (http:\S+)\/stats/.exec(server.stderr.join("\n"))![1]!;
});
afterAll(() => server.kill());

async function counter(name: string): Promise<number> {
  const stats = (await (await fetch(`${admin}/stats`)).json()) as {
    totals: Record<string, number>;
  };
  return stats.totals[name]!;
}

class Attacker {
  received = "";
  readonly ended: Promise<void>;
  private readonly socket: Socket;
  private readonly trickle: Timer | null;

  /** Sends `quick` bytes of the text at once, and the rest one at a time; reads or does not. */
  constructor(text: string, quick: number, reads: boolean) {
    this.socket = connect({ port: server.port, host: "127.0.0.1" });
    this.socket.on("error", () => {});
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.socket.on("close", () => resolve());
    if (reads) this.socket.on("data", (chunk) => (this.received += chunk.toString("latin1")));
    else this.socket.pause();
    this.socket.write(text.slice(0, quick));
    let at = quick;
    const next = () => this.socket.write(text[at++]!);
    this.trickle = quick < text.length ? setInterval(next, 20) : null;
  }

  stop(): void {
    if (this.trickle !== null) clearInterval(this.trickle);
    this.socket.destroy();
  }
}

test("slow heads, slow bodies and deaf readers are ended; honest clients see none", async () => {
  let restBytes = 0; // what workers without connections hold
  while (restBytes === 0) restBytes = await counter("buffer_bytes_charged"); // once a second
  const client = new LoadClient({ hostname: "127.0.0.1", port: server.port });
  client.keepAlive(8, "/", /^honest$/);
  client.oneShot(2, "/", /^honest$/);
  const many = (make: () => Attacker) => Array.from({ length: COUNT }, make);
  const heads = many(() => new Attacker(HEAD, 1, true));
  const bodies = many(() => new Attacker(BODY, 60, true));
  const large = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(8);
  const deaf = many(() => new Attacker(large, large.length, false));

  await Promise.all(heads.map((attacker) => attacker.ended));
  while ((await counter("closed_write_stall")) < COUNT) await Bun.sleep(5);
  expect(heads.every((attacker) => attacker.received.startsWith("HTTP/1.1 408 "))).toBe(true);
  expect(await counter("closed_head_timeout")).toBe(COUNT);
  expect(bodies.every((attacker) => attacker.received === "")).toBe(true); // their time is 10 s

  const answered = client.books.answered;
  while (client.books.answered < answered + 100) await Bun.sleep(1);
  const { refused, cutOff, wrong, closedBetween } = await client.stop();
  expect([client.complaints, refused, cutOff, wrong, closedBetween]).toEqual([[], 0, 0, 0, 0]);
  for (const attacker of [...heads, ...bodies, ...deaf]) attacker.stop();
  while ((await counter("open")) > 0) await Bun.sleep(5);
  const mostBytes = 2 * (restBytes + CORK_BYTES); // the first sample may lack a worker
  while ((await counter("buffer_bytes_charged")) > mostBytes) await Bun.sleep(20);
});
