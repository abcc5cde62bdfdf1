// A socket of Bun without a kernel, for one test at a time. What the code under test calls is
// above the line, what the test does in the place of peer and kernel below it. Its behaviour was
// measured on Bun 1.4.5, oddities included:
//
//   write      takes what fits, then 0; -1 after shutdown() or once closed
//   end/close/terminate   call handlers.close before they return
//   shutdown   FIN; once the peer's FIN has come as well, close follows by itself, soon after
//   peer's FIN end, then a drain nobody asked for; no end event if we had shut down before
//   paused     bytes and FIN wait in the kernel; a reset delivers the bytes, then close
//   throwing   in a handler ends in handlers.error; the socket stays open
//
// "Soon after" is settle(): every method of the test's side ends with it.

import type { Socket, SocketHandler } from "bun";
import { Random } from "./random.ts";

export interface FakeSocketOptions<Data> {
  /** Becomes `socket.data`. */
  data?: Data;
  /** Bytes that the kernel takes before write returns 0; without limit by default. */
  spaceBytes?: number;
  /** The most that each coming write takes, in order; after the last one, what fits. */
  takes?: readonly number[];
  /** Close events that end(), close() and terminate() cause wait for settle(). */
  closeLater?: boolean;
}

/** How a seeded peer finishes: it stays, half-closes, or resets. */
export type Ending = "open" | "end" | "reset";

type Inbound = Uint8Array | "fin" | "reset";

const FD_FIRST = 1000; // far from real descriptors, should one ever be closed by mistake
const SEEDED_SPACE_BYTES_MAX = 4096;
let fdNext: number = FD_FIRST;

export class FakeSocket<Data = unknown> {
  data: Data;
  fd: number = fdNext++;
  readyState = 1; // 1 open, -1 closed: Bun shows nothing of the halves
  remoteAddress: string | undefined = "192.0.2.7";
  remotePort: number | undefined = 50_007;
  localAddress: string | undefined = "192.0.2.1";
  localPort: number | undefined = 8080;

  /** What each write returned, in order. */
  readonly writeResults: number[] = [];
  /** Names of the events delivered, in order. */
  readonly events: string[] = [];
  paused = false;
  shutDown = false;
  closed = false;
  /** What the close event said: an error after a reset, otherwise nothing. */
  closeError: Error | undefined = undefined;
  /** The peer would see a reset: terminate(), or end()/close() over bytes that were not read. */
  resetSent = false;
  /** Free bytes of the kernel's send buffer. */
  spaceBytes: number;

  private readonly handlers: SocketHandler<Data>;
  private readonly takes: number[];
  private readonly closeLater: boolean;
  private readonly accepted: Uint8Array[] = [];
  private readonly inbound: Inbound[] = [];
  private random: Random | undefined = undefined;
  private peerEnded = false; // the peer has nothing more to say
  private finSeen = false; // and our side has been told
  private drainOwed = false;
  private closeOwed = false;
  private settling = false;

  constructor(handlers: SocketHandler<Data>, options: FakeSocketOptions<Data> = {}) {
    this.handlers = handlers;
    this.data = options.data as Data;
    this.spaceBytes = options.spaceBytes ?? Infinity;
    this.takes = [...(options.takes ?? [])];
    this.closeLater = options.closeLater ?? false;
  }

  /** A socket whose writes are short by the seed, and whose peer is moved by play(). */
  static seeded<Data>(
    seed: number,
    handlers: SocketHandler<Data>,
    options: FakeSocketOptions<Data> = {},
  ): FakeSocket<Data> {
    const socket = new FakeSocket(handlers, options);
    socket.follow(new Random(seed), options);
    return socket;
  }

  /** Writes are short as `random` says from now on, and so is what play() does. */
  follow(random: Random, options: FakeSocketOptions<Data>): void {
    this.random = random;
    this.spaceBytes = options.spaceBytes ?? random.below(SEEDED_SPACE_BYTES_MAX);
  }

  /** The same object with Bun's type, for code that is typed against it. */
  get asBun(): Socket<Data> {
    return this as unknown as Socket<Data>;
  }

  /** Of the other kind of socket: see fake-ring-socket.ts. */
  get stagedBytes(): number {
    return 0;
  }

  write(bytes: Uint8Array, offset = 0, length: number = bytes.length - offset): number {
    if (offset < 0 || length < 0 || offset + length > bytes.length) {
      throw new RangeError(`Cannot write ${offset}+${length}: the view has ${bytes.length} bytes`);
    }
    const count = this.closed || this.shutDown ? -1 : this.take(length);
    this.writeResults.push(count);
    if (count > 0) this.accepted.push(copyOf(bytes, offset, count));
    return count;
  }

  shutdown(): void {
    if (this.closed) return;
    this.shutDown = true;
    if (this.finSeen) this.closeOwed = true;
  }

  end(): number {
    this.closeHere(this.inbound.some((event) => typeof event !== "string"));
    return 0;
  }

  close(): void {
    this.end();
  }

  terminate(): void {
    this.closeHere(true);
  }

  pause(): void {
    if (this.closed) return;
    this.paused = true;
    this.drainOwed = true;
  }

  resume(): void {
    if (this.closed) return;
    this.paused = false;
    this.drainOwed = true;
  }

  setNoDelay(_on?: boolean): boolean {
    return !this.closed;
  }

  setKeepAlive(_on?: boolean, _delaySeconds?: number): boolean {
    return !this.closed;
  }

  ref(): void {}
  unref(): void {}

  // ---- the test's side: what peer and kernel do ------------------------------------------------

  /** A copy of all bytes that write accepted. */
  get sent(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.accepted));
  }

  get sentText(): string {
    return Buffer.concat(this.accepted).toString("latin1");
  }

  /** Gives sent bytes and forgets them, so that a long run can look at each answer apart. */
  takeSent(): Uint8Array {
    const sent = this.sent;
    this.accepted.length = 0;
    return sent;
  }

  open(): void {
    this.call("open", () => this.handlers.open?.(this.asBun));
    this.settle();
  }

  /** Bytes of the peer arrive: one data event, or none yet while the socket is paused. */
  deliver(bytes: Uint8Array | string): void {
    if (this.closed || this.peerEnded) return;
    if (bytes.length > 0) this.inbound.push(Buffer.from(bytes as Uint8Array));
    this.settle();
  }

  /** The peer's FIN arrives. */
  peerEnd(): void {
    if (this.closed || this.peerEnded) return;
    this.peerEnded = true;
    this.inbound.push("fin");
    this.settle();
  }

  /** The peer's RST arrives. */
  peerReset(): void {
    if (this.closed) return;
    this.peerEnded = true;
    this.inbound.push("reset");
    this.settle();
  }

  /** The peer reads: room for so many more bytes, and a drain event. 0 gives a spurious one. */
  drain(bytesMore: number = Infinity): void {
    if (this.closed) return;
    this.spaceBytes += bytesMore;
    this.drainOwed = true;
    this.settle();
  }

  /** Lets the loop turn until nothing is owed: to be called after our own side acted alone. */
  settle(): void {
    if (this.settling) return;
    this.settling = true;
    try {
      while (this.settleOne());
    } finally {
      this.settling = false;
    }
  }

  /** Feeds `input` in random cuts with random drains between, then ends as the seed says. */
  play(input: Uint8Array, ending?: Ending): Ending {
    const random = this.random ?? new Random(1);
    const last = ending ?? random.pick<Ending>(["open", "end", "reset"]);
    const stop = last === "reset" ? random.below(input.length + 1) : input.length;
    for (let start = 0; start < stop && !this.closed;) {
      const end = Math.min(stop, start + 1 + random.below(random.pick([1, 8, 64, 1024, 65_536])));
      this.deliver(input.subarray(start, end));
      start = end;
      if (random.oneIn(3)) this.drain(random.below(SEEDED_SPACE_BYTES_MAX));
    }
    if (last === "end") this.peerEnd();
    if (last === "reset") this.peerReset();
    return last;
  }

  private take(length: number): number {
    let most = Math.min(length, this.spaceBytes, this.takes.shift() ?? Infinity);
    if (this.random?.oneIn(4)) most = this.random.below(most + 1);
    this.spaceBytes -= most;
    return most;
  }

  private closeHere(withReset: boolean): void {
    if (this.closed) return;
    this.resetSent = withReset;
    this.inbound.length = 0;
    if (this.closeLater) this.markClosed();
    this.closeOwed = this.closeLater;
    if (!this.closeLater) this.finish();
  }

  private markClosed(): void {
    this.closed = true;
    this.readyState = -1;
    this.fd = -1;
    this.remoteAddress = this.remotePort = this.localAddress = this.localPort = undefined;
  }

  private finish(): void {
    this.markClosed();
    this.closeOwed = this.drainOwed = false;
    this.inbound.length = 0;
    this.call("close", () => this.handlers.close?.(this.asBun, this.closeError));
  }

  /** One event of the loop, in the order the kernel would show them; false when none is due. */
  protected settleOne(): boolean {
    if (this.closeOwed) this.finish();
    else if (this.closed) return false;
    else if (this.inbound.length > 0 && (!this.paused || this.inbound.includes("reset"))) {
      this.receive(this.inbound.shift()!);
    } else if (this.drainOwed) {
      this.drainOwed = false;
      this.call("drain", () => this.handlers.drain?.(this.asBun));
    } else return false;
    return true;
  }

  private receive(event: Inbound): void {
    if (event === "reset") {
      this.closeError = connectionReset();
      this.finish();
    } else if (event === "fin") {
      this.finSeen = true;
      if (this.shutDown) return this.finish();
      this.drainOwed = true;
      this.call("end", () => this.handlers.end?.(this.asBun));
    } else {
      this.call("data", () => this.receiveData(event as Buffer));
    }
  }

  protected receiveData(chunk: Buffer): void {
    void this.handlers.data?.(this.asBun, chunk as Buffer<ArrayBuffer>);
  }

  private call(name: string, handler: () => unknown): void {
    this.events.push(name);
    try {
      handler();
    } catch (error) {
      this.events.push("error");
      if (this.handlers.error === undefined) throw error;
      void this.handlers.error(this.asBun, error as Error);
    }
  }
}

/** Buffer.slice would be a view, and the code under test reuses its buffers. */
function copyOf(bytes: Uint8Array, offset: number, count: number): Uint8Array {
  return new Uint8Array(bytes.subarray(offset, offset + count));
}

function connectionReset(): Error {
  const error = new Error("ECONNRESET: connection reset by peer, read");
  return Object.assign(error, { code: "ECONNRESET", syscall: "read" });
}
