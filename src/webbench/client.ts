// One client of a load process: a connection, the requests under way on it in order, and what
// becomes of them. Owned by the generator; its socket's handlers are shared by all clients.
//
//   ring of the requests under way       | head: oldest ... | unwritten: not yet given to write() |
//   baseMs[slot] latency counts from it; sentMs[slot] when it was written; choice[slot] which one
//
// Invariant: every request of issue() ends in exactly one column of the tally (tally.ts).
// A socket that the client has given up is no longer `socket`, and its events are ignored.

import { assert } from "../core/assert.ts";
import type { LatencyBuckets } from "./latency-buckets.ts";
import type { RepeatedReply } from "./reply-format.ts";
import { REPLY_DONE, REPLY_MORE, type ReplyReader } from "./reply-reader.ts";
import {
  COUNT_ATTEMPTS,
  COUNT_BEGUN,
  COUNT_BODY_BYTES,
  COUNT_BYTES_IN,
  COUNT_BYTES_OUT,
  COUNT_CLOSED_IDLE,
  COUNT_CONNECTED,
  COUNT_CUT_CONNECTING,
  COUNT_CUT_OFF,
  COUNT_ERROR_BASE,
  COUNT_FAILED_STATUS,
  COUNT_RETURNED,
  COUNT_SENT,
  COUNT_SUCCEEDED,
  COUNT_SURPLUS,
  ERROR_CONNECT,
  ERROR_CONNECT_TIMEOUT,
  ERROR_EARLY_CLOSE,
  ERROR_MALFORMED,
  ERROR_REFUSED,
  ERROR_RESET,
  ERROR_TIMEOUT,
  type Tally,
} from "./tally.ts";

export type ClientSocket = Bun.Socket<Client>;

/** What all clients of a process share, and whom they ask and tell. */
export interface ClientHost {
  readonly tally: Tally;
  readonly total: LatencyBuckets;
  readonly firstByte: LatencyBuckets;
  readonly connect: LatencyBuckets;
  /** From the moment of sending; null in a closed loop, where it is the same as `total`. */
  readonly service: LatencyBuckets | null;
  readonly depth: number;
  readonly perRequest: boolean;
  readonly awaitsReply: boolean;
  /** Shuts down its side after the request: HTTP/0.9. */
  readonly halfCloses: boolean;
  readonly baseMs: Float64Array;
  readonly sentMs: Float64Array;
  readonly choice: Uint16Array;
  readonly requestBytes: readonly Buffer[];
  readonly methods: readonly number[];
  /** Of a single request, `depth` times over; null if there are several. */
  readonly batch: Buffer | null;
  /** null when answers depend on more than their bytes. */
  readonly repeated: RepeatedReply | null;
  /** 1 where a status is a success. */
  readonly success: Uint8Array;
  /** Which request comes next on a connection to this origin. */
  choose(origin: number): number;
  /** Begins a connection; ends in opened() or connectFailed() of `client`. */
  dial(client: Client): void;
  takeReader(): ReplyReader;
  giveReader(reader: ReplyReader): void;
  /** There is room, or the connection is gone: more may be issued now. */
  ready(client: Client, nowMs: number): void;
  /** A connection could not be made; the client waits a little. */
  backOff(client: Client): void;
  /** So many requests were never processed by the peer. */
  returned(count: number): void;
}

export const CLIENT_DOWN = 0;
export const CLIENT_CONNECTING = 1;
export const CLIENT_OPEN = 2;
export const CLIENT_CLOSING = 3; // no request any more, waits for the peer's end
export const CLIENT_DEAD = 4; // given up while connecting; another one took its place

export class Client {
  readonly index: number;
  readonly origin: number;
  state: number = CLIENT_DOWN;
  /** Requests issued and not ended. */
  outstanding = 0;
  /** It stands in the generator's queue of idle clients. */
  isQueued = false;
  /** It waits after a failure to connect. */
  isBackingOff = false;
  /** When the state last changed. */
  sinceMs = 0;
  private readonly host: ClientHost;
  private readonly ringStart: number;
  private socket: ClientSocket | null = null;
  private head = 0;
  private unwritten = 0;
  private reader: ReplyReader | null = null;
  private firstByteMs = 0;
  private pending: Buffer | null = null; // what the kernel did not take, [pendingAt, pendingEnd)
  private pendingAt = 0;
  private pendingEnd = 0;
  private pendingCount = 0; // requests that are wholly sent once it is

  constructor(host: ClientHost, index: number, origin: number) {
    this.host = host;
    this.index = index;
    this.origin = origin;
    this.ringStart = index * host.depth;
  }

  get room(): number {
    return this.state >= CLIENT_CLOSING ? 0 : this.host.depth - this.outstanding;
  }

  /** A request that is issued now goes out at once. */
  get isReady(): boolean {
    const isThere =
      this.state === CLIENT_OPEN || (this.state === CLIENT_DOWN && this.host.perRequest);
    return isThere && this.outstanding < this.host.depth;
  }

  /** When the oldest request was sent; Infinity without one. */
  get oldestSentMs(): number {
    if (this.outstanding === this.unwritten) return Infinity;
    return this.host.sentMs[this.ringStart + this.head]!;
  }

  /** The latency of the oldest request so far, from where it counts. */
  oldestAgeMs(nowMs: number): number {
    return this.outstanding === 0 ? 0 : nowMs - this.host.baseMs[this.ringStart + this.head]!;
  }

  /** Sends `count` requests, which fit into the room; connects first where that is needed. */
  issue(count: number, baseMs: number, nowMs: number): void {
    const { host } = this;
    assert(count <= this.room, "more requests than a connection has room for");
    for (let sent = 0; sent < count; sent++) {
      const slot = this.slotOf(this.outstanding++);
      host.baseMs[slot] = baseMs;
      host.sentMs[slot] = nowMs;
      if (host.batch === null) host.choice[slot] = host.choose(this.origin);
    }
    this.unwritten += count;
    host.tally.row[COUNT_BEGUN]! += count;
    if (this.state === CLIENT_OPEN) this.flush();
    else if (this.state === CLIENT_DOWN) this.dial(nowMs);
  }

  /** Connects without a request, so that the connection is there when one is due. */
  dial(nowMs: number): void {
    assert(this.state === CLIENT_DOWN, "a client has one connection at a time");
    this.setState(CLIENT_CONNECTING, nowMs);
    this.host.tally.row[COUNT_ATTEMPTS]! += 1;
    this.host.dial(this);
  }

  /** The attempt to connect begins now; a closed loop's request with it, if it is one of both. */
  dialled(nowMs: number): void {
    const { host } = this;
    this.sinceMs = nowMs;
    if (host.service !== null) return;
    for (let k = 0; k < this.outstanding; k++) host.baseMs[this.slotOf(k)] = nowMs;
  }

  opened(socket: ClientSocket): void {
    if (this.state !== CLIENT_CONNECTING) return void socket.terminate();
    const { host } = this;
    const nowMs = performance.now();
    host.connect.record(nowMs - this.sinceMs);
    host.tally.row[COUNT_CONNECTED]! += 1;
    this.socket = socket;
    this.setState(CLIENT_OPEN, nowMs);
    this.sendsNow(nowMs);
    if (this.unwritten > 0) this.flush();
    else host.ready(this, nowMs);
  }

  connectFailed(code: string): void {
    if (this.state !== CLIENT_CONNECTING) return;
    const kind = code === "ECONNREFUSED" ? ERROR_REFUSED : ERROR_CONNECT;
    this.setState(CLIENT_DOWN, performance.now());
    this.fail(kind, code, Math.max(1, this.outstanding));
    this.host.backOff(this);
  }

  /** Gives up on connecting; the caller puts another client in its place. */
  abandon(): void {
    assert(this.state === CLIENT_CONNECTING, "only an attempt to connect is abandoned");
    this.state = CLIENT_DEAD;
    this.fail(ERROR_CONNECT_TIMEOUT, "connect timeout", Math.max(1, this.outstanding));
  }

  received(chunk: Buffer, socket: ClientSocket): void {
    if (socket !== this.socket) return;
    const { host } = this;
    const nowMs = performance.now();
    host.tally.row[COUNT_BYTES_IN]! += chunk.length;
    const { repeated } = host;
    if (
      this.reader === null &&
      repeated !== null &&
      repeated.matches(chunk) &&
      repeated.count <= this.outstanding - this.unwritten
    ) {
      host.tally.statuses[repeated.status]! += repeated.count;
      host.tally.row[COUNT_BODY_BYTES]! += repeated.bodyBytes;
      for (let k = 0; k < repeated.count; k++) this.complete(repeated.status, nowMs, nowMs);
    } else {
      this.parse(chunk, nowMs);
    }
    this.afterReplies(nowMs);
  }

  drained(socket: ClientSocket): void {
    if (socket === this.socket && this.state === CLIENT_OPEN) this.flush();
  }

  /** The connection has ended: by the peer, by a failure, or by our own end(). */
  closed(socket: ClientSocket, error: Error | undefined): void {
    if (socket !== this.socket) return;
    const nowMs = performance.now();
    const wasClosing = this.state === CLIENT_CLOSING;
    this.socket = null;
    if (error === undefined && this.reader !== null && this.reader.finish() === REPLY_DONE) {
      this.finishReply(this.reader, nowMs);
    }
    if (this.outstanding > 0) {
      const code = (error as { code?: string } | undefined)?.code;
      if (error === undefined) this.fail(ERROR_EARLY_CLOSE, "closed before the answer");
      else this.fail(ERROR_RESET, code ?? error.message);
    } else if (!wasClosing) {
      this.host.tally.row[COUNT_CLOSED_IDLE]! += 1;
    }
    this.down(nowMs);
    this.host.ready(this, nowMs);
  }

  /** Ends the connection now; its requests count as timed out. */
  timeOut(nowMs: number): void {
    if (this.outstanding > 0) this.fail(ERROR_TIMEOUT, "timeout");
    this.drop();
    this.down(nowMs);
    this.host.ready(this, nowMs);
  }

  /** The run is over: what is under way is neither a success nor a failure. */
  cutOff(): void {
    const { row } = this.host.tally;
    row[COUNT_CUT_OFF]! += this.outstanding;
    if (this.state !== CLIENT_OPEN) row[COUNT_CUT_CONNECTING]! += this.outstanding;
    this.outstanding = 0;
    this.state = CLIENT_DEAD;
  }

  /** After cutOff(): closes the connection, if there is one. */
  leave(): void {
    assert(this.state === CLIENT_DEAD, "a client that takes part cannot leave");
    this.drop();
  }

  /** Leaves an idle connection. */
  retire(nowMs: number): void {
    assert(this.outstanding === 0, "requests under way would be lost");
    this.drop();
    this.down(nowMs);
  }

  // In an open loop latency counts from the plan, and with a connection per request from dialling.
  private sendsNow(nowMs: number): void {
    const { host } = this;
    const countsFromHere = host.service === null && !host.perRequest;
    for (let k = 0; k < this.outstanding; k++) {
      const slot = this.slotOf(k);
      host.sentMs[slot] = nowMs;
      if (countsFromHere) host.baseMs[slot] = nowMs;
    }
  }

  private setState(state: number, nowMs: number): void {
    this.state = state;
    this.sinceMs = nowMs;
  }

  private slotOf(distance: number): number {
    const at = this.head + distance;
    return this.ringStart + (at < this.host.depth ? at : at - this.host.depth);
  }

  private flush(): void {
    const { host } = this;
    const socket = this.socket!;
    while (this.pending !== null || this.takeUnwritten()) {
      const sent = socket.write(this.pending!, this.pendingAt, this.pendingEnd - this.pendingAt);
      if (sent < 0) return; // the close event tells the rest
      host.tally.row[COUNT_BYTES_OUT]! += sent;
      this.pendingAt += sent;
      if (this.pendingAt < this.pendingEnd) return;
      host.tally.row[COUNT_SENT]! += this.pendingCount;
      this.pending = null;
    }
    if (host.halfCloses) socket.shutdown();
    if (!host.awaitsReply) this.succeedUnread();
  }

  private takeUnwritten(): boolean {
    const { host } = this;
    if (this.unwritten === 0) return false;
    if (host.batch === null) {
      const slot = this.slotOf(this.outstanding - this.unwritten);
      this.pending = host.requestBytes[host.choice[slot]!]!;
      this.pendingCount = 1;
    } else {
      this.pending = host.batch;
      this.pendingCount = this.unwritten;
    }
    this.pendingAt = 0;
    this.pendingEnd =
      host.batch === null ? this.pending.length : this.unwritten * host.requestBytes[0]!.length;
    this.unwritten -= this.pendingCount;
    return true;
  }

  /** Early socket close: sent is done. */
  private succeedUnread(): void {
    const nowMs = performance.now();
    while (this.outstanding > 0) this.complete(0, nowMs, nowMs);
    this.afterReplies(nowMs);
  }

  private parse(chunk: Buffer, nowMs: number): void {
    const { host } = this;
    const isFresh = this.reader === null;
    let [at, count, bodyBytes, status, isUniform] = [0, 0, 0, 0, isFresh];
    while (at < chunk.length) {
      if (this.state !== CLIENT_OPEN || this.outstanding === this.unwritten) {
        return this.surplus(chunk.length - at, nowMs);
      }
      const reader = this.reader ?? this.beginReply(nowMs);
      const result = reader.read(chunk, at, chunk.length);
      at = reader.position;
      if (result === REPLY_MORE) return;
      if (result !== REPLY_DONE) return this.malformed(reader.error, nowMs);
      isUniform &&= reader.keepAlive && (count === 0 || reader.status === status);
      status = reader.status;
      bodyBytes += reader.bodyBytes;
      count++;
      this.finishReply(reader, nowMs);
    }
    if (isUniform) host.repeated?.remember(chunk, count, status, bodyBytes);
  }

  private beginReply(nowMs: number): ReplyReader {
    const { host } = this;
    const reader = host.takeReader();
    const choice = host.batch === null ? host.choice[this.slotOf(0)]! : 0;
    reader.begin(host.methods[choice]!);
    this.reader = reader;
    this.firstByteMs = nowMs;
    return reader;
  }

  private finishReply(reader: ReplyReader, nowMs: number): void {
    const { host } = this;
    host.tally.statuses[reader.status]! += 1;
    host.tally.row[COUNT_BODY_BYTES]! += reader.bodyBytes;
    this.complete(reader.status, this.firstByteMs, nowMs);
    this.reader = null;
    host.giveReader(reader);
    if (!reader.keepAlive) this.announcedClose(nowMs);
  }

  private complete(status: number, firstByteMs: number, nowMs: number): void {
    const { host } = this;
    const slot = this.ringStart + this.head;
    const baseMs = host.baseMs[slot]!;
    host.total.record(nowMs - baseMs);
    host.firstByte.record(firstByteMs - baseMs);
    if (host.service !== null) host.service.record(nowMs - host.sentMs[slot]!);
    host.tally.row[host.success[status] === 1 ? COUNT_SUCCEEDED : COUNT_FAILED_STATUS]! += 1;
    this.head = this.head + 1 < host.depth ? this.head + 1 : 0;
    this.outstanding--;
  }

  /** The peer will not look at what was pipelined behind this answer (RFC 9112 9.6). */
  private announcedClose(nowMs: number): void {
    this.setState(CLIENT_CLOSING, nowMs);
    if (this.outstanding === 0) return;
    this.unwritten = 0;
    this.host.tally.row[COUNT_RETURNED]! += this.outstanding;
    this.host.returned(this.outstanding);
    this.outstanding = 0;
  }

  private afterReplies(nowMs: number): void {
    const { host } = this;
    if (this.state === CLIENT_OPEN && host.perRequest && this.outstanding === 0) {
      this.setState(CLIENT_CLOSING, nowMs);
      this.socket!.end(); // closed() comes at once or with the peer's end
    } else if (this.state === CLIENT_OPEN) {
      host.ready(this, nowMs);
    }
  }

  private surplus(bytes: number, nowMs: number): void {
    this.host.tally.row[COUNT_SURPLUS]! += bytes;
    if (this.state !== CLIENT_OPEN) return;
    this.drop();
    this.down(nowMs);
    this.host.ready(this, nowMs);
  }

  private malformed(error: string, nowMs: number): void {
    this.fail(ERROR_MALFORMED, error);
    this.drop();
    this.down(nowMs);
    this.host.ready(this, nowMs);
  }

  private fail(kind: number, reason: string, count: number = this.outstanding): void {
    const { tally } = this.host;
    // An attempt without a request counts as one: a user would have met the failure.
    if (count > this.outstanding) tally.row[COUNT_BEGUN]! += count - this.outstanding;
    tally.row[COUNT_ERROR_BASE + kind]! += count;
    tally.addReason(reason, count);
    this.outstanding = 0;
    this.unwritten = 0;
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.terminate();
  }

  private down(nowMs: number): void {
    if (this.reader !== null) this.host.giveReader(this.reader);
    this.reader = null;
    this.pending = null;
    this.unwritten = 0;
    this.outstanding = 0;
    this.head = 0;
    this.setState(CLIENT_DOWN, nowMs);
  }
}
