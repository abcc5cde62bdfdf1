// sendfile(2): bytes of an open file into a socket without passing through memory of ours. Only for
// plain sockets: what goes out over TLS must be encrypted first. Linux only, as libc.ts is; elsewhere
// (and with MILLRACE_NO_FFI=1) loadSendFile gives null and callers read and write.

import { dlopen } from "bun:ffi";

/** Bytes sent, 0 at the end of the file, -1 when the socket takes none or the file cannot. */
export type SendFile = (socket: number, file: number, position: number, count: number) => number;

/** One call sends no more, so that the count of it is an int32. */
export const SEND_FILE_BYTES_MAX: number = 1 << 30;

const WORD = 2 ** 32;
const SYMBOLS = {
  sendfile: { args: ["i32", "i32", "ptr", "usize"], returns: "i32" },
} as const;

let loaded: SendFile | null | undefined;

/** sendfile(2) of the C library, or null where it cannot be had. */
export function loadSendFile(): SendFile | null {
  if (process.env["MILLRACE_NO_FFI"] === "1") return null;
  if (loaded === undefined) loaded = openSendFile();
  return loaded;
}

function openSendFile(): SendFile | null {
  if (process.platform !== "linux") return null;
  const musl = `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
  return tryOpen("libc.so.6") ?? tryOpen(musl);
}

function tryOpen(path: string): SendFile | null {
  try {
    const { sendfile } = dlopen(path, SYMBOLS).symbols;
    const offset = new Uint32Array(2); // off_t, little-endian
    return (socket, file, position, count) => {
      offset[0] = position % WORD;
      offset[1] = position / WORD;
      return sendfile(socket, file, offset, Math.min(count, SEND_FILE_BYTES_MAX));
    };
  } catch {
    return null;
  }
}
