// Real threads: what one posts, all others hear once, in order and whole, whoever is slow or dies.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { Worker } from "node:worker_threads";
import { Exchange } from "../../src/thread/exchange.ts";
import { Mailbox } from "../../src/thread/mailbox.ts";
import type { Answer, Command } from "./mailbox-worker.ts";

setDefaultTimeout(20_000);

class Member {
  readonly number: number;
  private readonly worker: Worker;
  private readonly answers: Answer[] = [];
  private wake: () => void = () => {};

  constructor(exchange: Exchange) {
    this.number = exchange.admit();
    this.worker = new Worker(new URL("./mailbox-worker.ts", import.meta.url), {
      workerData: { handle: exchange.handle, member: this.number },
    });
    this.worker.on("message", (answer: Answer) => {
      this.answers.push(answer);
      this.wake();
    });
    members.push(this);
  }

  tell(command: Command): void {
    this.worker.postMessage(command);
  }

  async next(kind: Answer["kind"]): Promise<Answer> {
    for (;;) {
      const index = this.answers.findIndex((answer) => answer.kind === kind);
      if (index >= 0) return this.answers.splice(index, 1)[0]!;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** Resolves when it has heard so many of another's records. */
  async hears(other: Member, count: number): Promise<void> {
    for (;;) {
      this.tell({ kind: "ask" });
      const { heard, faults } = await this.next("heard");
      expect(faults).toEqual([]);
      if ((new Map(heard).get(other.number) ?? 0) >= count) return;
    }
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}

const members: Member[] = [];
afterEach(async () => {
  for (const member of members.splice(0)) await member.end();
});

async function join(exchange: Exchange, count: number): Promise<Member[]> {
  const joined = Array.from({ length: count }, () => new Member(exchange));
  for (const member of joined) await member.next("ready");
  return joined;
}

test("everybody hears everybody, whole and in order, through full rings", async () => {
  const exchange = new Exchange(3, 8192);
  const all = await join(exchange, 3);
  const count = 4_000;
  for (const member of all) member.tell({ kind: "post", count, bytes: 50 });
  for (const member of all) {
    for (const other of all) if (other !== member) await member.hears(other, count);
  }
});

test("a single record wakes a sleeper, again and again", async () => {
  const [first, second] = (await join(new Exchange(2, 1024), 2)) as [Member, Member];
  for (let round = 1; round <= 200; round++) {
    first.tell({ kind: "post", count: 1, bytes: 9 });
    await second.hears(first, round);
  }
});

test("a reader whose thread is blocked makes post say false, and then hears all", async () => {
  const [first, second] = (await join(new Exchange(2, 1024), 2)) as [Member, Member];
  const gate = new Int32Array(new SharedArrayBuffer(4));
  second.tell({ kind: "block", until: gate });
  await second.next("blocked");
  first.tell({ kind: "post", count: 500, bytes: 100 });
  first.tell({ kind: "ask" });
  await first.next("heard"); // its loop turns although its ring is full
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  expect((await first.next("posted")).refused).toBeGreaterThan(0);
  await second.hears(first, 500);
});

test("a reader that dies is waited for until it is dismissed; its successor hears on", async () => {
  const exchange = new Exchange(3, 1024);
  const [first, second, third] = (await join(exchange, 3)) as [Member, Member, Member];
  const gate = new Int32Array(new SharedArrayBuffer(4));
  third.tell({ kind: "block", until: gate });
  await third.next("blocked");
  first.tell({ kind: "post", count: 300, bytes: 100 });
  const ending = third.end();
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  await ending;
  exchange.dismiss(third.number);
  await first.next("posted");
  await second.hears(first, 300);
  const [successor] = (await join(exchange, 1)) as [Member];
  expect(successor.number).toBe(third.number);
  successor.tell({ kind: "post", count: 10, bytes: 1 });
  await first.hears(successor, 10);
});

test("a wake-up that the runtime loses is made up for", async () => {
  const exchange = new Exchange(2, 8192);
  const member = exchange.admit();
  const [worker] = (await join(exchange, 1)) as [Member];
  const heard = Promise.withResolvers<void>();
  let count = 0;
  const mailbox = new Mailbox(exchange.handle, member, {
    wants: () => true,
    receive: () => ++count === 20 && heard.resolve(),
  });
  // On the main thread, where they are lost.
  for (let round = 0; round < 20; round++) {
    worker.tell({ kind: "post", count: 1, bytes: 10 });
    await worker.next("posted");
  }
  const looks = setInterval(() => mailbox.look(), 10);
  await heard.promise;
  clearInterval(looks);
  expect(count).toBe(20);
  mailbox.close();
});

test("a closed mailbox holds nobody up and hears nothing", async () => {
  const exchange = new Exchange(2, 1024);
  let heard = 0;
  const visitor = { wants: () => true, receive: () => void heard++ };
  const [open, closed] = [0, 1].map(
    () => new Mailbox(exchange.handle, exchange.admit(), visitor),
  ) as [Mailbox, Mailbox];
  closed.close();
  closed.close();
  for (let count = 0; count < 1_000; count++) {
    expect(open.post(1, new Uint8Array(20), new Uint8Array(20))).toBe(true);
  }
  closed.look();
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toBe(0);
  open.close();
});
