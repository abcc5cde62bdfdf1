// A small strict HTTP client that keeps exact books: every connection and every request ends in
// exactly one column. Keep-alive loops send a request, wait for its answer, rest, and send the
// next; one-shot loops open a connection for each request. A connection that is closed while no
// request is outstanding is no failure: it is opened again.
//
//   connections = refused + connected        requests = answered + cutOff + wrong + outstanding

const REST_MS = 4;

export interface Books {
  /** Connection attempts that were answered with a reset. */
  refused: number;
  connected: number;
  requests: number;
  /** A complete answer with status 200 and the body that was asked for. */
  answered: number;
  /** The connection ended before the answer was complete. */
  cutOff: number;
  /** Any other status or body, or bytes that nobody asked for. */
  wrong: number;
  /** Keep-alive connections that were closed between two requests. */
  closedBetween: number;
}

export interface Target {
  readonly hostname: string;
  readonly port: number;
}

export class LoadClient {
  readonly books: Books = {
    refused: 0,
    connected: 0,
    requests: 0,
    answered: 0,
    cutOff: 0,
    wrong: 0,
    closedBetween: 0,
  };
  /** What was wrong, for the message of a failed test. */
  readonly complaints: string[] = [];
  private readonly target: Target;
  private readonly loops: Promise<void>[] = [];
  private stopped = false;

  constructor(target: Target) {
    this.target = target;
  }

  /** Starts loops that hold a connection each. */
  keepAlive(count: number, path: string, body: RegExp): void {
    for (let i = 0; i < count; i += 1) this.loops.push(this.loop(path, body, true));
  }

  /** Starts loops that open a connection for each request. */
  oneShot(count: number, path: string, body: RegExp): void {
    for (let i = 0; i < count; i += 1) this.loops.push(this.loop(path, body, false));
  }

  /** Lets requests finish; resolves when no connection is left. */
  async stop(): Promise<Books> {
    this.stopped = true;
    await Promise.all(this.loops);
    return this.books;
  }

  private async loop(path: string, body: RegExp, keepAlive: boolean): Promise<void> {
    while (!this.stopped) {
      const exchange = new Exchange(this, path, body, keepAlive);
      if (!(await exchange.open(this.target))) {
        await Bun.sleep(REST_MS);
        continue;
      }
      do {
        await exchange.ask();
        await Bun.sleep(REST_MS);
      } while (keepAlive && exchange.isOpen && !this.stopped);
      exchange.close();
    }
  }
}

/** One connection, and at most one request on it at a time. */
class Exchange {
  private readonly client: LoadClient;
  private readonly request: string;
  private readonly body: RegExp;
  private socket: Bun.Socket | null = null;
  private received = "";
  private done: (() => void) | null = null;
  private closing = false;

  constructor(client: LoadClient, path: string, body: RegExp, keepAlive: boolean) {
    this.client = client;
    this.body = body;
    const close = keepAlive ? "" : "Connection: close\r\n";
    this.request = `GET ${path} HTTP/1.1\r\nHost: test\r\n${close}\r\n`;
  }

  get isOpen(): boolean {
    return this.socket !== null;
  }

  async open(target: Target): Promise<boolean> {
    const handlers = {
      data: (_: Bun.Socket, chunk: Buffer) => this.read(chunk.toString("latin1")),
      close: () => this.ended(),
      end: () => undefined,
      error: () => undefined,
    };
    try {
      this.socket = await Bun.connect({ ...target, socket: handlers });
      this.client.books.connected += 1;
      return true;
    } catch {
      this.client.books.refused += 1;
      return false;
    }
  }

  /** Resolves when the answer is complete or can no longer come. */
  ask(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.socket === null) return Promise.resolve(); // closed before anything was asked
    this.client.books.requests += 1;
    this.done = resolve;
    this.received = "";
    this.socket.write(this.request);
    return promise;
  }

  close(): void {
    this.closing = true;
    this.socket?.end();
  }

  private read(text: string): void {
    this.received += text;
    if (this.done === null) return this.complain(`unasked: ${JSON.stringify(this.received)}`);
    const headLength = this.received.indexOf("\r\n\r\n") + 4;
    if (headLength < 4) return;
    const length = /^content-length: (\d+)\r$/im.exec(this.received)?.[1];
    if (length === undefined) return this.finish(`no length: ${JSON.stringify(this.received)}`);
    if (this.received.length < headLength + Number(length)) return;
    const body = this.received.slice(headLength);
    const right = this.received.startsWith("HTTP/1.1 200 ") && this.body.test(body);
    this.finish(right && body.length === Number(length) ? null : JSON.stringify(this.received));
  }

  private finish(problem: string | null): void {
    if (problem === null) this.client.books.answered += 1;
    else this.complain(problem);
    this.settle(); // first: closing may report the end at once
    if (/^connection: close\r$/im.test(this.received)) this.close();
  }

  private ended(): void {
    this.socket = null;
    if (this.done !== null) {
      this.client.books.cutOff += 1;
      this.settle();
    } else if (!this.closing) this.client.books.closedBetween += 1;
  }

  private settle(): void {
    const done = this.done;
    this.done = null;
    done?.();
  }

  private complain(problem: string): void {
    this.client.books.wrong += 1;
    if (this.client.complaints.length < 10) this.client.complaints.push(problem);
  }
}
