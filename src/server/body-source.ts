// Where the body of a long answer comes from, piece by piece: bytes in memory, an iterable, a web
// stream, a file. The session pulls the next piece only when the peer has taken enough of those
// before. One consumer; cancel() is called exactly once if the end is not reached.

import type { IoBuf } from "../buffer/io-buf.ts";
import type { Connection } from "../net/connection.ts";

/** Bytes, which the session has done with before it asks again, or an io_buf, which it keeps. */
export type Piece = Uint8Array | IoBuf;

export interface BodySource {
  /** Bytes in all, or -1 when it is not known before the end. */
  readonly length: number;
  /** The next piece; null at the end. */
  next(): Piece | null | Promise<Piece | null>;
  /** Puts bytes on the connection by itself and returns how many: 0 when the connection has to
   *  drain first, -1 when next() is to be asked. Only for a source of known length. */
  sendTo?(connection: Connection): number;
  /** The rest is not wanted. */
  cancel(): void;
}

export function bytesSource(bytes: Uint8Array): BodySource {
  let given = false;
  return {
    length: bytes.length,
    next: () => {
      if (given) return null;
      given = true;
      return bytes;
    },
    cancel: () => {},
  };
}

const encoder: TextEncoder = new TextEncoder();

export function iterableSource(
  source: AsyncIterable<Uint8Array | string>,
  length: number = -1,
): BodySource {
  const iterator = source[Symbol.asyncIterator]();
  return {
    length,
    next: async () => {
      const step = await iterator.next();
      if (step.done === true) return null;
      return toBytes(step.value);
    },
    cancel: () => void giveUp(iterator),
  };
}

export function streamSource(stream: ReadableStream<Uint8Array>, length: number = -1): BodySource {
  const reader = stream.getReader();
  return {
    length,
    next: async () => {
      const step = await reader.read();
      return step.done ? null : toBytes(step.value);
    },
    cancel: () => void reader.cancel().then(ignore, ignore),
  };
}

/** A piece as bytes: applications give strings too, whatever the types say. */
function toBytes(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  if (typeof piece === "string") return encoder.encode(piece);
  if (piece instanceof ArrayBuffer) return new Uint8Array(piece);
  if (ArrayBuffer.isView(piece)) {
    return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
  }
  throw new TypeError(`Cannot send a piece of type ${typeof piece}: it must be bytes or a string`);
}

/** The iterator is the application's: whatever its return() does, the connection goes its way. */
async function giveUp(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // nobody is left who could be told
  }
}

function ignore(): void {}
