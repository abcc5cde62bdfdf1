// The honest HTTP clients of the soak: each asks in its own way, checks every byte of every answer
// and keeps the books. A way is a function that lives through one connection, or a few, and is
// called again and again until the soak ends.

import { AnswerReader, NotHttp } from "./soak-answers.ts";
import { digestOf, PATTERN } from "./soak-pattern.ts";
import { SoakSocket } from "./soak-socket.ts";
import type { Soak, Way } from "./soak-world.ts";

const KIB = 1024;
const REST_MS_MAX = 20;
const SLOW_REST_MS = 15;

export interface Call {
  readonly what: string;
  readonly bytes: Uint8Array | string;
  readonly body: Uint8Array | string;
  /** It cannot be answered without a buffer, so that the memory limit may refuse it. */
  readonly takesBuffers: boolean;
  /** 200 unless it is another. */
  readonly status?: number;
}

/** One connection and what has been asked on it. */
export class HttpCaller {
  readonly socket: SoakSocket;
  readonly reader: AnswerReader;
  private readonly soak: Soak;
  private isOver = false;
  private isFresh = true;
  private askedMs: number = performance.now();

  constructor(soak: Soak, socket: SoakSocket) {
    this.soak = soak;
    this.socket = socket;
    this.reader = new AnswerReader(socket);
  }

  static async open(soak: Soak): Promise<HttpCaller | null> {
    const socket = await SoakSocket.open(soak.ports.http, soak.books);
    return socket === null ? null : new HttpCaller(soak, socket);
  }

  /** Whether another request may follow. */
  get isUsable(): boolean {
    return !this.isOver && this.socket.isOpen;
  }

  /** Sends all at once and waits for their answers, in order. False when the connection is over. */
  async ask(...calls: Call[]): Promise<boolean> {
    if (!this.isUsable) return false; // closed before anything was asked
    const { books } = this.soak;
    const silentMs = this.isFresh ? 0 : performance.now() - this.askedMs;
    this.askedMs = performance.now();
    books.owed += calls.length;
    books.heads += calls.length;
    // An answer may come before all has been sent, and then the rest is not wanted.
    this.socket.begin(Buffer.concat(calls.map(({ bytes }) => Buffer.from(bytes as string))));
    return this.collect(calls, silentMs);
  }

  /** For a request that was sent in another way. */
  async collect(calls: readonly Call[], silentMs: number): Promise<boolean> {
    const { books } = this.soak;
    for (const [at, call] of calls.entries()) {
      if (this.isOver) {
        books.dropped++;
        continue;
      }
      const answered = await this.settle(call, silentMs);
      this.isFresh = false;
      if (answered) continue;
      books.cutOff({
        life: this.socket.life,
        calls: calls.length - at,
        silentMs,
        atMs: performance.now(),
        begun: this.reader.begun,
        // What cuts a later answer off takes those with it that had not left yet.
        takesBuffers: calls.slice(at).some(({ takesBuffers }) => takesBuffers),
        wasReset: this.socket.wasReset,
        what: call.what,
      });
      this.isOver = true;
      break;
    }
    if (!this.isOver && this.reader.unasked > 0) books.complain("bytes behind the last answer");
    if (this.isOver) await this.leave();
    return this.isUsable;
  }

  /** In good order, unless the server has left already. */
  async leave(): Promise<void> {
    this.isOver = true;
    this.socket.finish();
    if (!(await this.socket.untilEnded())) this.soak.books.complain("the server did not close");
    this.socket.close();
  }

  /** False when no whole answer came. */
  private async settle(call: Call, silentMs: number): Promise<boolean> {
    const { books } = this.soak;
    try {
      const answer = await this.reader.next();
      if (this.socket.isStuck) books.complain(`${call.what}: no answer and no end`);
      if (answer === null) return false;
      books.read[Math.floor(answer.status / 100)]!++;
      this.isOver = answer.isLast;
      const isRight =
        answer.status === (call.status ?? 200) &&
        Buffer.from(call.body as string).equals(answer.body);
      if (isRight) books.answered++;
      else if (answer.status === 503 && call.takesBuffers) books.refused++;
      else this.complainOf(call, answer.status, answer.body, silentMs);
    } catch (error) {
      if (!(error instanceof NotHttp)) throw error;
      books.complain(`${call.what}: not HTTP: ${error.message}`);
      this.isOver = true;
    }
    return true;
  }

  private complainOf(call: Call, status: number, body: Buffer, silentMs: number): void {
    const text = JSON.stringify(body.toString("latin1", 0, 60));
    const since = `after ${silentMs.toFixed(0)} ms of silence`;
    this.soak.books.complain(`${call.what}: ${status}, ${body.length} bytes: ${text} ${since}`);
  }
}

export function get(path: string, body: Uint8Array | string, takesBuffers: boolean): Call {
  return {
    what: `GET ${path}`,
    bytes: `GET ${path} HTTP/1.1\r\nHost: soak\r\n\r\n`,
    body,
    takesBuffers,
  };
}

function post(path: string, body: Uint8Array, answer: Uint8Array | string, chunked: boolean): Call {
  const head = `POST ${path} HTTP/1.1\r\nHost: soak\r\n`;
  const pieces: (Uint8Array | Buffer)[] = [];
  if (chunked) {
    pieces.push(Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`));
    for (let at = 0; at < body.length; at += 10_000) {
      const piece = body.subarray(at, at + 10_000);
      pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
    }
    pieces.push(Buffer.from("0\r\n\r\n"));
  } else {
    pieces.push(Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body);
  }
  const what = `POST ${path} of ${body.length}${chunked ? " in chunks" : ""}`;
  return { what, bytes: Buffer.concat(pieces), body: answer, takesBuffers: true };
}

export const HELLO: Call = get("/hello", "Hello, World!", false);

function isLast(call: Call): Call {
  const text = String(call.bytes).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
  return { ...call, bytes: text };
}

/** Calls of one kind on a kept connection, with rests between them. */
function kept(callsMax: number, next: (soak: Soak) => Call[]): Way {
  return async (soak) => {
    const caller = await HttpCaller.open(soak);
    if (caller === null) return;
    for (let left = soak.random.between(1, callsMax); left > 0 && !soak.isEnding; left--) {
      if (!(await caller.ask(...next(soak)))) break;
      await Bun.sleep(soak.random.below(REST_MS_MAX));
    }
    await caller.leave();
  };
}

const someBytes = (soak: Soak, most: number): Buffer => {
  const at = soak.random.below(PATTERN.length - most);
  return PATTERN.subarray(at, at + soak.random.between(1, most));
};

export const keepAlive: Way = kept(200, (soak) => [
  soak.random.oneIn(4) ? get("/fetch/hello", "Hello, World!", false) : HELLO,
]);

export const pipelined: Way = kept(40, (soak) => {
  const path = soak.random.pick(["number", "later"]);
  const count = soak.random.between(2, 32);
  return Array.from({ length: count }, () => {
    const number = String(soak.random.uint32());
    return get(`/${path}/${number}`, number, path === "later"); // what waits its turn is kept
  });
});

export const oneShot: Way = async (soak) => {
  const caller = await HttpCaller.open(soak);
  if (caller === null) return;
  await caller.ask(isLast(HELLO));
  await caller.leave();
};

export const uploads: Way = kept(20, (soak) => {
  const body = someBytes(soak, soak.random.pick([100, 4 * KIB, 64 * KIB, 1024 * KIB]));
  const path = soak.random.pick(["/digest", "/fetch/digest"]);
  return [post(path, body, digestOf(body), soak.random.oneIn(2))];
});

export const echoes: Way = kept(20, (soak) => {
  const body = someBytes(soak, 200 * KIB);
  return [post("/hold", body, body, soak.random.oneIn(2))];
});

export const downloads: Way = kept(12, (soak) => {
  const byteCount = soak.random.between(1, soak.random.pick([2 * KIB, 100 * KIB, 2048 * KIB]));
  const path = soak.random.pick(["bytes", "stream"]);
  return [get(`/${path}/${byteCount}`, PATTERN.subarray(0, byteCount), true)];
});

/** The first call names the worker: a file cannot. */
export const files: Way = kept(40, (soak) => {
  const { name, bytes } = soak.random.pick(soak.files);
  return [HELLO, get(`/${name}`, bytes, true)];
});

export const failingHandler: Way = kept(10, () => [
  { ...get("/error", "500 Internal Server Error\n", false), status: 500 },
]);

/** Sends its FIN right behind the request: one way is closed, and the answer comes all the same. */
export const halfClosed: Way = async (soak) => {
  const caller = await HttpCaller.open(soak);
  if (caller === null) return;
  const { books } = soak;
  const number = String(soak.random.uint32());
  const call = get(`/later/${number}`, number, false);
  books.owed++;
  books.heads++;
  await caller.socket.write(call.bytes);
  caller.socket.finish();
  await caller.collect([call], 0);
  await caller.leave();
};

/** Reads, but with a rest after each piece: it gets every byte. */
export const slowReader: Way = async (soak) => {
  const caller = await HttpCaller.open(soak);
  if (caller === null) return;
  const { socket } = caller;
  const read = socket.read.bind(socket);
  socket.read = async () => {
    await Bun.sleep(soak.random.below(SLOW_REST_MS));
    return read();
  };
  const byteCount = soak.random.between(1024 * KIB, 3072 * KIB);
  const path = soak.random.pick(["bytes", "stream"]);
  await caller.ask(isLast(get(`/${path}/${byteCount}`, PATTERN.subarray(0, byteCount), true)));
  await caller.leave();
};
