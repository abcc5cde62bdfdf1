// Random traffic through whole HTTP sessions in the simulated world: valid requests and mutations
// of them, cut anywhere, from several peers at once, who read slowly, finish and reset; handlers
// that answer at once, late, twice, in a stream, never, or fail, and read the body or not.
//
//   bun test/fuzz/http-session.fuzz.ts --seed S --count N      (script k has the seed S + k)
//
// Nothing throws; what a peer gets is a sequence of well-formed answers, one a request at most,
// each to a request of its own and in their order; no handler sees its request change under it; at
// the end nothing is held and every count adds up.

import { parseArgs } from "node:util";
import type { HttpRequest } from "../../src/server/http-request.ts";
import type { HttpResponse } from "../../src/server/http-response.ts";
import { type HttpPeer, HttpWorld, parseAnswers, request } from "../server/http-world.ts";
import { mutate } from "../support/http-mutation.ts";
import { Random } from "../support/random.ts";

const PEERS = 3;
const STEPS = 40;
const CODES = [200, 201, 204, 205, 304, 404, 500];

const LONG_CHUNK: string = "z".repeat(0x10000);

const CORPUS: readonly string[] = [
  request("GET /a"),
  request("HEAD /b?c", "", "X-Field: value"),
  request("POST /c", "hello"),
  request("POST /d", "x".repeat(3000)),
  request("POST /e", "y".repeat(70_000)),
  request("PUT /f", "", "Connection: close"),
  request("POST /g", "body!", "Expect: 100-continue"),
  `${request("POST /h", "", "Transfer-Encoding: chunked")}5;a="b"\r\nhello\r\n0\r\nT: x\r\n\r\n`,
  `${request("POST /i", "", "Transfer-Encoding: chunked")}10000\r\n${LONG_CHUNK}\r\n0\r\n\r\n`,
  "GET /j HTTP/1.0\r\n\r\n",
  "POST /k HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
  "GET http://a/l HTTP/1.1\r\nHost: a\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
];

interface Call {
  readonly id: number;
  readonly port: number;
}

class Script {
  readonly random: Random;
  readonly world: HttpWorld;
  private readonly calls: Call[] = []; // of the handler
  private readonly methods: string[][] = []; // of all whole requests, by peer
  private readonly late: (() => void)[] = [];
  private readonly problems: string[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
    const handler = (from: HttpRequest, to: HttpResponse): unknown => this.handle(from, to);
    const { random } = this;
    const limits = {
      bodyBytesMax: 100_000,
      headBytesMax: random.pick([32_768, 32_768, 256, 64]),
      targetBytesMax: random.pick([8192, 8192, 3]),
      headersMax: random.pick([100, 100, 2]),
      trailerBytesMax: random.pick([8192, 8192, 0, 6]),
    };
    const writeBytesMin = random.pick([1, 1, 10_000]);
    this.world = new HttpWorld({ routes: { "/*": handler } }, limits, { writeBytesMin });
    const { application } = this.world;
    const handle = application.handle.bind(application);
    application.handle = (from, to) => {
      this.methods[from.remotePort]!.push(from.method);
      return handle(from, to);
    };
  }

  async run(): Promise<void> {
    const { random, world } = this;
    const peers = Array.from({ length: PEERS }, (_, index) => this.connect(index));
    for (let step = 0; step < STEPS; step++) {
      const peer = random.pick(peers);
      this.step(peer);
      for (let tick = random.below(6); tick > 0; tick--) await Promise.resolve();
      if (random.oneIn(8)) await world.settle();
      world.check();
    }
    await this.runLate();
    for (const [index, peer] of peers.entries()) this.checkAnswers(index, peer);
    for (const peer of peers) peer.leave();
    await this.runLate();
    world.checkEnd();
    if (this.problems.length > 0) throw new Error(this.problems.join("; "));
  }

  private connect(index: number): HttpPeer {
    const spaceBytes = this.random.oneIn(2) ? Infinity : this.random.below(3000);
    const peer = this.world.connect({ spaceBytes });
    peer.socket.remotePort = index;
    this.methods[index] = [];
    return peer;
  }

  private step(peer: HttpPeer): void {
    const { random } = this;
    if (random.oneIn(6)) peer.socket.drain(random.below(100_000));
    if (random.oneIn(30)) this.world.clock.advance(random.below(20_000));
    if (random.oneIn(40)) peer.socket.peerEnd();
    else if (random.oneIn(60)) peer.socket.peerReset();
    if (random.oneIn(4)) this.late.pop()?.();
    let text = "";
    for (let count = random.below(4); count >= 0; count--) text += random.pick(CORPUS);
    if (random.oneIn(2)) text = mutate(text, CORPUS, random);
    for (let at = 0; at < text.length;) {
      const end = at + 1 + random.below(random.pick([3, 50, 5000, 100_000]));
      peer.send(text.slice(at, end));
      at = end;
    }
    peer.socket.settle();
  }

  private async runLate(): Promise<void> {
    for (let round = 0; round < 40 && this.late.length > 0; round++) {
      for (const callback of this.late.splice(0)) callback();
      await this.world.settle();
    }
    await this.world.settle();
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => void this.late.push(resolve));
  }

  private handle(from: HttpRequest, to: HttpResponse): unknown {
    const { random } = this;
    const id = this.calls.length;
    this.calls.push({ id, port: from.remotePort });
    to.header("X-Id", `${id}`);
    if (random.oneIn(10)) to.header("Connection", "close");
    switch (random.below(9)) {
      case 0:
        return this.answer(to, id);
      case 1:
        return void (random.oneIn(2) && this.late.push(() => this.answerTooLate(to)));
      case 2:
        throw new Error("a handler that throws");
      case 3:
        return random.oneIn(3) ? new Promise(() => {}) : Promise.reject(new Error("rejects"));
      case 4:
        this.answer(to, id);
        return this.answerTooLate(to);
      default:
        return this.handleLater(from, to, id);
    }
  }

  private async handleLater(from: HttpRequest, to: HttpResponse, id: number): Promise<void> {
    const { random } = this;
    const { target, serial } = from;
    if (random.oneIn(2)) await this.pause();
    if (random.oneIn(3)) this.answer(to, id);
    if (random.oneIn(2)) await this.read(from);
    if (random.oneIn(3)) await this.pause();
    if (from.serial !== serial || from.target !== target)
      this.problems.push(`request ${id} changed`);
    if (!to.sent) this.answer(to, id);
    if (random.oneIn(5)) throw new Error("a handler that fails late");
  }

  private async read(from: HttpRequest): Promise<void> {
    const { random } = this;
    if (random.oneIn(2)) return void (await from.bytes());
    for await (const _ of from.chunks()) {
      if (random.oneIn(3)) await this.pause();
      if (random.oneIn(5)) return;
    }
  }

  private answer(to: HttpResponse, id: number): void {
    const { random } = this;
    to.status(random.pick(CODES));
    const text = `${id} `.repeat(random.below(random.pick([2, 100, 40_000])));
    const form = random.below(5);
    if (form === 0) to.text(text);
    else if (form === 1) to.send(Buffer.from(text));
    else if (form === 2) to.empty();
    else to.stream(this.pieces(text), form === 3 ? text.length : undefined);
  }

  private async *pieces(text: string): AsyncGenerator<string> {
    const { random } = this;
    for (let at = 0; at < text.length;) {
      const end = at + random.below(50_000);
      yield text.slice(at, end);
      at = end;
      if (random.oneIn(3)) await this.pause();
      if (random.oneIn(20)) throw new Error("a source that fails");
    }
  }

  /** What an answer must be once it is too late for one: nothing, or an error of its own. */
  private answerTooLate(to: HttpResponse): void {
    try {
      to.text("too late");
    } catch (error) {
      if (!String(error).includes("sent already")) throw error;
    }
  }

  private checkAnswers(index: number, peer: HttpPeer): void {
    const own = this.calls.filter((call) => call.port === index);
    const methods = this.methods[index]!;
    const all = parseAnswers(peer.socket.sentText, methods);
    const answers = all.filter((answer) => answer.status >= 200);
    if (answers.length > methods.length + 1) this.problems.push(`${answers.length} answers`);
    let last = -1;
    for (const [place, answer] of answers.entries()) {
      const isLast = place === answers.length - 1;
      if (!answer.complete && !isLast) this.problems.push("an answer behind one without an end");
      const tag = answer.fields["x-id"];
      if (tag === undefined) continue;
      const id = Number(tag);
      if (!own.some((call) => call.id === id)) this.problems.push(`answer ${id} of another peer`);
      if (id <= last) this.problems.push(`answer ${id} behind ${last}`);
      if (answer.body.split(" ").some((word) => word !== "" && !tag.startsWith(word))) {
        this.problems.push(`answer ${id} has another's content`);
      }
      last = id;
    }
  }
}

/** Runs scripts seed .. seed + count - 1; an error names the seed that repeats it. */
export async function fuzzSessions(seed: number, count: number): Promise<void> {
  for (let script = seed; script < seed + count; script++) {
    try {
      await new Script(script).run();
    } catch (error) {
      throw new Error(`bun test/fuzz/http-session.fuzz.ts --seed ${script} --count 1`, {
        cause: error,
      });
    }
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { seed: { type: "string" }, count: { type: "string", default: "2000" } },
  });
  const seed = values.seed === undefined ? Date.now() >>> 8 : Number(values.seed);
  const startMs = performance.now();
  await fuzzSessions(seed, Number(values.count));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${values.count} scripts of ${PEERS} peers from seed ${seed}: fine, ${seconds} s`);
}
