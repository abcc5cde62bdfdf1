// Random conversations with fetch handlers in the simulated world: valid requests of every framing,
// cut anywhere, pipelined and interleaved; handlers that read the body in every way, partly, by a
// clone, or not at all, and answer with every kind of Response, honest about its length or not, at
// once, late, or failing on the way.
//
//   bun test/fuzz/http-fetch.fuzz.ts --seed S --count N      (script k has the seed S + k)
//
// What a handler reads is what was sent to it, trailers included, or an error that says why not;
// what a peer gets is what the handler of its own request said, in order, or visibly less; nothing
// is held at the end, and no promise of the server's fails unnoticed.

import { parseArgs } from "node:util";
import { MillraceError } from "../../src/core/errors.ts";
import { trailersOf } from "../../src/server/request-trailers.ts";
import { installServerRequest } from "../../src/server/server-request.ts";
import { installServerResponse } from "../../src/server/server-response.ts";
import { type HttpPeer, HttpWorld, parseAnswers } from "../server/http-world.ts";
import { Random } from "../support/random.ts";

const PEERS = 2;
const ROUNDS = 6;
const BODY_BYTES_MAX = 200_000;
const STATUSES = [200, 201, 203, 204, 205, 304, 404, 500];

/** One request: what was sent, what its handler answered. */
interface Sent {
  readonly peer: number;
  readonly method: string;
  readonly body: string;
  readonly trailer: string | null;
  called: boolean;
  /** Content of the answer; null if it is to fail. */
  answer: string | null;
  status: number;
}

class Script {
  private readonly random: Random;
  private readonly world: HttpWorld;
  private readonly sent: Sent[] = [];
  private readonly late: (() => void)[] = [];
  private readonly problems: string[] = [];
  private readonly cutOff = new Set<number>(); // peers that did not finish what they said

  constructor(seed: number) {
    this.random = new Random(seed);
    const fetch = (from: Request): Response | Promise<Response> => this.handle(from);
    this.world = new HttpWorld({ fetch }, { bodyBytesMax: BODY_BYTES_MAX });
  }

  async run(): Promise<void> {
    const { random, world } = this;
    const peers = Array.from({ length: PEERS }, () => {
      return world.connect({ spaceBytes: random.oneIn(2) ? Infinity : random.below(5000) });
    });
    for (let round = 0; round < ROUNDS; round++) {
      const index = random.below(PEERS);
      await this.send(peers[index]!, index);
      if (random.oneIn(2)) await world.settle();
      world.check();
    }
    for (let round = 0; round < 60; round++) {
      for (const peer of peers) peer.socket.drain(random.oneIn(2) ? 200_000 : random.below(9000));
      await this.runLate();
    }
    for (const [index, peer] of peers.entries()) this.checkAnswers(peer, index);
    for (const peer of peers) peer.leave();
    for (let round = 0; round < 5; round++) await this.runLate();
    world.checkEnd();
    if (this.problems.length > 0) throw new Error(this.problems.join("; "));
  }

  // ---- the peers ----------------------------------------------------------------------------

  private async send(peer: HttpPeer, index: number): Promise<void> {
    const { random, world } = this;
    let text = "";
    for (let count = random.below(3); count >= 0; count--) text += this.request(index);
    const isCutOff = random.oneIn(15);
    const end = isCutOff ? random.below(text.length) : text.length;
    for (let at = 0; at < end;) {
      const next = Math.min(end, at + 1 + random.below(random.pick([5, 300, 30_000, 100_000])));
      peer.send(text.slice(at, next));
      at = next;
      if (random.oneIn(4)) await world.settle();
      if (random.oneIn(6)) this.late.pop()?.();
      if (random.oneIn(20)) world.clock.advance(random.below(2500));
      if (random.oneIn(5)) peer.socket.drain(random.below(100_000));
    }
    if (isCutOff) this.cutOff.add(index);
    if (isCutOff && random.oneIn(2)) peer.socket.peerReset();
    else if (isCutOff) peer.socket.peerEnd();
  }

  private request(peer: number): string {
    const { random } = this;
    const method = random.pick(["GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS"]);
    const id = this.sent.length;
    const kind = random.below(3);
    const length = random.below(random.pick([2, 100, 5000, 150_000]));
    const body = kind === 0 ? "" : `${id},`.repeat(1 + length / 3).slice(0, length);
    const trailer = kind === 2 && random.oneIn(2) ? `t${id}` : null;
    this.sent.push({ peer, method, body, trailer, called: false, answer: null, status: 0 });
    const fields = [`Host: a`, `X-Id: ${id}`];
    if (random.oneIn(12)) fields.push("Connection: close");
    if (random.oneIn(8)) fields.push("Expect: 100-continue");
    if (kind === 1) fields.push(`Content-Length: ${body.length}`);
    if (kind === 2) fields.push("Transfer-Encoding: chunked");
    const version = kind < 2 && random.oneIn(10) ? "1.0" : "1.1";
    if (version === "1.0" && random.oneIn(2)) fields.push("Connection: keep-alive");
    const head = `${method} /${id}?q HTTP/${version}\r\n${fields.join("\r\n")}\r\n\r\n`;
    return head + (kind === 2 ? this.chunks(body, trailer) : body);
  }

  private chunks(body: string, trailer: string | null): string {
    let text = "";
    for (let at = 0; at < body.length;) {
      const end = Math.min(body.length, at + 1 + this.random.below(60_000));
      const extension = this.random.oneIn(4) ? ';a="\\"";b' : "";
      text += `${(end - at).toString(16)}${extension}\r\n${body.slice(at, end)}\r\n`;
      at = end;
    }
    return `${text}0\r\n${trailer === null ? "" : `X-Trailer: ${trailer}\r\nHost: b\r\n`}\r\n`;
  }

  // ---- the handler --------------------------------------------------------------------------

  private handle(from: Request): Response | Promise<Response> {
    const id = Number(new URL(from.url).pathname.slice(1));
    const sent = this.sent[id];
    if (sent === undefined || sent.method !== from.method || sent.called) {
      this.problems.push(`a request that was not sent, or twice: ${from.method} ${from.url}`);
      return new Response("problem");
    }
    sent.called = true;
    if (this.random.oneIn(5)) return this.respond(from, sent, id);
    return this.handleLater(from, sent, id);
  }

  private async handleLater(from: Request, sent: Sent, id: number): Promise<Response> {
    const { random } = this;
    if (random.oneIn(3)) await this.pause();
    try {
      await this.read(from, sent, id);
    } catch (error) {
      const isKnown = error instanceof MillraceError && error.code.startsWith("ERR_BODY_");
      if (!isKnown) this.problems.push(`request ${id} failed with ${String(error)}`);
      if (random.oneIn(2)) throw error;
    }
    if (random.oneIn(3)) await this.pause();
    if (from.headers.get("x-id") !== `${id}`) this.problems.push(`fields of ${id} changed`);
    if (random.oneIn(20)) throw new Error("a handler that fails");
    return this.respond(from, sent, id);
  }

  private async read(from: Request, sent: Sent, id: number): Promise<void> {
    const { random } = this;
    const hasBody = from.body !== null;
    const way = random.below(7);
    if (way === 0) return this.expectUnread(from, sent, id);
    if (way === 1) return this.readSome(from);
    const target = way === 2 ? (from.clone() as unknown as Request) : from;
    const text = way === 3 ? Buffer.from(await target.bytes()).toString() : await target.text();
    const visible = hasBody ? sent.body : "";
    if (text !== visible) this.problems.push(`body of ${id}: ${text.length}, ${visible.length}`);
    const trailer = (await trailersOf(target)).get("x-trailer");
    const isShown = sent.method !== "GET" && sent.method !== "HEAD";
    if (isShown && trailer !== sent.trailer) this.problems.push(`trailer of ${id}: ${trailer}`);
    if (trailer !== null && trailer !== sent.trailer) this.problems.push(`foreign: ${trailer}`);
    if ((await trailersOf(target)).has("host")) this.problems.push("Host in a trailer");
  }

  private async expectUnread(from: Request, sent: Sent, id: number): Promise<void> {
    if (from.body === null) return;
    const code = await trailersOf(from).then(String, (error: MillraceError) => error.code);
    const isRight = code === "ERR_BODY_UNREAD" && sent.body !== "";
    // A body that is not there yet may turn out to be empty.
    if (!isRight && sent.body !== "") this.problems.push(`unread ${id}: ${code}`);
  }

  private async readSome(from: Request): Promise<void> {
    if (from.body === null) return;
    const reader = from.body.getReader();
    for (let count = this.random.below(4); count > 0; count--) await reader.read();
    if (this.random.oneIn(2)) await reader.cancel();
    else reader.releaseLock();
  }

  private respond(from: Request, sent: Sent, id: number): Response {
    const { random } = this;
    const text = `${id} `.repeat(random.below(random.pick([2, 100, 50_000])));
    const headers = new Headers([
      ["X-Id", `${id}`],
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ]);
    if (random.oneIn(15)) headers.set("Connection", "close");
    if (random.oneIn(15)) headers.set("Transfer-Encoding", "chunked");
    const kind = random.below(9);
    const status = kind === 8 ? 200 : random.pick(STATUSES);
    sent.status = status;
    sent.answer = text;
    if ([204, 205, 304].includes(status)) {
      sent.answer = "";
      return new Response(null, { status, headers });
    }
    if (random.oneIn(6)) headers.set("Content-Length", `${random.below(text.length + 3)}`);
    return new Response(this.content(kind, text, sent, from) as never, { status, headers });
  }

  private content(kind: number, text: string, sent: Sent, from: Request): unknown {
    switch (kind) {
      case 0:
        return text;
      case 1:
        return Buffer.from(text);
      case 2:
        return new Blob([text]);
      case 3:
        sent.answer = "";
        return null;
      case 4:
        return this.stream(text, undefined);
      case 5:
        return this.stream(text, "bytes");
      case 6:
        return this.pieces(text, false);
      case 7:
        sent.answer = null;
        return this.pieces(text, true);
      default:
        if (from.body === null || from.bodyUsed || from.body.locked) return text;
        sent.answer = null; // as much as the peer sends of it
        return from.body;
    }
  }

  private stream(text: string, type: "bytes" | undefined): ReadableStream {
    const pieces = this.pieces(text, false);
    return new ReadableStream({
      ...(type === undefined ? {} : { type }),
      pull: async (controller: { enqueue(piece: Uint8Array): void; close(): void }) => {
        for (;;) {
          const { done, value } = await pieces.next();
          if (done === true) return controller.close();
          if (value.length > 0) return controller.enqueue(value);
        }
      },
    } as ConstructorParameters<typeof ReadableStream>[0]);
  }

  private async *pieces(text: string, fails: boolean): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < text.length;) {
      const end = at + this.random.below(60_000);
      yield new TextEncoder().encode(text.slice(at, end));
      at = end;
      if (this.random.oneIn(3)) await this.pause();
    }
    if (fails) throw new Error("a source that fails");
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => void this.late.push(resolve));
  }

  private async runLate(): Promise<void> {
    for (const resume of this.late.splice(0)) resume();
    await this.world.settle();
  }

  // ---- what must hold -----------------------------------------------------------------------

  private checkAnswers(peer: HttpPeer, index: number): void {
    const own = this.sent
      .map((sent, id) => ({ ...sent, id }))
      .filter((sent) => sent.peer === index);
    const called = own.filter((sent) => sent.called);
    const methods = called.map((sent) => sent.method);
    const answers = parseAnswers(peer.socket.sentText, methods).filter(
      ({ status }) => status >= 200,
    );
    const isOpen = !this.cutOff.has(index) && !peer.ended;
    if (isOpen && answers.length !== own.length) {
      this.problems.push(`${own.length - answers.length} of ${own.length} were never answered`);
    }
    if (answers.length > called.length + 1) this.problems.push(`${answers.length} answers`);
    for (const [place, answer] of answers.entries()) {
      const isLast = place === answers.length - 1;
      if (!answer.complete && !isLast) this.problems.push("an answer behind one without an end");
      const tag = answer.fields["x-id"];
      if (tag === undefined) continue; // an error of the server's own
      const sent = called[place];
      if (sent === undefined || tag !== `${sent.id}`) {
        this.problems.push(`answer ${tag} in place of ${sent?.id}`);
        continue;
      }
      this.checkAnswer(answer, sent);
    }
  }

  private checkAnswer(answer: ReturnType<typeof parseAnswers>[number], sent: Sent): void {
    const { fields, body, complete } = answer;
    if (answer.status !== sent.status) this.problems.push(`status ${answer.status}`);
    if (fields["set-cookie"] !== "a=1, b=2") this.problems.push(`cookies ${fields["set-cookie"]}`);
    const bothFramings = "content-length" in fields && "transfer-encoding" in fields;
    if (bothFramings) this.problems.push("two framings");
    if (sent.method === "HEAD" || sent.answer === null) return;
    if (!sent.answer.startsWith(body)) this.problems.push(`content of ${fields["x-id"]}`);
    const isShort = complete && body !== sent.answer;
    const isDeclared = fields["content-length"] === `${body.length}`;
    if (isShort && !isDeclared) this.problems.push(`content of ${fields["x-id"]} is cut short`);
  }
}

/** Runs scripts seed .. seed + count - 1; an error names the seed that repeats it. */
export async function fuzzFetch(seed: number, count: number): Promise<void> {
  const platform = { Request, Response, fetch };
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  installServerRequest();
  installServerResponse();
  try {
    for (let script = seed; script < seed + count; script++) {
      try {
        await new Script(script).run();
        if (unhandled.length > 0) throw unhandled[0];
      } catch (cause) {
        const command = `bun test/fuzz/http-fetch.fuzz.ts --seed ${script} --count 1`;
        throw new Error(command, { cause });
      }
    }
  } finally {
    process.off("unhandledRejection", note);
    Object.assign(globalThis, platform);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { seed: { type: "string" }, count: { type: "string", default: "1000" } },
  });
  const seed = values.seed === undefined ? Date.now() >>> 8 : Number(values.seed);
  const startMs = performance.now();
  await fuzzFetch(seed, Number(values.count));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${values.count} scripts of ${PEERS} peers from seed ${seed}: fine, ${seconds} s`);
}
