// An answer that takes more than one write: pulls pieces from its source while the connection is
// writable, frames them, and stops when the peer does not keep up; `drained` of the session calls
// resume(). A piece is asked for only when the one before is with the connection.
//
// Invariant: the source is cancelled or at its end exactly once; with a known length, writtenBytes
// never passes it.

import { CHUNK_END, CHUNK_HEAD_BYTES, LAST_CHUNK, writeChunkHead } from "../http/response-head.ts";
import { STATE_OPEN } from "../net/connection.ts";
import type { BodySource } from "./body-source.ts";
import type { HttpSession } from "./http-session.ts";

/** Written in one turn before other connections get theirs. */
const TURN_BYTES = 1024 * 1024;

export class ResponseWriter {
  private readonly session: HttpSession;
  private readonly source: BodySource;
  private readonly chunked: boolean;
  private writtenBytes = 0;
  private pumping = false;
  private awaiting = false;
  private ended = false;

  constructor(session: HttpSession, source: BodySource, chunked: boolean) {
    this.session = session;
    this.source = source;
    this.chunked = chunked;
  }

  /** Goes on, if there is anything to go on with. */
  resume(): void {
    if (this.pumping || this.awaiting || this.ended) return;
    const { connection } = this.session;
    this.pumping = true;
    const previous = connection.cork();
    let budget = TURN_BYTES;
    while (!this.ended && !this.awaiting && connection.state === STATE_OPEN) {
      if (!connection.writable) break;
      if (budget <= 0) {
        setImmediate(() => this.resume());
        break;
      }
      budget -= this.pull();
    }
    this.pumping = false;
    connection.uncork(previous);
  }

  /** The peer is gone, or the answer failed. */
  cancel(): void {
    if (this.ended) return;
    this.ended = true;
    this.source.cancel();
  }

  /** Takes one piece; returns its size, 0 when there is none yet. */
  private pull(): number {
    let piece: Uint8Array | null | Promise<Uint8Array | null>;
    try {
      piece = this.source.next();
    } catch (error) {
      this.fail(error);
      return 0;
    }
    if (!(piece instanceof Promise)) return this.take(piece);
    this.awaiting = true;
    piece.then(
      (later) => {
        this.awaiting = false;
        if (this.ended) return;
        const { connection } = this.session;
        const previous = connection.cork();
        this.take(later);
        this.resume();
        connection.uncork(previous);
      },
      (error: unknown) => {
        this.awaiting = false;
        this.fail(error);
      },
    );
    return 0;
  }

  private take(piece: Uint8Array | null): number {
    const { connection } = this.session;
    if (piece === null) {
      this.end();
      return 0;
    }
    const count = piece.length;
    this.writtenBytes += count;
    const { length } = this.source;
    if (length >= 0 && this.writtenBytes > length) {
      this.fail(new RangeError(`A response body is longer than its length of ${length} bytes`));
      return 0;
    }
    if (count === 0) return 0;
    if (this.chunked) {
      const at = connection.reserve(CHUNK_HEAD_BYTES);
      connection.commit(writeChunkHead(connection.reactor.corkBytes, at, count));
    }
    connection.write(piece, 0, count);
    if (this.chunked) connection.write(CHUNK_END, 0, CHUNK_END.length);
    return count;
  }

  private end(): void {
    const { length } = this.source;
    if (length >= 0 && this.writtenBytes < length) {
      const text = `A response body ended after ${this.writtenBytes} of ${length} bytes`;
      this.ended = true; // the source is at its end: nothing to cancel
      return this.session.answerFailed(new RangeError(text));
    }
    this.ended = true;
    if (this.chunked) this.session.connection.write(LAST_CHUNK, 0, LAST_CHUNK.length);
    this.session.finishAnswer();
  }

  private fail(error: unknown): void {
    if (this.ended) return;
    this.cancel();
    this.session.answerFailed(error);
  }
}
