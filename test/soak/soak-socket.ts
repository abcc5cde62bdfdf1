// A client's socket that is read when its owner wants to: what nobody asks for stays, at last, with
// the kernel, so that a peer which does not read is one. Every wait has an end: a server that falls
// silent is found out, and cannot hold the soak up.

import type { SoakBooks } from "./soak-books.ts";

const QUEUE_BYTES_MAX: number = 64 * 1024;

/** Far above every deadline of the server. */
export const PATIENCE_MS = 20_000;

export class SoakSocket {
  /** Of the worker at the other end, once it has named itself. */
  life: string | null = null;
  /** Neither FIN nor a reset came within the patience, when something had to come. */
  isStuck = false;
  /** It ended without the other side's FIN. */
  wasReset = false;
  private readonly socket: Bun.Socket<SoakSocket>;
  private queue: Buffer[] = [];
  private queuedBytes = 0;
  private isPaused = false;
  private isOver = false; // nothing more will come
  private isClosed = false;
  private unsent: Uint8Array | null = null;
  private wake: (() => void) | null = null;

  private constructor(socket: Bun.Socket<SoakSocket>) {
    this.socket = socket;
    socket.data = this;
  }

  /** Null when it cannot be made. */
  static async open(port: number, books: SoakBooks): Promise<SoakSocket | null> {
    let made: SoakSocket | null = null;
    try {
      await Bun.connect<SoakSocket>({
        hostname: "127.0.0.1",
        port,
        allowHalfOpen: true,
        socket: {
          open: (socket) => void (made = new SoakSocket(socket)),
          data: (socket, chunk) => socket.data.onData(chunk),
          drain: (socket) => socket.data.onDrain(),
          end: (socket) => socket.data.onEnd(),
          close: (socket) => (socket.data as SoakSocket | undefined)?.onClose(),
          error: () => undefined,
        },
      });
    } catch {
      books.unreachable++;
      return null;
    }
    books.made++;
    return made;
  }

  get isOpen(): boolean {
    return !this.isClosed;
  }

  /** The next bytes; null when none will come any more. */
  async read(): Promise<Buffer | null> {
    this.readOn();
    if (!(await this.until(() => this.queue.length > 0 || this.isOver))) return null;
    const chunk = this.queue.shift() ?? null;
    this.queuedBytes -= chunk?.length ?? 0;
    this.readOn();
    return chunk;
  }

  /** False when the connection is gone. */
  async write(bytes: Uint8Array | string): Promise<boolean> {
    if (!this.begin(bytes)) return false;
    if (!(await this.until(() => this.unsent === null || this.isClosed))) return false;
    return !this.isClosed;
  }

  /** As much as the kernel takes now; the rest follows when it can. */
  begin(bytes: Uint8Array | string): boolean {
    if (this.isClosed) return false;
    const all = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    const count = this.socket.write(all);
    if (count < 0) return false;
    this.unsent = count < all.length ? all.subarray(count) : null;
    return true;
  }

  /** Stops reading now, whatever comes. */
  turnDeaf(): void {
    this.isPaused = true;
    this.socket.pause();
  }

  /** Reads on only to see the end: what comes is dropped. False when it does not come. */
  async untilEnded(): Promise<boolean> {
    while ((await this.read()) !== null);
    return !this.isStuck;
  }

  /** Without reading: a reset shows all the same. At most so long. */
  async untilClosed(ms: number): Promise<void> {
    await this.until(() => this.isClosed, ms);
    this.isStuck = false;
  }

  /** Says that nothing more will be sent, and goes on reading. */
  finish(): void {
    if (!this.isClosed) this.socket.shutdown();
  }

  close(): void {
    if (!this.isClosed) this.socket.end();
  }

  /** With a reset. */
  terminate(): void {
    if (!this.isClosed) this.socket.terminate();
  }

  private readOn(): void {
    if (!this.isPaused || this.queuedBytes >= QUEUE_BYTES_MAX || this.isClosed) return;
    this.isPaused = false;
    this.socket.resume();
  }

  private onData(chunk: Buffer): void {
    this.queue.push(chunk);
    this.queuedBytes += chunk.length;
    if (this.queuedBytes >= QUEUE_BYTES_MAX && !this.isPaused) {
      this.isPaused = true;
      this.socket.pause();
    }
    this.wake?.();
  }

  private onDrain(): void {
    const { unsent } = this;
    if (unsent !== null) this.begin(unsent);
    if (this.unsent === null) this.wake?.();
  }

  private onEnd(): void {
    this.isOver = true;
    this.wake?.();
  }

  private onClose(): void {
    this.wasReset = !this.isOver;
    this.isOver = true;
    this.isClosed = true;
    this.wake?.();
  }

  /** False, and stuck, when it does not come about. One waits at a time. */
  private async until(holds: () => boolean, ms = PATIENCE_MS): Promise<boolean> {
    const endMs = performance.now() + ms;
    while (!holds()) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) {
        this.isStuck = true;
        return false;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.wake = resolve;
      const timer = setTimeout(resolve, leftMs);
      await promise;
      clearTimeout(timer);
      this.wake = null;
    }
    return true;
  }
}
