// The chat example as its users see it: whoever is in a room hears what is said there, in the order
// of the speaker, whichever worker they are connected to; nobody else does.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { encodeFrame, lengthField } from "millrace";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000);

const path = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const framing = lengthField({ bytes: 2, maxFrameBytes: 4096 });
let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.start([path("chat.ts")]);
});
afterAll(() => server.kill());

class Guest {
  readonly heard: string[] = [];
  private readonly socket: Socket;
  private received = Buffer.alloc(0);
  private wake: () => void = () => {};

  constructor() {
    this.socket = connect({ port: server.port, host: "127.0.0.1", noDelay: true });
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk) => this.read(chunk as Buffer));
    this.socket.on("close", () => this.wake());
  }

  send(text: string): void {
    this.socket.write(encodeFrame(framing, Buffer.from(text)));
  }

  async until(holds: (heard: readonly string[]) => boolean): Promise<void> {
    while (!holds(this.heard)) {
      if (this.socket.destroyed) throw new Error(`closed after ${this.heard.join()}`);
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** Joins and resolves with the worker that serves this guest. */
  async join(room: string, name: string): Promise<number> {
    this.send(`JOIN ${room} ${name}`);
    const isAnswer = (text: string) => text.startsWith(`JOINED ${room} `);
    await this.until((heard) => heard.some(isAnswer));
    return Number(this.heard.find(isAnswer)!.split(" ")[2]);
  }

  messages(room: string): string[] {
    return this.heard.filter((text) => text.startsWith(`MESSAGE ${room} `));
  }

  leave(): void {
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    while (this.received.length >= 2) {
      const end = 2 + this.received.readUInt16BE(0);
      if (this.received.length < end) break;
      this.heard.push(this.received.toString("utf8", 2, end));
      this.received = this.received.subarray(end);
    }
    this.wake();
  }
}

/** Guests until both workers serve some. */
async function gather(room: string): Promise<Guest[]> {
  const guests: Guest[] = [];
  const workers = new Set<number>();
  while (guests.length < 6 || workers.size < 2) {
    const guest = new Guest();
    workers.add(await guest.join(room, `guest${guests.length}`));
    guests.push(guest);
  }
  return guests;
}

test("everybody in the room hears everybody, in order, across the workers", async () => {
  const guests = await gather("lobby");
  const stranger = new Guest();
  await stranger.join("elsewhere", "stranger");
  const rounds = 50;
  for (let round = 0; round < rounds; round++) {
    for (const guest of guests) guest.send(`SAY lobby ${round}`);
  }
  for (const guest of guests) {
    await guest.until(() => guest.messages("lobby").length === rounds * guests.length);
    for (let speaker = 0; speaker < guests.length; speaker++) {
      const start = `MESSAGE lobby guest${speaker} `;
      const said = guest.messages("lobby").filter((text) => text.startsWith(start));
      expect(said).toEqual(Array.from({ length: rounds }, (_, round) => `${start}${round}`));
    }
  }
  expect(stranger.messages("lobby")).toEqual([]);
  for (const guest of [...guests, stranger]) guest.leave();
});

test("many rooms are kept apart, and one that was left is silent", async () => {
  const guests = await gather("hall");
  for (const [index, guest] of guests.entries()) {
    for (const room of [`room${index % 3}`, "all"]) await guest.join(room, `name${index}`);
  }
  guests[0]!.send("LEAVE all");
  await guests[0]!.until((heard) => heard.includes("LEFT all"));
  for (const room of ["room0", "room1", "room2"]) {
    guests.find((_, index) => room === `room${index % 3}`)!.send(`SAY ${room} hello ${room}`);
  }
  guests[1]!.send("SAY all last");
  for (const [index, guest] of guests.entries()) {
    const room = `room${index % 3}`;
    await guest.until(() => guest.messages(room).length === 1);
    expect(guest.messages(room)[0]).toEndWith(` hello ${room}`);
    if (index > 0) await guest.until(() => guest.messages("all").length === 1);
  }
  expect(guests[0]!.messages("all")).toEqual([]);
  for (const guest of guests) guest.leave();
});

test("what makes no sense is answered, and costs nobody else anything", async () => {
  const [guest, other] = [new Guest(), new Guest()];
  await other.join("calm", "other");
  for (const text of ["DANCE", "SAY calm hello", "JOIN two words name", "JOIN  x", "LEAVE calm"]) {
    guest.send(text);
  }
  await guest.until((heard) => heard.length === 5);
  expect(guest.heard.every((text) => text.startsWith("ERROR "))).toBe(true);
  other.send("SAY calm still here");
  await other.until(() => other.messages("calm").length === 1);
  for (const each of [guest, other]) each.leave();
});

test("what is too long to be passed on is refused, and nobody misses anything else", async () => {
  const [guest, other] = [new Guest(), new Guest()];
  await guest.join("long", "guest");
  await other.join("long", "other");
  const most = 4096 - "MESSAGE long guest ".length;
  guest.send(`SAY long ${"x".repeat(most + 1)}`);
  guest.send(`SAY long ${"x".repeat(most)}`);
  guest.send("SAY long short");
  for (const each of [guest, other]) await each.until(() => each.messages("long").length === 2);
  expect(other.messages("long")[1]).toBe("MESSAGE long guest short");
  expect(guest.heard).toContain("ERROR too long");
  for (const each of [guest, other]) each.leave();
});

test("a room outlives the reload of all workers for those who stay", async () => {
  const guests = await gather("stay");
  server.signal("SIGHUP");
  // Who is silent for a second would be closed, and a reload may take as long.
  while (server.logged(/reload: done/) === 0) {
    for (const guest of guests) guest.send("LEAVE nothing");
    await Bun.sleep(20);
  }
  const newcomer = new Guest();
  await newcomer.join("stay", "newcomer");
  newcomer.send("SAY stay welcome");
  for (const guest of [...guests, newcomer]) {
    await guest.until(() => guest.messages("stay").length === 1);
    guest.leave();
  }
});

/** The client in the terminal, with `input` typed at it and then Ctrl-D. */
async function client(args: string[], input: string): Promise<[number, string, string]> {
  const child = Bun.spawn([process.execPath, path("chat-client.ts"), ...args], {
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const texts = [new Response(child.stdout).text(), new Response(child.stderr).text()] as const;
  const [out, error] = await Promise.all(texts);
  return [await child.exited, out, error];
}

test("the client in the terminal says what is wrong in a line, and ends", async () => {
  const here = `127.0.0.1:${server.port}`;
  for (const address of ["nonsense", "--help", "127.0.0.1:99999", "127.0.0.1:", ":1", "[::1]:x"]) {
    const [code, out, error] = await client([address], "");
    expect([address, code, out]).toEqual([address, 1, ""]);
    expect(error).toMatch(/^(?:usage: bun examples|Cannot reach ).*\n$/);
  }
  const refused = "* ERROR a room and a name, one word each\n";
  expect(await client([here, "two words"], "hello\n")).toEqual([1, refused, ""]);
});

test("the client in the terminal survives a long line, and what others send to it", async () => {
  const guest = new Guest();
  await guest.join("odd", "guest");
  const here = `127.0.0.1:${server.port}`;
  const [code, out, error] = await client([here, "odd", "ann"], `${"x".repeat(5000)}\n\x1b[2J!\n`);
  expect([code, error]).toEqual([0, ""]);
  expect(out.split("\n")).toContain("* too long");
  expect(out).toEndWith("\nann: [2J!\n* LEFT odd\n");
  await guest.until(() => guest.messages("odd").length === 1);
  guest.leave();
});

test("the client in the terminal says its lines, prints what it hears, and leaves", async () => {
  const guest = new Guest();
  await guest.join("terminal", "guest");
  const child = Bun.spawn(
    [process.execPath, path("chat-client.ts"), `127.0.0.1:${server.port}`, "terminal", "ann"],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  child.stdin.write("hello there\n");
  await guest.until(() => guest.messages("terminal").length === 1);
  expect(guest.messages("terminal")).toEqual(["MESSAGE terminal ann hello there"]);
  await child.stdin.end();
  expect(await new Response(child.stdout).text()).toMatch(
    /^\* JOINED terminal [01]\nann: hello there\n\* LEFT terminal\n$/,
  );
  expect(await child.exited).toBe(0);
  guest.leave();
});
