// The dozen calls of the C library that Bun does not offer: sockets with a backlog of our choice,
// and descriptors that are lent between threads. Loaded at the first use and kept; Linux with glibc
// or musl only, elsewhere (and with MILLRACE_NO_FFI=1) loadLibc gives null and callers fall back.

import { dlopen, read, type Pointer } from "bun:ffi";
import { getSystemErrorMap } from "node:util";

const SYMBOLS = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  ioctl: { args: ["i32", "usize", "ptr"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
} as const;

export interface Libc {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Int32Array, bytes: number): number;
  bind(fd: number, address: Uint8Array, bytes: number): number;
  listen(fd: number, backlog: number): number;
  connect(fd: number, address: Uint8Array, bytes: number): number;
  getsockname(fd: number, address: Uint8Array, bytes: Int32Array): number;
  fcntl(fd: number, command: number, argument: number): number;
  ioctl(fd: number, request: number, value: Int32Array): number;
  close(fd: number): number;
  /** Of the last call that returned -1, read before any other call. */
  errno(): number;
}

let loaded: Libc | null | undefined;

/** The C library, or null where it cannot be had. */
export function loadLibc(): Libc | null {
  if (process.env["MILLRACE_NO_FFI"] === "1") return null;
  if (loaded === undefined) loaded = openLibc();
  return loaded;
}

/** "permission denied (EACCES)" of 13. */
export function describeErrno(errno: number): string {
  const [name, text] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, "system error"];
  return `${text} (${name})`;
}

function openLibc(): Libc | null {
  if (process.platform !== "linux") return null;
  const musl = `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
  return tryOpen("libc.so.6") ?? tryOpen(musl);
}

function tryOpen(path: string): Libc | null {
  try {
    const { symbols } = dlopen(path, SYMBOLS);
    // The address is of this thread, and the library stays open as long as the process.
    const location = symbols.__errno_location() as Pointer;
    return { ...symbols, errno: () => read.i32(location, 0) };
  } catch {
    return null;
  }
}
