// sendfile(2): bytes of an open file into a socket without passing through memory of ours. Linux
// with glibc or musl only; elsewhere, and with MILLRACE_NO_FFI=1, files are read and written. The C
// library is loaded at the first use and kept.

import { dlopen } from "bun:ffi";
import { readSync } from "node:fs";
import { loadLibc } from "./libc.ts";
import type { RawSocket } from "./raw-socket.ts";

/** One call sends no more, so that its count is an int32. */
export const SEND_FILE_BYTES_MAX: number = 1 << 30;

/** What sendFile() gives when the socket is full, and when it cannot be done at all. */
export const SEND_FULL = -1;
export const SEND_FAILED = -2;

/** As much as is read to wake a full socket. */
const PIECE_BYTES = 4096;

const EINTR = 4; // an io_uring of this thread has news: after some bytes, the count is short then
const EAGAIN = 11;
const WORD = 2 ** 32;
const SYMBOLS = {
  sendfile: { args: ["i32", "i32", "ptr", "usize"], returns: "i32" },
} as const;

type SystemCall = (socket: number, file: number, offset: Uint32Array, count: number) => number;

const offset: Uint32Array = new Uint32Array(2); // off_t, little-endian; scratch of one call
let loaded: SystemCall | null | undefined;

/** Bytes sent, 0 at the end of the file, SEND_FULL or SEND_FAILED. */
export function sendFile(socket: number, file: number, position: number, count: number): number {
  if (loaded === undefined) loaded = load();
  if (loaded === null) return SEND_FAILED;
  offset[0] = position % WORD;
  offset[1] = position / WORD;
  for (;;) {
    const sent = loaded(socket, file, offset, Math.min(count, SEND_FILE_BYTES_MAX));
    if (sent >= 0) return sent;
    const errno = loadLibc()?.errno();
    if (errno !== EINTR) return errno === EAGAIN ? SEND_FULL : SEND_FAILED;
  }
}

/** The descriptor to send files to; -1 if there is none, or if what goes out must be encrypted. */
export function plainFd(socket: RawSocket<unknown>): number {
  if (loaded === undefined) loaded = load();
  if (loaded === null || socket.fd === undefined || socket.getTLSVersion?.() !== null) return -1;
  return socket.fd;
}

/** Reads a little of a file into `target`; returns the count, 0 at its end or when it fails. */
export function readPiece(file: number, target: Buffer, position: number, count: number): number {
  try {
    return readSync(file, target, 0, Math.min(count, PIECE_BYTES, target.length), position);
  } catch {
    return 0;
  }
}

function load(): SystemCall | null {
  if (process.platform !== "linux" || process.env["MILLRACE_NO_FFI"] === "1") return null;
  const musl = `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
  return tryLoad("libc.so.6") ?? tryLoad(musl);
}

function tryLoad(path: string): SystemCall | null {
  try {
    return dlopen(path, SYMBOLS).symbols.sendfile;
  } catch {
    return null;
  }
}
