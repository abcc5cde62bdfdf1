// Wakes Bun's event loop when an io_uring has completions. Bun waits for sockets only, with epoll;
// an io_uring is a descriptor that epoll can wait for, but reading it is an error. So Bun is given
// a descriptor that is the ring when Bun registers it and a socket when Bun reads it:
//
//   1. Bun.connect({ fd }) with a dup of the ring: Bun's epoll has the ring under this number
//   2. dup3(near end of a socket pair, fd): the registration stays with the file, the number is a
//      socket now, in which one byte waits
//   3. completions -> epoll reports the number -> Bun reads the byte -> `data` -> onWake()
//   4. rearm() has the ring itself send the next byte: a wake-up costs no system call of ours
//
// Step 2 is epoll(7), question 6: a registration ends with the file, not with the number. Whether a
// Bun does it so is tried at the start of each worker; if not, there is no bridge, and Bun.listen
// serves instead.
//
// Invariant: between two wake-ups one byte waits in the near end, or is queued in the ring.

import { readdirSync, readFileSync } from "node:fs";
import { assert } from "../../core/assert.ts";
import { describeErrno } from "../libc.ts";
import { duplicateDescriptor } from "../listening-socket.ts";
import {
  ENTRY_SKIP_SUCCESS,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  OP_NOP,
  OP_SEND,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
} from "./ring-abi.ts";
import { addressOf, type RingCalls } from "./ring-calls.ts";
import type { Ring } from "./ring.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const O_CLOEXEC = 0x8_0000;
const EPOLLOUT = 4;
const FD_INFO = "/proc/self/fdinfo";
const TRIAL_MS_MAX = 2_000;

interface BunSocket {
  terminate(): void;
}

export class LoopBridge {
  /** The end that the ring writes to. Ours to close. */
  readonly farFd: number;
  private readonly calls: RingCalls;
  private readonly ring: Ring;
  private readonly onWake: () => void;
  private readonly byte: Uint8Array = new Uint8Array([1]);
  private readonly byteAddress: number = addressOf(this.byte);
  private readonly writable = Promise.withResolvers<void>();
  private readonly woken = Promise.withResolvers<void>();
  private socket: BunSocket | null = null;
  private bunFd = -1;
  private ready = false;
  private closed = false;

  private constructor(calls: RingCalls, ring: Ring, farFd: number, onWake: () => void) {
    this.calls = calls;
    this.ring = ring;
    this.farFd = farFd;
    this.onWake = onWake;
  }

  /** Rejects with an Error that says why there can be none. */
  static async open(calls: RingCalls, ring: Ring, onWake: () => void): Promise<LoopBridge> {
    const pair = new Int32Array(2);
    if (calls.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
      throw new Error(`socketpair: ${describeErrno(calls.errno())}`);
    }
    const [nearFd, farFd] = pair as unknown as [number, number];
    const bridge = new LoopBridge(calls, ring, farFd, onWake);
    try {
      await bridge.connect(nearFd);
      await bridge.tryOnce();
      bridge.checkRegistration();
      bridge.ready = true;
      return bridge;
    } catch (error) {
      bridge.close();
      calls.close(farFd);
      throw error;
    } finally {
      calls.close(nearFd);
    }
  }

  /** Puts the byte of the next wake-up into the ring; it is sent with the next submit(). */
  rearm(): void {
    const head = OP_SEND | (ENTRY_SKIP_SUCCESS << 8);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    this.ring.push(head, this.farFd, this.byteAddress, 1, flags, 0, 0, 0);
  }

  /** No more wake-ups. Before the ring's own descriptor is closed; farFd stays to be closed. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.socket === null) return;
    // Bun removes the number from its epoll: for that to find the ring, it must be the ring again.
    this.calls.dup3(this.ring.fd, this.bunFd, O_CLOEXEC);
    this.socket.terminate();
  }

  private async connect(nearFd: number): Promise<void> {
    const fd = duplicateDescriptor(this.ring.fd);
    this.bunFd = fd;
    const broken = (what: string): void => {
      const error = new Error(`Bun ${what} a socket that is an io_uring`);
      this.writable.reject(error);
      this.woken.reject(error);
      assert(!this.ready || this.closed, "the bridge to Bun's event loop broke");
    };
    this.woken.promise.catch(() => undefined);
    const socket = {
      // Once Bun has found it writable it waits for input only: an io_uring always has room.
      drain: () => this.writable.resolve(),
      data: () => this.wake(),
      end: () => broken("ended"),
      close: () => broken("closed"),
      error: (_socket: BunSocket, error: Error) => {
        if (this.ready) throw error; // Bun brings what onWake threw here, where it would end
        broken("refused");
      },
    };
    // Bun.connect takes a descriptor, but its types do not say so.
    const options = { fd, socket } as unknown as Bun.TCPSocketConnectOptions<undefined>;
    this.socket = await Bun.connect(options);
    await inTime(this.writable.promise, "Bun did not take an io_uring for a socket");
    await new Promise<void>((resolve) => setImmediate(resolve)); // it changes its mind behind drain
    if (this.calls.dup3(nearFd, fd, O_CLOEXEC) < 0) {
      throw new Error(`dup3: ${describeErrno(this.calls.errno())}`);
    }
  }

  private async tryOnce(): Promise<void> {
    this.rearm();
    this.ring.push(OP_NOP, -1, 0, 0, 0, 0, 0, 0);
    this.ring.submit();
    await inTime(this.woken.promise, "Bun's event loop is not woken by an io_uring");
  }

  /** Waiting for room, or for two files under one number, it would wake Bun without end. */
  private checkRegistration(): void {
    const found = registrationsOf(this.bunFd);
    if (found.length === 1 && (found[0]! & EPOLLOUT) === 0) return;
    throw new Error(`Bun waits for an io_uring in an unknown way (${found.join(", ")})`);
  }

  private wake(): void {
    if (this.closed) return; // the ring's memory is gone
    if (this.ready) return this.onWake();
    while (this.ring.next());
    this.rearm();
    this.ring.submit();
    this.woken.resolve();
  }
}

/** What epoll instances of this process wait for under a number: their event masks. */
function registrationsOf(fd: number): number[] {
  const line = new RegExp(`^tfd:\\s+${fd} events:\\s+([0-9a-f]+)`, "gm");
  return readdirSync(FD_INFO).flatMap((name) => {
    const matches = textOf(`${FD_INFO}/${name}`).matchAll(line);
    return [...matches].map((match) => Number.parseInt(match[1]!, 16));
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // closed meanwhile
  }
}

async function inTime(step: Promise<void>, otherwise: string): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(otherwise)), TRIAL_MS_MAX);
  try {
    await Promise.race([step, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
