// The system calls of the io_uring backend, through bun:ffi, loaded at the first use and kept. An
// address is a number here. Of glibc and musl alike; null elsewhere, and with MILLRACE_NO_FFI=1.

import { dlopen, type Pointer, ptr, read, toArrayBuffer } from "bun:ffi";

const SYMBOLS = {
  mmap: { args: ["ptr", "usize", "i32", "i32", "i32", "i64"], returns: "ptr" },
  munmap: { args: ["ptr", "usize"], returns: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  dup3: { args: ["i32", "i32", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  sendmsg: { args: ["i32", "ptr", "i32"], returns: "i32" },
  poll: { args: ["ptr", "usize", "i32"], returns: "i32" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getpeername: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
} as const;

// syscall(2) is variadic: as many integers as there are arguments, all in registers. What the
// kernel takes for 64 bits must be given so: of an i32 the upper half of a register is anything.
const SYSCALL = {
  syscall: { args: ["i32", "i32", "i32", "i32", "i32", "ptr", "usize"], returns: "i32" },
} as const;
const SYSCALL_WITH_POINTER = {
  syscall: { args: ["i32", "i32", "ptr"], returns: "i32" },
} as const;
const SYSCALL_REGISTER = {
  syscall: { args: ["i32", "i32", "i32", "ptr", "i32"], returns: "i32" },
} as const;

export interface RingCalls {
  setup(number: number, entries: number, parameters: Uint32Array): number;
  enter(
    number: number,
    ring: number,
    submit: number,
    wait: number,
    flags: number,
    argument: number,
    bytes: number,
  ): number;
  register(number: number, ring: number, what: number, argument: Uint32Array, n: number): number;
  mmap(
    at: null,
    bytes: number,
    protection: number,
    flags: number,
    fd: number,
    from: number,
  ): number;
  munmap(address: number, bytes: number): number;
  socketpair(family: number, type: number, protocol: number, pair: Int32Array): number;
  dup3(from: number, to: number, flags: number): number;
  close(fd: number): number;
  send(fd: number, address: number, bytes: number, flags: number): number;
  sendmsg(fd: number, message: number, flags: number): number;
  poll(entries: Int32Array, count: number, milliseconds: number): number;
  shutdown(fd: number, how: number): number;
  setsockopt(fd: number, level: number, name: number, value: Int32Array, bytes: number): number;
  getpeername(fd: number, address: Uint8Array, bytes: Int32Array): number;
  /** Of the last call that returned -1, read before any other call. */
  errno(): number;
}

let loaded: RingCalls | null | undefined;

export function loadRingCalls(): RingCalls | null {
  if (process.env["MILLRACE_NO_FFI"] === "1") return null;
  if (loaded === undefined) loaded = openCalls();
  return loaded;
}

/** Where a view's bytes are. The view must be kept for as long as the address is used. */
export function addressOf(bytes: Uint8Array | Uint32Array | Int32Array): number {
  return ptr(bytes) as number;
}

/** A window on memory that no collector knows of. It keeps nothing alive. */
export function memoryAt(address: number, bytes: number): ArrayBuffer {
  return toArrayBuffer(address as Pointer, 0, bytes);
}

function openCalls(): RingCalls | null {
  if (process.platform !== "linux") return null;
  const musl = `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`;
  return tryOpen("libc.so.6") ?? tryOpen(musl);
}

function tryOpen(path: string): RingCalls | null {
  try {
    const { symbols } = dlopen(path, SYMBOLS);
    const location = symbols.__errno_location() as Pointer; // of this thread
    return {
      ...symbols,
      enter: dlopen(path, SYSCALL).symbols.syscall,
      setup: dlopen(path, SYSCALL_WITH_POINTER).symbols.syscall,
      register: dlopen(path, SYSCALL_REGISTER).symbols.syscall,
      errno: () => read.i32(location, 0),
    } as unknown as RingCalls;
  } catch {
    return null;
  }
}
