// One http listener in a simulated world: sessions on fake sockets under a fake clock. A peer sends
// bytes and reads answers, which are parsed here by rules of the test's own, so that no wrong
// framing can hide behind the same mistake on both sides.

import { expect } from "bun:test";
import type { SocketHandler } from "bun";
import {
  COUNT_REQUESTS,
  COUNT_REQUESTS_IN_FLIGHT,
  COUNT_RESPONSES_2XX,
} from "../../src/core/counters.ts";
import { createLog } from "../../src/core/log.ts";
import type { Connection } from "../../src/net/connection.ts";
import { TopicChannel } from "../../src/server/channel.ts";
import { HttpApplication } from "../../src/server/http-application.ts";
import type { HttpLimits } from "../../src/server/http-limit-options.ts";
import type { HttpListenerOptions, RouteHandler } from "../../src/server/service.ts";
import { fakeSocket } from "../support/fake-ring-socket.ts";
import type { FakeSocket, FakeSocketOptions } from "../support/fake-socket.ts";
import { NetWorld, type NetWorldOptions } from "../support/net-world.ts";
import { everyCut } from "../support/replay.ts";

export const SETTINGS: HttpLimits = {
  idleTimeoutMs: 60_000,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 10_000,
  bodyBytesMin: 10_240,
  bodyBytesMax: 1 << 20,
  targetBytesMax: 8192,
  headBytesMax: 32_768,
  headerBytesMax: 16_384,
  headersMax: 100,
  trailerBytesMax: 8192,
};

const PATIENCE_MS = 5000;

export class HttpWorld extends NetWorld {
  readonly application: HttpApplication;
  /** Lines that the server logged. */
  readonly log: string[] = [];

  constructor(
    options: HttpListenerOptions,
    settings: Partial<HttpLimits> = {},
    net: NetWorldOptions = {},
  ) {
    super(net);
    const log = createLog({ write: (line) => void this.log.push(line) });
    const channel = new TopicChannel(() => {});
    const worker = { index: 0, workers: 1, channel };
    const all = { ...SETTINGS, ...settings };
    this.application = new HttpApplication(options, all, this.reactor, log, worker);
  }

  connect(options: FakeSocketOptions<Connection> = {}): HttpPeer {
    return new HttpPeer(this, options);
  }

  /** Lets promises and turns of the loop go on until `done`; fails if that does not come about. */
  async until(done: () => boolean, what = "what was waited for"): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS;
    while (performance.now() < endMs) {
      if (done()) return;
      await this.turn();
    }
    throw new Error(`${what} did not happen`);
  }

  /** Handler failures that were logged. */
  get failures(): string[] {
    return this.log.filter((line) => line.includes("a handler failed"));
  }

  /** Enough turns for everything that waits for nothing but promises. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) await this.turn();
  }

  private async turn(): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.clock.advance(0);
  }

  get requests(): number {
    return this.count(COUNT_REQUESTS);
  }

  /** Final answers that were counted, of all status classes. */
  get responses(): number {
    let sum = 0;
    for (let index = 0; index < 4; index++) sum += this.count(COUNT_RESPONSES_2XX + index);
    return sum;
  }

  get inFlight(): number {
    return this.count(COUNT_REQUESTS_IN_FLIGHT);
  }

  /** Every connection is gone, nothing is held, and no exchange is lost or shared. */
  checkEnd(): void {
    this.checkAtRest();
    expect(this.inFlight).toBe(0);
  }
}

/** A world with one handler for everything. */
export function worldOf(handler: RouteHandler, settings: Partial<HttpLimits> = {}): HttpWorld {
  return new HttpWorld({ routes: { "/*": handler } }, settings);
}

export interface Answer {
  status: number;
  /** By lower-case name; several fields of a name are joined by ", ". */
  fields: Record<string, string>;
  body: string;
  /** Its end has arrived, by its own framing. */
  complete: boolean;
}

export class HttpPeer {
  readonly socket: FakeSocket<Connection>;
  private readonly world: HttpWorld;

  constructor(world: HttpWorld, options: FakeSocketOptions<Connection>) {
    this.world = world;
    const handlers = world.reactor.handlers(world.application);
    this.socket = fakeSocket(handlers as unknown as SocketHandler<Connection>, options);
    world.clock.afterAdvance.push(() => this.socket.settle());
    this.socket.open();
  }

  get connection(): Connection {
    return this.socket.data;
  }

  /** Sends bytes; each character is one. */
  send(text: string): this {
    this.socket.deliver(Buffer.from(text, "latin1"));
    return this;
  }

  /** What came back so far, without dates. */
  get text(): string {
    return withoutDates(this.socket.sentText);
  }

  /** The answers so far; `methods` are those of the requests, GET where none is named. */
  answers(...methods: string[]): Answer[] {
    return parseAnswers(this.socket.sentText, methods);
  }

  /** The only answer so far. */
  answer(method = "GET"): Answer {
    const answers = this.answers(method);
    expect(answers.map((answer) => answer.status)).toHaveLength(1);
    return answers[0]!;
  }

  /** Waits for so many whole answers, 1xx included, and gives them. */
  async answered(count: number, ...methods: string[]): Promise<Answer[]> {
    const whole = (): boolean => {
      const answers = this.answers(...methods);
      return answers.length >= count && answers[count - 1]!.complete;
    };
    await this.world.until(whole, `answer ${count}`);
    return this.answers(...methods);
  }

  /** Our side has sent FIN or the connection is gone. */
  get ended(): boolean {
    return this.socket.shutDown || this.socket.closed;
  }

  /** The peer leaves in good order, whatever the state of the connection. */
  leave(): void {
    this.socket.peerEnd();
    this.socket.settle();
    if (!this.socket.closed) this.socket.peerReset();
  }
}

export function withoutDates(text: string): string {
  return text.replace(/\r\nDate: [^\r]{29}\r\n/g, "\r\n");
}

/** Splits what a server sent by RFC 9112 section 6.3. */
export function parseAnswers(text: string, methods: readonly string[] = []): Answer[] {
  const answers: Answer[] = [];
  let at = 0;
  let final = 0;
  while (at < text.length) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0 && "HTTP/1.1 ".startsWith(text.slice(at, at + 9))) return answers; // not all of it
    if (end < 0) throw new Error(`not a head: ${JSON.stringify(text.slice(at, at + 80))}`);
    const [line, ...lines] = text.slice(at, end).split("\r\n");
    const status = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(line!)?.[1];
    if (status === undefined) throw new Error(`not a status line: ${JSON.stringify(line)}`);
    const answer: Answer = { status: Number(status), fields: {}, body: "", complete: true };
    for (const field of lines) addField(answer.fields, field);
    at = end + 4;
    const method = methods[final] ?? "GET";
    if (answer.status >= 200) final++;
    at = parseBody(text, at, answer, method);
    answers.push(answer);
  }
  return answers;
}

function addField(fields: Record<string, string>, line: string): void {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ ]?([^\r\n\0]*)$/.exec(line);
  if (match === null) throw new Error(`not a field: ${JSON.stringify(line)}`);
  const name = match[1]!.toLowerCase();
  const value = match[2]!;
  fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`;
}

function parseBody(text: string, at: number, answer: Answer, method: string): number {
  const { status, fields } = answer;
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return at;
  if (fields["transfer-encoding"] === "chunked") return parseChunks(text, at, answer);
  if (fields["content-length"] === undefined) {
    answer.body = text.slice(at);
    answer.complete = false; // only the end of the connection tells
    return text.length;
  }
  const length = Number(fields["content-length"]);
  answer.body = text.slice(at, at + length);
  answer.complete = answer.body.length === length;
  return Math.min(text.length, at + length);
}

function parseChunks(text: string, from: number, answer: Answer): number {
  let at = from;
  answer.complete = false;
  while (at < text.length) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return text.length;
    const size = text.slice(at, lineEnd);
    if (!/^[0-9a-f]+$/.test(size)) throw new Error(`not a chunk size: ${JSON.stringify(size)}`);
    const count = Number.parseInt(size, 16);
    const dataEnd = lineEnd + 2 + count;
    if (count > 0) answer.body += text.slice(lineEnd + 2, dataEnd);
    if (text.length < dataEnd + 2) return text.length;
    if (text.slice(dataEnd, dataEnd + 2) !== "\r\n") throw new Error("a chunk without its end");
    at = dataEnd + 2;
    if (count > 0) continue;
    answer.complete = true;
    return at;
  }
  return at;
}

/** The ways in which everyCut would cut `text`, for runs that have to wait. */
export function cutsOf(text: string): number[][] {
  const cuts: number[][] = [];
  everyCut(Buffer.from(text, "latin1"), (ends) => {
    cuts.push([...ends]);
    return "";
  });
  return cuts;
}

/** Sends `text` in the pieces that end at `ends`. */
export function sendCut(peer: HttpPeer, text: string, ends: readonly number[]): void {
  let start = 0;
  for (const end of ends) {
    peer.send(text.slice(start, end));
    start = end;
  }
}

/** A request with a Host, and a Content-Length if there is a body. */
export function request(line: string, body = "", ...fields: string[]): string {
  const length = body === "" ? [] : [`Content-Length: ${body.length}`];
  return [`${line} HTTP/1.1`, "Host: a", ...length, ...fields, "", body].join("\r\n");
}

export const GET: string = request("GET /");
