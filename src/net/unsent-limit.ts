// How much of an answer the kernel takes for a peer that does not read it. Left alone, Linux takes
// up to 4 MiB a connection (tcp_wmem), in one go when an answer is long: some hundred deaf peers
// then cost gigabytes that no limit of ours sees, and seconds of copying. TCP_NOTSENT_LOWAT bounds
// what is not even on its way; accepted sockets have it from the listening one.

import { UNSENT_BYTES_MAX } from "../core/limits.ts";
import { loadLibc } from "./libc.ts";

const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;

/** For all connections that a listening socket will accept. Does nothing for a Unix socket. */
export function limitUnsent(fd: number, bytes: number = UNSENT_BYTES_MAX): void {
  loadLibc()?.setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, new Int32Array([bytes]), 4);
}
