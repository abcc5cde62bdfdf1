// A file that all workers append lines to. Each has blocks of its own, which it writes whole lines
// of with O_APPEND: one write is one piece in the file, so the lines of workers never mix. A block
// is written when it is full or a moment after its first line, by a thread of the runtime's, one
// write at a time; so a slow disk costs memory for a while, then lines, but never the event loop.
//
//   block   \n | line \n line \n ... | free        the byte in front: see mendLine()
//             ^offset: written up to here
//
// Invariant: at most ACCESS_LOG_BYTES_MAX in blocks; a line is written, in a block, or counted as
// lost.

import { closeSync, constants, fstatSync, openSync, write, writeSync } from "node:fs";
import { MillraceError, messageOf } from "../core/errors.ts";
import {
  ACCESS_LOG_BLOCK_BYTES,
  ACCESS_LOG_BYTES_MAX,
  ACCESS_LOG_CLOSE_MS,
  ACCESS_LOG_FLUSH_MS,
  ACCESS_LOG_LINE_BYTES_MAX,
  ACCESS_LOG_RETRY_MS,
} from "../core/limits.ts";
import type { Log } from "../core/log.ts";

const STDOUT = 1;
const MODE = 0o640;
/** A pipe that is full says so instead of holding the thread; a file does not mind. */
const FLAGS: number =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
/** Less than that may be written to a pipe without being torn apart. */
const PIPE_PIECE_BYTES: number = ACCESS_LOG_LINE_BYTES_MAX;
const FULL_PIPE_RETRY_MS = 10;
const BLOCKS_MAX: number = ACCESS_LOG_BYTES_MAX / ACCESS_LOG_BLOCK_BYTES;
const FREE_BLOCKS_MAX = 2;
const LF = 0x0a;

export class LogBlock {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(ACCESS_LOG_BLOCK_BYTES);
  /** Where the next line goes. */
  length = 1;

  constructor() {
    this.bytes[0] = LF;
  }
}

export interface AccessLogFileOptions {
  /** A path, or "-" for standard output. */
  readonly path: string;
  readonly log: Log;
  /** Called with the number of lines that have just been lost. */
  readonly onLost: (lines: number) => void;
}

export class AccessLogFile {
  private readonly options: AccessLogFileOptions;
  private fd = -1;
  private isPipe = false;
  private block: LogBlock = new LogBlock();
  private readonly queue: LogBlock[] = [];
  private readonly free: LogBlock[] = [];
  /** Of the first block in the queue. */
  private offset = 1;
  private writing = false;
  private flushTimer: ReturnType<typeof setTimeout> | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | null = null;
  /** Told and not over yet; the lines that were lost in it. */
  private inTrouble = false;
  private lostInTrouble = 0;
  private closed = false;
  private whenIdle: (() => void) | null = null;
  private readonly atExit = (): void => this.writeAtExit();

  constructor(options: AccessLogFileOptions) {
    this.options = options;
    this.tryOpen();
    process.on("exit", this.atExit);
  }

  /**
   * The block that the next line goes into, at block.length, with room for the longest line; call
   * commit() then. Null if the line is lost.
   */
  room(): LogBlock | null {
    const { block } = this;
    const isFull = block.length + ACCESS_LOG_LINE_BYTES_MAX > block.bytes.length;
    if (!isFull || this.roll()) return this.block;
    this.options.onLost(1);
    this.lostInTrouble++;
    this.tell("it does not keep up");
    return null;
  }

  /** The line ends at `end` of the block. */
  commit(end: number): void {
    this.block.length = end;
    this.flushTimer ??= this.later(ACCESS_LOG_FLUSH_MS, () => this.flush());
  }

  /** Begins to write what there is. */
  flush(): void {
    if (this.flushTimer !== null) clearTimeout(this.flushTimer);
    this.flushTimer = null;
    if (this.block.length > 1) this.roll();
    this.pump();
  }

  /** Resolves when all is written, or when waiting any longer would be too long. */
  async close(): Promise<void> {
    if (this.closed) return;
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.closed = true; // from now on an error is final
    this.flush();
    if (this.writing) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.whenIdle = resolve;
      const timer = this.later(ACCESS_LOG_CLOSE_MS, resolve);
      await promise;
      clearTimeout(timer);
    }
    process.off("exit", this.atExit);
    const lines = this.unwrittenLines();
    if (lines > 0) {
      this.options.onLost(lines);
      this.options.log.warn(`the access log ${this.options.path} lacks its last ${lines} lines`);
    }
    if (!this.writing) this.release();
  }

  /** Puts the block into the queue and takes another; false if there may be no more of them. */
  private roll(): boolean {
    if (this.queue.length + 1 >= BLOCKS_MAX) return false;
    this.queue.push(this.block);
    this.block = this.free.pop() ?? new LogBlock();
    this.pump();
    return true;
  }

  /** Writes the first block of the queue, if nothing stands in the way. */
  private pump(): void {
    if (this.writing || this.retryTimer !== null) return;
    const block = this.queue[0];
    if (block === undefined) return this.settle();
    if (this.fd < 0 && !this.tryOpen()) return this.settle();
    const end = this.isPipe ? endOfPiece(block, this.offset) : block.length;
    this.writing = true;
    write(this.fd, block.bytes, this.offset, end - this.offset, null, (error, count) => {
      this.writing = false;
      if (error === null && count > 0) this.wrote(block, count);
      else this.failed(error ?? new Error("nothing was written"));
    });
  }

  private wrote(block: LogBlock, count: number): void {
    this.offset += count;
    if (this.offset === block.length) {
      this.queue.shift();
      this.offset = 1;
      block.length = 1;
      if (this.free.length < FREE_BLOCKS_MAX) this.free.push(block);
      if (this.inTrouble) this.recover();
      // At the end the queue may have been too full for the block that was being filled.
      if (this.closed && this.block.length > 1) this.roll();
    }
    this.pump();
  }

  private failed(error: NodeJS.ErrnoException): void {
    if (error.code === "EAGAIN" && !this.closed) return this.retryAfter(FULL_PIPE_RETRY_MS);
    this.mendLine();
    this.tell(messageOf(error));
    this.release();
    if (this.closed) return this.settle();
    this.retryAfter(ACCESS_LOG_RETRY_MS);
  }

  /** A line of which only a part was written is written again, whole, behind a line break. */
  private mendLine(): void {
    const { bytes } = this.queue[0]!;
    if (this.offset > 1 && bytes[this.offset - 1] !== LF) {
      this.offset = bytes.lastIndexOf(LF, this.offset - 1);
    }
  }

  private retryAfter(delayMs: number): void {
    this.retryTimer = this.later(delayMs, () => {
      this.retryTimer = null;
      this.pump();
    });
  }

  /** False if it is not open now: then it is tried again later. */
  private tryOpen(): boolean {
    const { path } = this.options;
    try {
      this.fd = path === "-" ? openStdout() : openSync(path, FLAGS, MODE);
      this.isPipe = !isFile(this.fd);
      return true;
    } catch (error) {
      this.tell(messageOf(error));
      if (!this.closed) this.retryAfter(ACCESS_LOG_RETRY_MS);
      return false;
    }
  }

  private release(): void {
    if (this.fd > STDOUT) closeSync(this.fd);
    this.fd = -1;
  }

  private settle(): void {
    this.whenIdle?.();
  }

  /** Once, until it works again. */
  private tell(why: string): void {
    if (this.inTrouble) return;
    this.inTrouble = true;
    const { log, path } = this.options;
    log.error(`Cannot write the access log ${path}: ${why}`);
  }

  private recover(): void {
    const { log, path } = this.options;
    log.warn(`the access log ${path} is written again: ${this.lostInTrouble} lines were lost`);
    this.inTrouble = false;
    this.lostInTrouble = 0;
  }

  private unwrittenLines(): number {
    let lines = 0;
    this.queue.forEach((block, index) => {
      lines += countLines(block, index === 0 ? this.offset : 1);
    });
    return lines;
  }

  /** The thread ends without close(): it has crashed. What its last lines say matters most. */
  private writeAtExit(): void {
    if (this.fd < 0) return;
    const waiting = this.queue.slice(this.writing ? 1 : 0);
    try {
      for (const block of [...waiting, this.block]) {
        const start = block === this.queue[0] ? this.offset : 1;
        if (block.length > start) writeSync(this.fd, block.bytes, start, block.length - start);
      }
    } catch {
      // nobody is left who could try again
    }
    if (!this.writing) this.release(); // a descriptor would outlive the thread
  }

  private later(delayMs: number, run: () => void): ReturnType<typeof setTimeout> {
    const timer = setTimeout(run, delayMs);
    timer.unref(); // what waits here is written at exit
    return timer;
  }
}

/** All access logs of a worker: listeners that name the same file share it. */
export class AccessLogFiles {
  private readonly log: Log;
  private readonly onLost: (lines: number) => void;
  private readonly files: Map<string, AccessLogFile> = new Map();

  constructor(log: Log, onLost: (lines: number) => void) {
    this.log = log;
    this.onLost = onLost;
  }

  open(path: string): AccessLogFile {
    let file = this.files.get(path);
    if (file === undefined) {
      file = new AccessLogFile({ path, log: this.log, onLost: this.onLost });
      this.files.set(path, file);
    }
    return file;
  }

  async close(): Promise<void> {
    await Promise.all([...this.files.values()].map((file) => file.close()));
  }
}

/** Throws MillraceError ERR_USAGE if the file cannot be appended to. */
export function checkAccessLog(path: string): void {
  if (path === "-") return;
  try {
    closeSync(openSync(path, FLAGS, MODE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENXIO") return; // a pipe nobody reads yet
    const text = `Cannot write the access log ${path}: ${messageOf(error)}`;
    throw new MillraceError("ERR_USAGE", text, error);
  }
}

/** A pipe is opened anew, so that its flags are ours alone; all else is written to as it is. */
function openStdout(): number {
  if (!fstatSync(STDOUT).isFIFO()) return STDOUT;
  try {
    return openSync("/proc/self/fd/1", constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return STDOUT;
  }
}

function isFile(fd: number): boolean {
  return fstatSync(fd).isFile();
}

/** The end of the last line that a pipe takes in one piece. */
function endOfPiece(block: LogBlock, start: number): number {
  if (block.length - start <= PIPE_PIECE_BYTES) return block.length;
  return block.bytes.lastIndexOf(LF, start + PIPE_PIECE_BYTES - 1) + 1;
}

function countLines(block: LogBlock, start: number): number {
  let lines = 0;
  for (let at = start; at < block.length; at++) {
    if (block.bytes[at] === LF) lines++;
  }
  return lines;
}
