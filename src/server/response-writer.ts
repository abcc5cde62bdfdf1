// An answer that takes more than one write: pulls pieces from its source while the connection is
// writable, frames them, and stops when the peer does not keep up; `drained` of the session calls
// resume(). A piece is asked for only when the one before is with the connection.
//
// Invariant: the source is cancelled or at its end exactly once; with a known length, writtenBytes
// never passes it.

import { CHUNK_END, CHUNK_HEAD_BYTES, LAST_CHUNK, writeChunkHead } from "../http/response-head.ts";
import { IoBuf } from "../buffer/io-buf.ts";
import { STATE_OPEN } from "../net/connection-state.ts";
import type { BodySource, Piece } from "./body-source.ts";
import type { HttpResponse } from "./http-response.ts";
import type { HttpSession } from "./http-session.ts";

/** Written in one turn of the loop before other connections get theirs; a small piece costs more
 *  than its bytes. */
const TURN_BYTES = 1024 * 1024;
const PIECE_COST_BYTES = 1024;
/** What the kernel sends by itself is not copied, and bounded by its buffer: so many are one. */
const SYSTEM_BYTES_PER_BYTE = 16;
/** Of a larger piece only so much is written at a time: what the peer does not take is copied. */
const SLICE_BYTES = 256 * 1024;

export class ResponseWriter {
  private readonly session: HttpSession;
  private readonly response: HttpResponse;
  private readonly source: BodySource;
  private readonly chunked: boolean;
  private writtenBytes = 0;
  private piece: Uint8Array | null = null; // not with the connection yet from `pieceAt` on
  private pieceAt = 0;
  private turnBytes = TURN_BYTES; // left of this turn, over all that happens in it
  private full = false; // the source waits for drained()
  private pumping = false;
  private awaiting = false;
  private ended = false;

  constructor(session: HttpSession, response: HttpResponse, source: BodySource, chunked: boolean) {
    this.session = session;
    this.response = response;
    this.source = source;
    this.chunked = chunked;
  }

  /** Goes on, if there is anything to go on with. */
  resume(): void {
    if (this.pumping || this.awaiting || this.ended) return;
    const { connection } = this.session;
    this.pumping = true;
    const previous = connection.cork();
    this.full = false;
    while (!this.ended && !this.awaiting && connection.state === STATE_OPEN) {
      if (!connection.writable || this.full) break;
      if (this.turnBytes <= 0) {
        this.waitForTurn();
        break;
      }
      this.turnBytes -= Math.max(this.step(), PIECE_COST_BYTES);
    }
    this.pumping = false;
    connection.uncork(previous);
  }

  private waitForTurn(): void {
    this.awaiting = true;
    setImmediate(() => {
      this.awaiting = false;
      this.turnBytes = TURN_BYTES;
      this.resume();
    });
  }

  /** The peer is gone, or the answer failed. */
  cancel(): void {
    if (this.ended) return;
    this.ended = true;
    this.source.cancel();
  }

  /** Writes on, or asks for the next piece; returns the bytes that count against the turn. */
  private step(): number {
    if (this.piece !== null) return this.writeSlice(this.piece);
    const sent = this.source.sendTo?.(this.session.connection) ?? -1;
    if (sent >= 0) {
      this.writtenBytes += sent;
      this.response.bodyBytes += sent;
      this.full = sent === 0;
      return sent / SYSTEM_BYTES_PER_BYTE;
    }
    let piece: Piece | null | Promise<Piece | null>;
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
        if (this.ended) return this.discard(later);
        const { connection } = this.session;
        const previous = connection.cork();
        this.turnBytes -= this.take(later);
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

  private take(piece: Piece | null): number {
    if (piece === null) {
      this.end();
      return 0;
    }
    const count = piece.length;
    this.writtenBytes += count;
    const { length } = this.source;
    if (length >= 0 && this.writtenBytes > length) {
      this.discard(piece);
      this.fail(new RangeError(`A response body is longer than its length of ${length} bytes`));
      return 0;
    }
    if (piece instanceof IoBuf) return this.handOver(piece);
    if (count === 0) return 0;
    this.pieceAt = 0;
    return this.writeSlice(piece);
  }

  private handOver(buf: IoBuf): number {
    const count = buf.length;
    const { connection } = this.session;
    if (this.chunked && count > 0) this.writeChunkHead(count);
    connection.adopt(buf);
    this.response.bodyBytes += count;
    if (this.chunked && count > 0) connection.write(CHUNK_END, 0, CHUNK_END.length);
    return count;
  }

  private discard(piece: Piece | null): void {
    if (piece instanceof IoBuf) this.session.connection.reactor.pool.release(piece);
  }

  private writeSlice(piece: Uint8Array): number {
    const { connection } = this.session;
    const start = this.pieceAt;
    const end = Math.min(start + SLICE_BYTES, piece.length);
    this.piece = end < piece.length ? piece : null;
    this.pieceAt = end;
    if (this.chunked) this.writeChunkHead(end - start);
    connection.write(piece, start, end);
    this.response.bodyBytes += end - start;
    if (this.chunked) connection.write(CHUNK_END, 0, CHUNK_END.length);
    return end - start;
  }

  private writeChunkHead(count: number): void {
    const { connection } = this.session;
    const at = connection.reserve(CHUNK_HEAD_BYTES);
    connection.commit(writeChunkHead(connection.reactor.corkBytes, at, count));
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
