// A transport on a real io_uring, a listening socket, and clients whose every byte is looked at.
// Where the kernel has no io_uring the tests say so and skip.

import { connect, type Socket } from "node:net";
import { BufferPool } from "../../../src/buffer/buffer-pool.ts";
import { MIB } from "../../../src/core/limits.ts";
import { PlainStore } from "../../../src/memory/plain-store.ts";
import { duplicateDescriptor, ListeningSocket } from "../../../src/net/listening-socket.ts";
import type { SocketHandlers } from "../../../src/net/raw-socket.ts";
import type { DescriptorLedger } from "../../../src/net/uring/descriptor-ledger.ts";
import { loadRingCalls, type RingCalls } from "../../../src/net/uring/ring-calls.ts";
import { Ring } from "../../../src/net/uring/ring.ts";
import { RingTransport, type TurnClock } from "../../../src/net/uring/ring-transport.ts";
import type { RingSocket } from "../../../src/net/uring/ring-socket.ts";

export const calls: RingCalls = loadRingCalls()!;

function hasRing(): boolean {
  try {
    Ring.open(calls, 8, 16).close();
    return true;
  } catch (error) {
    console.warn(`SKIPPED: no io_uring here: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}

export const isSupported: boolean = calls !== null && hasRing();

export async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`${what} did not happen`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** The server's side of one connection: what its handlers were told, in order. */
export class Served {
  readonly socket: RingSocket<Served>;
  readonly events: string[] = [];
  received: Buffer = Buffer.alloc(0);
  refused: Buffer = Buffer.alloc(0);

  constructor(socket: RingSocket<Served>) {
    this.socket = socket;
    socket.data = this;
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  stage(text: string): number {
    const bytes = Buffer.from(text, "latin1");
    return this.socket.stage(bytes, 0, bytes.length);
  }

  write(bytes: Buffer): number {
    return this.socket.write(bytes, 0, bytes.length);
  }
}

export interface RingWorldOptions {
  readonly room?: () => number;
  readonly ledger?: DescriptorLedger;
  readonly clock?: TurnClock;
  readonly memoryBytes?: number;
  readonly unix?: string;
  /** Called with each piece of input. */
  readonly onInput?: (served: Served) => void;
  readonly onOpen?: (served: Served) => void;
}

export class RingWorld {
  readonly transport: RingTransport<Served>;
  readonly pool: BufferPool;
  readonly served: Served[] = [];
  readonly listening: ListeningSocket;
  readonly port: number;
  private readonly options: RingWorldOptions;
  private readonly clients: Client[] = [];

  private constructor(
    transport: RingTransport<Served>,
    pool: BufferPool,
    options: RingWorldOptions,
  ) {
    this.transport = transport;
    this.pool = pool;
    this.options = options;
    const { unix } = options;
    this.listening = ListeningSocket.open(
      unix === undefined
        ? { kind: "inet", host: "127.0.0.1", port: 0, ipv6Only: false }
        : { kind: "unix", path: unix },
      { backlog: 512 },
    );
    const { address } = this.listening;
    this.port = address.kind === "inet" ? address.port : 0;
  }

  static async open(options: RingWorldOptions = {}): Promise<RingWorld> {
    const pool = new BufferPool(new PlainStore(options.memoryBytes ?? 16 * MIB));
    const transport = await RingTransport.open<Served>({
      pool,
      bytesMax: 2 * MIB,
      room: options.room ?? (() => 1000),
      ...(options.ledger === undefined ? {} : { ledger: options.ledger }),
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    });
    return new RingWorld(transport, pool, options);
  }

  listen(label = 0): { stop(): void } {
    const fd = duplicateDescriptor(this.listening.descriptor);
    return this.transport.listen(fd, this.handlers(), label);
  }

  handlers(): SocketHandlers<Served> {
    return {
      open: (socket) => {
        const served = new Served(socket as RingSocket<Served>);
        this.served.push(served);
        this.options.onOpen?.(served);
      },
      data: () => {
        throw new Error("a ring has no data event");
      },
      input: ({ data }, bytes, end) => {
        data.received = Buffer.concat([data.received, bytes.subarray(0, end)]);
        this.options.onInput?.(data);
      },
      refused: ({ data }, bytes, start, end) => {
        data.events.push("refused");
        data.refused = Buffer.concat([data.refused, bytes.subarray(start, end)]);
        return true;
      },
      sent: ({ data }) => void data.events.push("sent"),
      drain: ({ data }) => void data.events.push("drain"),
      end: ({ data }) => void data.events.push("end"),
      close: ({ data }, error) => void data.events.push(`close ${error?.message ?? ""}`),
      error: (_socket, error) => {
        throw error;
      },
    };
  }

  /** A client that is connected, and the server's side of it. */
  async connect(): Promise<{ client: Client; served: Served }> {
    const before = this.served.length;
    const client = new Client(this.port, this.options.unix);
    this.clients.push(client);
    await until(() => this.served.length > before, "an accept");
    return { client, served: this.served[before]! };
  }

  close(): void {
    for (const client of this.clients) client.socket.destroy();
    this.transport.close();
    if (this.listening.isOpen) this.listening.close();
  }
}

export class Client {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  /** "open", "end" or the code of an error. */
  state = "open";

  constructor(port: number, unix?: string) {
    const half = { allowHalfOpen: true };
    this.socket =
      unix === undefined ? connect({ port, ...half }) : connect({ path: unix, ...half });
    this.socket.on("data", (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
    });
    this.socket.on("end", () => (this.state = "end"));
    this.socket.on("error", (error: NodeJS.ErrnoException) => (this.state = String(error.code)));
  }

  get text(): string {
    return this.received.toString("latin1");
  }
}
