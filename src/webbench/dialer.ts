// Makes the connections of a load process: for about a third of the loop's time, so that answers
// are read in between, and at most so many a second if the plan says so. A client that could not
// connect waits a little, for a server that refuses would otherwise be asked 50,000 times a
// second.

import { type Client, CLIENT_CONNECTING, type ClientSocket } from "./client.ts";
import type { Origin } from "./load-plan.ts";

const DIALS_AT_ONCE = 128; // before a turn is taken
const DIAL_MS_MIN = 50; // of a turn: on a starved machine turns are few, and clients wait
const DIAL_SHARE = 0.5; // of the time that the rest of the loop took
const CLOCK_EVERY = 16; // dials, of some 25 us each
const BACK_OFF_MS = 20;

export interface DialerOptions {
  readonly origins: readonly Origin[];
  readonly connectionsPerSecond: number;
  /** Something threw inside a handler: our bug. */
  readonly onBug: (error: unknown) => void;
  /** The client may begin anew. */
  readonly onRested: (client: Client) => void;
}

type Handlers = Bun.SocketHandler<Client>;

export class Dialer {
  private readonly options: DialerOptions;
  private readonly handlers: readonly Handlers[]; // by origin
  private waiting: Client[] = [];
  private at = 0; // waiting[0, at) have been dialled
  private readonly resting: Client[] = []; // in the order of sinceMs
  private thisTurn = 0;
  private hasTurn = false;
  private turnEndMs = 0;
  private allowedFromMs = 0; // no connection before, when there is a limit to their rate
  private readonly onTurn: () => void = () => this.turn();

  constructor(options: DialerOptions) {
    this.options = options;
    this.handlers = options.origins.map(({ tls }) => socketHandlers(tls, options.onBug));
  }

  get isIdle(): boolean {
    return this.at === this.waiting.length && this.resting.length === 0;
  }

  dial(client: Client): void {
    const mayDial = this.options.connectionsPerSecond === 0 && this.at === this.waiting.length;
    if (mayDial && this.thisTurn < DIALS_AT_ONCE) {
      this.connect(client, performance.now());
      if (this.thisTurn++ === 0) this.takeTurn();
      return;
    }
    client.sinceMs = Infinity; // its time in this queue is not the server's
    this.waiting.push(client);
    this.takeTurn();
  }

  rest(client: Client): void {
    client.isBackingOff = true;
    this.resting.push(client);
  }

  /** Called every few milliseconds. */
  tick(nowMs: number): void {
    while (this.resting.length > 0 && nowMs - this.resting[0]!.sinceMs >= BACK_OFF_MS) {
      const client = this.resting.shift()!;
      client.isBackingOff = false;
      this.options.onRested(client);
    }
    if (this.at < this.waiting.length) this.takeTurn();
  }

  private takeTurn(): void {
    if (this.hasTurn) return;
    this.hasTurn = true;
    setImmediate(this.onTurn);
  }

  private turn(): void {
    this.hasTurn = false;
    this.thisTurn = 0;
    const startMs = performance.now();
    const endMs = startMs + Math.max(DIAL_MS_MIN, (startMs - this.turnEndMs) * DIAL_SHARE);
    let nowMs = startMs;
    for (let count = 1; this.at < this.waiting.length && nowMs < endMs; count++) {
      if (!this.mayConnect(nowMs)) return; // tick() comes back to it
      const client = this.waiting[this.at++]!;
      if (client.state === CLIENT_CONNECTING) this.connect(client, nowMs);
      if (count % CLOCK_EVERY === 0) nowMs = performance.now();
    }
    this.turnEndMs = nowMs;
    if (this.at === this.waiting.length) {
      this.waiting = [];
      this.at = 0;
    } else {
      this.takeTurn();
    }
  }

  private mayConnect(nowMs: number): boolean {
    const rate = this.options.connectionsPerSecond;
    if (rate === 0) return true;
    if (nowMs < this.allowedFromMs) return false;
    // What a late timer missed is made up for, but no more than 100 ms of it.
    this.allowedFromMs = Math.max(this.allowedFromMs, nowMs - 100) + 1000 / rate;
    return true;
  }

  private connect(client: Client, nowMs: number): void {
    client.dialled(nowMs);
    const origin = this.options.origins[client.origin]!;
    const socket = this.handlers[client.origin]!;
    connect(origin, client, socket).catch(ignore);
  }
}

function connect(origin: Origin, data: Client, socket: Handlers): Promise<unknown> {
  if (origin.unix !== null) return Bun.connect({ unix: origin.unix, socket, data });
  const { hostname, port, tls } = origin;
  if (tls === null) return Bun.connect({ hostname, port, socket, data });
  const options = { serverName: tls.serverName, rejectUnauthorized: tls.verify };
  return Bun.connect({ hostname, port, socket, data, tls: options });
}

function socketHandlers(tls: Origin["tls"], onBug: (error: unknown) => void): Handlers {
  const handlers: Handlers = {
    open(socket: ClientSocket) {
      socket.data.opened(socket);
    },
    data(socket: ClientSocket, chunk: Buffer) {
      socket.data.received(chunk, socket);
    },
    drain(socket: ClientSocket) {
      socket.data.drained(socket);
    },
    close(socket: ClientSocket, error?: Error) {
      // Who is still connecting was cut in the middle of a TLS handshake.
      if (socket.data.state === CLIENT_CONNECTING) socket.data.connectFailed(codeOf(error));
      else socket.data.closed(socket, error);
    },
    connectError(socket: ClientSocket, error: Error) {
      socket.data.connectFailed(codeOf(error));
    },
    error(_socket: ClientSocket, error: Error) {
      onBug(error);
    },
  };
  if (tls === null) return handlers;
  return { ...handlers, open: ignore, handshake: tls.verify ? shakenHands : shakenAnyHands };
}

// With TLS the connection is made when the handshake is.
function shakenHands(socket: ClientSocket, success: boolean, error: Error | null): void {
  if (success) return socket.data.opened(socket);
  socket.data.connectFailed(error === null ? "TLS_HANDSHAKE" : codeOf(error));
  socket.terminate();
}

// A certificate that is refused is reported as a failure even where it was not to be verified. Its
// names are words with underscores (CERT_HAS_EXPIRED); a handshake that broke has a system's name.
function shakenAnyHands(socket: ClientSocket, success: boolean, error: Error | null): void {
  const isBroken = error === null ? !success : /^(?:E[A-Z]+$|ERR_SSL)/.test(codeOf(error));
  shakenHands(socket, !isBroken, error);
}

function codeOf(error: Error | undefined): string {
  return (error as { code?: string } | undefined)?.code ?? error?.message ?? "CLOSED";
}

/** For a promise whose failure the handler connectError has told already. */
function ignore(): void {
  return;
}
