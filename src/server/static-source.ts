// The body of a large file, or of pieces of it: sent from the page cache by the kernel where the
// socket allows that, otherwise read into io_bufs that the connection takes over without a copy.
//
// Invariant: the file is released exactly once: at the end, on cancel, or when the read that was on
// its way at that time has come back.

import { read } from "node:fs";
import type { BufferPool } from "../buffer/buffer-pool.ts";
import type { IoBuf } from "../buffer/io-buf.ts";
import { MillraceError } from "../core/errors.ts";
import { UNSENT_BYTES_MAX } from "../core/limits.ts";
import type { Connection } from "../net/connection.ts";
import type { BodySource } from "./body-source.ts";
import type { CachedBytes } from "./static-cache.ts";
import type { OpenFile } from "./static-open.ts";
import type { ByteRange, RangeFrame } from "./static-ranges.ts";

const PIECE_BYTES: number = 256 * 1024;
const SEND_BYTES: number = 4 * 1024 * 1024;
/** Who was sent so much of files has read some of it: a deaf peer does not come so far. */
const PROVEN_BYTES: number = 2 * UNSENT_BYTES_MAX;

/** Text, then bytes of the file; either may be empty. */
interface Part {
  readonly text: Buffer | null;
  readonly start: number;
  readonly end: number;
}

export class FileSource implements BodySource {
  readonly length: number;
  private readonly pool: BufferPool;
  private readonly file: OpenFile;
  private readonly parts: readonly Part[];
  private part = 0;
  private textSent = false;
  private position: number;
  private bySystem = true;
  private reading = false;
  private ended = false;
  private widened: Connection | null = null; // whose kernel takes more of this file than it would

  /** Takes over the caller's hold on the file. */
  constructor(pool: BufferPool, file: OpenFile, parts: readonly Part[], length: number) {
    this.pool = pool;
    this.file = file;
    this.parts = parts;
    this.length = length;
    this.position = parts[0]!.start;
  }

  static ofRange(pool: BufferPool, file: OpenFile, range: ByteRange): FileSource {
    const part = { text: null, start: range.start, end: range.end };
    return new FileSource(pool, file, [part], range.end - range.start);
  }

  static ofRanges(
    pool: BufferPool,
    file: OpenFile,
    ranges: readonly ByteRange[],
    frame: RangeFrame,
  ): FileSource {
    const parts: Part[] = ranges.map(({ start, end }, index) => ({
      text: frame.heads[index]!,
      start,
      end,
    }));
    parts.push({ text: frame.tail, start: 0, end: 0 });
    return new FileSource(pool, file, parts, frame.length);
  }

  sendTo(connection: Connection): number {
    if (!this.bySystem || this.ended) return -1;
    const part = this.parts[this.part]!;
    if (part.text !== null && !this.textSent) return -1;
    const count = Math.min(part.end - this.position, SEND_BYTES);
    if (count === 0) return -1;
    const { files } = connection;
    const isProven = files.takenBytes > PROVEN_BYTES && this.length > UNSENT_BYTES_MAX;
    if (this.widened === null && isProven) {
      this.widened = connection;
      files.widen(true);
    }
    const sent = files.send(this.file.fd, this.position, count);
    if (sent < 0) this.bySystem = false;
    else this.position += sent;
    return sent;
  }

  next(): Buffer | null | Promise<IoBuf | null> {
    for (;;) {
      const part = this.parts[this.part]!;
      if (part.text !== null && !this.textSent) {
        this.textSent = true;
        return part.text;
      }
      const left = part.end - this.position;
      if (left > 0) return this.read(left);
      if (this.part + 1 === this.parts.length) {
        this.end();
        return null;
      }
      this.part++;
      this.textSent = false;
      this.position = this.parts[this.part]!.start;
    }
  }

  cancel(): void {
    this.end();
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.widened?.files.widen(false);
    if (!this.reading) this.file.release();
  }

  private read(left: number): Promise<IoBuf | null> {
    const wanted = Math.min(left, PIECE_BYTES);
    const buf = this.pool.acquire(wanted);
    if (buf === null) throw new MillraceError("ERR_MEMORY_LIMIT", "Cannot send a file: no memory");
    this.reading = true;
    return new Promise((resolve, reject) => {
      read(this.file.fd, buf.bytes, 0, wanted, this.position, (error, count) => {
        this.reading = false;
        if (error === null && !this.ended) return resolve(this.take(buf, count));
        this.pool.release(buf);
        if (this.ended) this.file.release();
        if (error === null) resolve(null);
        else reject(error);
      });
    });
  }

  /** Null at the end of the file, which comes too early when it was cut short while being sent. */
  private take(buf: IoBuf, count: number): IoBuf | null {
    if (count === 0) {
      this.pool.release(buf);
      this.end();
      return null;
    }
    buf.length = count;
    this.position += count;
    return buf;
  }
}

/** Content of the cache that does not fit into the cork; held until it has left. */
export function cachedSource(content: CachedBytes): BodySource {
  content.retain();
  let given = false;
  let held = true;
  const release = (): void => {
    if (held) content.release();
    held = false;
  };
  return {
    length: content.bytes.length,
    next: () => {
      if (!given) {
        given = true;
        return content.bytes;
      }
      release();
      return null;
    },
    cancel: release,
  };
}

/** For HEAD: the length and nothing to send. */
export function emptySource(length: number): BodySource {
  return { length, next: () => null, cancel: () => {} };
}
