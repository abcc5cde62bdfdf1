// Channels between real workers, through the command: every message arrives once, more of them than
// a ring holds, and a worker that dies holds nobody up; the one in its place takes part.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000);

const APP = fileURLToPath(new URL("./channel-app.ts", import.meta.url));
const FLOOD = 2_000; // of 1,000 bytes: eight rings full
let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.start([APP]);
});
afterAll(() => server.kill());

class Client {
  private readonly socket: Socket;
  private readonly lines: string[] = [];
  private text = "";
  private wake: () => void = () => {};

  constructor() {
    this.socket = connect({ port: server.port, host: "127.0.0.1", noDelay: true });
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.wake());
    this.socket.on("data", (chunk) => {
      const parts = (this.text + chunk.toString()).split("\n");
      this.text = parts.pop()!;
      this.lines.push(...parts);
      this.wake();
    });
  }

  async ask(line: string): Promise<string> {
    this.socket.write(`${line}\n`);
    while (this.lines.length === 0) {
      if (this.socket.destroyed) return "gone";
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    return this.lines.shift()!;
  }

  async untilHeard(count: number): Promise<void> {
    while (Number(await this.ask("heard")) < count) await Bun.sleep(1);
    expect(await this.ask("heard")).toBe(String(count));
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A client of the worker with this index. */
async function clientOf(worker: number): Promise<Client> {
  for (;;) {
    const client = new Client();
    if ((await client.ask("who")) === String(worker)) return client;
    client.close();
  }
}

test("all messages reach all workers once, and a death holds nobody up", async () => {
  const [first, second] = [await clientOf(0), await clientOf(1)];
  await Promise.all([first.ask(`flood ${FLOOD}`), second.ask(`flood ${FLOOD}`)]);
  await first.untilHeard(2 * FLOOD);
  await second.untilHeard(2 * FLOOD);

  expect(await second.ask("crash")).toBe("gone");
  expect(await first.ask(`flood ${FLOOD}`)).toStartWith("flooded ");
  await server.untilLogged(/worker 1: serves again/);
  const successor = await clientOf(1);
  expect(await first.ask(`flood ${FLOOD}`)).toStartWith("flooded ");
  await first.untilHeard(4 * FLOOD);
  await successor.ask(`flood 1`);
  await first.untilHeard(4 * FLOOD + 1);

  expect(await first.ask("throw")).toBe("0");
  await server.untilLogged(/worker [01]: a channel's handler failed: in a channel's handler/, 2);
  expect(await successor.ask("who")).toBe("1");
  for (const client of [first, successor]) client.close();
});

test("a worker that is replaced speaks to its end, its successor from the start", async () => {
  const before = await clientOf(0);
  const heard = Number(await before.ask("heard"));
  before.close();
  server.signal("SIGHUP");
  await server.untilLogged(/reload: done/);
  const [first, second] = [await clientOf(0), await clientOf(1)];
  expect(heard).toBeGreaterThan(0);
  await first.ask("flood 10");
  while (Number(await second.ask("heard")) < 10) await Bun.sleep(1);
  for (const client of [first, second]) client.close();
});
