// How a listening socket accepts, and what its connections inherit. Set by each worker on the
// socket that it was lent, so that a reload which changes the service changes this too. Linux;
// elsewhere, and on a Unix socket, nothing happens.

import { SILENT_ACCEPT_S } from "../core/limits.ts";
import { loadLibc } from "./libc.ts";

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_DEFER_ACCEPT = 9;

/** No answer waits until the one before it is acknowledged. Bun does so by itself. */
export function sendAtOnce(fd: number): void {
  set(fd, TCP_NODELAY, 1);
}

/**
 * With `peerFirst` a connection is accepted with the first bytes of its peer, or after
 * SILENT_ACCEPT_S without any: it is read at once, and a silent one costs nothing until then.
 */
export function acceptWithBytes(fd: number, peerFirst: boolean): void {
  set(fd, TCP_DEFER_ACCEPT, peerFirst ? SILENT_ACCEPT_S : 0);
}

function set(fd: number, option: number, value: number): void {
  loadLibc()?.setsockopt(fd, IPPROTO_TCP, option, new Int32Array([value]), 4);
}
