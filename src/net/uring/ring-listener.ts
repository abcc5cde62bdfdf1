// Accepts from one listening socket by a few requests that wait with the kernel, never more of them
// than there is room for connections: what they accept is ours, wanted or not, while others wait in
// the kernel's queue.
//
//   accepting --stop()--> stopped, requests cancelled; what they had accepted still comes
//
// Invariant: `waiting` requests are with the ring, and each ends in one onAccept().

import type { SocketHandlers } from "../raw-socket.ts";
import type { RingTransport } from "./ring-transport.ts";
import {
  CANCEL_ALL,
  ECANCELED,
  ECONNABORTED,
  OP_ACCEPT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
} from "./ring-abi.ts";
import { KIND_ACCEPT, requestTag } from "./request-tag.ts";

const WAITING_MAX = 16;
const RETRY_MS = 100;

export class RingListener<Owner> {
  private readonly transport: RingTransport<Owner>;
  private readonly index: number;
  private readonly fd: number;
  private readonly label: number;
  private readonly handlers: SocketHandlers<Owner>;
  private waiting = 0;
  private stopped = false;
  private ended = false; // its descriptor is closed
  private retry: ReturnType<typeof setTimeout> | null = null;

  constructor(
    transport: RingTransport<Owner>,
    index: number,
    fd: number,
    handlers: SocketHandlers<Owner>,
    label: number,
  ) {
    this.transport = transport;
    this.index = index;
    this.fd = fd;
    this.handlers = handlers;
    this.label = label;
  }

  start(): void {
    const { transport, fd, index, label } = this;
    const most = Math.min(WAITING_MAX, transport.room());
    const user = requestTag(KIND_ACCEPT, index);
    while (this.waiting < most) {
      this.waiting++;
      transport.push(OP_ACCEPT, fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC, user, label, 0);
    }
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  /**
   * Asks anew. The kernel tells one waiting request of a connection; if that one belongs to a
   * worker which is stuck or has just died, nobody else would look.
   */
  nudge(): void {
    if (this.stopped) return;
    if (this.waiting === 0) return this.start();
    this.transport.cancel(requestTag(KIND_ACCEPT, this.index), this.label, 0);
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    if (this.retry !== null) clearTimeout(this.retry);
    if (this.waiting === 0) return this.end();
    this.transport.cancel(requestTag(KIND_ACCEPT, this.index), this.label, CANCEL_ALL);
  }

  /** One request has ended, with a connection or an error. */
  onAccept(result: number): void {
    this.waiting--;
    if (result >= 0) this.transport.accepted(result, this.handlers);
    if (this.stopped) {
      if (this.waiting === 0) this.end();
    } else if (result >= 0 || result === -ECONNABORTED || result === -ECANCELED) {
      this.start();
    } else {
      // No descriptor or no memory is left: it may be otherwise soon.
      this.retry ??= setTimeout(() => {
        this.retry = null;
        this.start();
      }, RETRY_MS);
    }
  }

  /** Once: the handler of the last connection may have stopped it. */
  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.transport.forgetListener(this.index, this.fd);
  }
}
