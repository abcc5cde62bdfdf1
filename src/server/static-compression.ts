// Compression on the fly, off this thread: a few at a time, each file and coding once. Quality is
// chosen for work that somebody waits for; who wants the last percent puts a sibling there.

import {
  brotliCompress,
  constants,
  gzip,
  type ZlibOptions,
  type BrotliOptions,
  type ZstdOptions,
  zstdCompress,
} from "node:zlib";
import { CODING_BR, CODING_ZSTD } from "./static-codings.ts";

const GZIP: ZlibOptions = { level: 6 };
const ZSTD: ZstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 6 } };

/** More would only wait for each other in the thread pool; the rest is sent as it is. */
const RUNNING_MAX = 4;
/** A result must save at least an eighth. */
const USEFUL_SHARE = 0.875;

export class Compressor {
  private running = 0;

  get isBusy(): boolean {
    return this.running >= RUNNING_MAX;
  }

  /** `content` in a coding; null when that is hardly smaller, or fails. */
  async compress(content: Buffer, coding: number): Promise<Buffer | null> {
    this.running++;
    try {
      const result = await run(content, coding);
      return result.length <= content.length * USEFUL_SHARE ? result : null;
    } catch {
      return null; // out of memory: the plain file will do
    } finally {
      this.running--;
    }
  }
}

function run(content: Buffer, coding: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, result: Buffer): void => {
      if (error === null || error === undefined) resolve(result);
      else reject(error);
    };
    if (coding === CODING_BR) brotliCompress(content, brotliOptions(content.length), done);
    else if (coding === CODING_ZSTD) zstdCompress(content, ZSTD, done);
    else gzip(content, GZIP, done);
  });
}

function brotliOptions(size: number): BrotliOptions {
  return {
    params: {
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_QUALITY]: 5,
      [constants.BROTLI_PARAM_SIZE_HINT]: size,
    },
  };
}
