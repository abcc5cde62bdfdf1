// One listening socket, made with the C library because Bun fixes the backlog at 512 and closes the
// accept queue with its listener. The master owns it; a worker gets a dup (lend) and closes only
// that. The accept queue lives as long as any descriptor does, so a worker may come and go.
//
// Several sockets share a port with SO_REUSEPORT, one a worker slot. The first is bound WITHOUT it,
// so that a port which someone else serves (another millrace too) is an error and not silently
// shared; it is allowed afterwards, for our own.

import { ptr } from "bun:ffi";
import { lstatSync, unlinkSync } from "node:fs";
import { assert } from "../core/assert.ts";
import { MillraceError } from "../core/errors.ts";
import { acceptWithBytes } from "./accept-options.ts";
import { describeErrno, loadLibc, type Libc } from "./libc.ts";
import {
  AF_INET6,
  AF_UNIX,
  decodePort,
  encodeSocketAddress,
  familyOf,
  formatAddress,
  type SocketAddress,
} from "./socket-address.ts";

// Linux, all of them; arm64 and x86_64 agree.
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x8_0000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const SO_ATTACH_FILTER = 26;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const F_DUPFD_CLOEXEC = 1030;
const EADDRINUSE = 98;
const ECONNREFUSED = 111;
const SOCKADDR_BYTES_MAX = 128;

/** A program for the kernel's packet filter, of one instruction: "return 0", keep no byte. */
const DROP_ALL: Uint16Array = new Uint16Array([0x06, 0, 0, 0]);

export interface ListeningSocketOptions {
  readonly backlog: number;
  /** Joins the sockets that this process has on the same port already. */
  readonly join?: boolean;
}

export class ListeningSocket {
  /** With the port that the kernel chose where 0 was asked for. */
  readonly address: SocketAddress;
  private fd: number;
  private readonly file: UnixFile | null;

  private constructor(fd: number, address: SocketAddress) {
    this.fd = fd;
    this.address = address;
    this.file = address.kind === "unix" ? identify(address.path) : null;
  }

  /** Throws MillraceError ERR_LISTEN with the address and the reason. */
  static open(address: SocketAddress, options: ListeningSocketOptions): ListeningSocket {
    const libc = requireLibc();
    const fd = libc.socket(familyOf(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw listenError(address, describeErrno(libc.errno()));
    try {
      bindAndListen(libc, fd, address, options);
      return new ListeningSocket(fd, withRealPort(libc, fd, address));
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.fd >= 0;
  }

  /** The descriptor, for a thread of this process to dup; it stays ours. */
  get descriptor(): number {
    assert(this.fd >= 0, "a closed listening socket has no descriptor");
    return this.fd;
  }

  /** Whoever is connected is accepted at once, also where a worker asked for the first bytes. */
  acceptWithoutBytes(): void {
    acceptWithBytes(this.descriptor, false);
  }

  /**
   * From now on the kernel drops attempts to connect, as if the network had: their peers try again
   * in a second. What waits to be accepted still can be. Closing a socket whose queue is not empty
   * resets connections that have sent their request; this lets the queue run empty first.
   */
  stopAdmitting(): void {
    if (this.address.kind === "unix") return;
    const program = new BigUint64Array([1n, BigInt(ptr(DROP_ALL))]);
    const value = new Int32Array(program.buffer);
    requireLibc().setsockopt(this.descriptor, SOL_SOCKET, SO_ATTACH_FILTER, value, 16);
  }

  /** Closes the master's descriptor and removes the file of a Unix socket. Once. */
  close(): void {
    assert(this.fd >= 0, "a listening socket is closed once");
    requireLibc().close(this.fd);
    this.fd = -1;
    if (this.file !== null) removeIfSame(this.file);
  }
}

/** A descriptor of the caller's own for the same socket; throws MillraceError ERR_LISTEN. */
export function duplicateDescriptor(fd: number): number {
  const libc = requireLibc();
  const copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0) return copy;
  throw new MillraceError(
    "ERR_LISTEN",
    `Cannot duplicate descriptor ${fd}: ${describeErrno(libc.errno())}`,
  );
}

/**
 * Sets how many connections the kernel keeps for a listening socket. Bun.listen({ fd }) calls
 * listen(2) with a backlog of its own, 511, on whatever it is given: this comes after it.
 */
export function setBacklog(fd: number, backlog: number): void {
  const libc = requireLibc();
  if (libc.listen(fd, backlog) === 0) return;
  const reason = describeErrno(libc.errno());
  throw new MillraceError("ERR_LISTEN", `Cannot set the backlog of descriptor ${fd}: ${reason}`);
}

function requireLibc(): Libc {
  const libc = loadLibc();
  assert(libc !== null, "listening sockets need the C library");
  return libc;
}

export function listenError(address: SocketAddress, reason: string): MillraceError {
  return new MillraceError("ERR_LISTEN", `Cannot listen on ${formatAddress(address)}: ${reason}`);
}

function bindAndListen(
  libc: Libc,
  fd: number,
  address: SocketAddress,
  options: ListeningSocketOptions,
): void {
  const family = familyOf(address);
  const check = (result: number) => {
    if (result < 0) throw listenError(address, describeErrno(libc.errno()));
  };
  if (family === AF_INET6) {
    const only = address.kind === "inet" && address.ipv6Only;
    check(setOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, only ? 1 : 0));
  }
  if (family !== AF_UNIX) check(setOption(libc, fd, SOL_SOCKET, SO_REUSEADDR, 1));
  if (options.join === true) check(setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1));
  bindSocket(libc, fd, address);
  if (family !== AF_UNIX) check(setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1));
  check(libc.listen(fd, options.backlog));
}

function setOption(libc: Libc, fd: number, level: number, name: number, value: number): number {
  return libc.setsockopt(fd, level, name, new Int32Array([value]), 4);
}

function bindSocket(libc: Libc, fd: number, address: SocketAddress): void {
  const bytes = encodeOrRefuse(address);
  if (libc.bind(fd, bytes, bytes.length) === 0) return;
  const errno = libc.errno();
  if (address.kind === "unix" && errno === EADDRINUSE) {
    removeStaleFile(libc, address.path, bytes);
    if (libc.bind(fd, bytes, bytes.length) === 0) return;
  }
  throw listenError(address, describeErrno(errno));
}

function encodeOrRefuse(address: SocketAddress): Uint8Array {
  try {
    return encodeSocketAddress(address);
  } catch (error) {
    throw listenError(address, (error as RangeError).message);
  }
}

function withRealPort(libc: Libc, fd: number, address: SocketAddress): SocketAddress {
  if (address.kind === "unix" || address.port !== 0) return address;
  const bytes = new Uint8Array(SOCKADDR_BYTES_MAX);
  if (libc.getsockname(fd, bytes, new Int32Array([bytes.length])) < 0) {
    throw listenError(address, describeErrno(libc.errno()));
  }
  return { ...address, port: decodePort(bytes) };
}

// The file of a Unix socket

interface UnixFile {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

/** A socket file that nobody answers on is left over from a process that was killed. */
function removeStaleFile(libc: Libc, path: string, bytes: Uint8Array): void {
  const address: SocketAddress = { kind: "unix", path };
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw listenError(address, "the file exists and is not a socket");
  if (!isDeserted(libc, bytes)) throw listenError(address, "another process listens there");
  unlinkSync(path);
}

function isDeserted(libc: Libc, bytes: Uint8Array): boolean {
  const fd = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const refused = libc.connect(fd, bytes, bytes.length) < 0 && libc.errno() === ECONNREFUSED;
  libc.close(fd);
  return refused;
}

function identify(path: string): UnixFile | null {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : { path, device: stat.dev, inode: stat.ino };
}

/** Another server may have taken the path over meanwhile: then the file is its own. */
function removeIfSame(file: UnixFile): void {
  const now = identify(file.path);
  if (now === null || now.inode !== file.inode || now.device !== file.device) return;
  unlinkSync(file.path);
}
