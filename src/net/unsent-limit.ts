// What the kernel holds of an answer for a peer that does not read it. Left alone, Linux takes up
// to 4 MiB a connection (tcp_wmem), in one go when an answer is long: some hundred deaf peers then
// cost gigabytes that no limit of ours sees, and seconds of copying. TCP_NOTSENT_LOWAT bounds what
// is not even on its way; accepted sockets have it from the listening one.

import { UNSENT_BYTES_MAX } from "../core/limits.ts";
import { loadLibc } from "./libc.ts";

const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;
const SIOCOUTQ = 0x5411;

const held: Int32Array = new Int32Array(1); // scratch of one call

/** Of one socket, or of all that a listening one will accept. Does nothing for a Unix socket. */
export function limitUnsent(fd: number, bytes: number = UNSENT_BYTES_MAX): void {
  loadLibc()?.setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, new Int32Array([bytes]), 4);
}

/** Bytes that the kernel took and the peer has not acknowledged; 0 where that is unknown. */
export function heldBytes(fd: number | undefined): number {
  if (fd === undefined) return 0;
  return loadLibc()?.ioctl(fd, SIOCOUTQ, held) === 0 ? held[0]! : 0;
}
