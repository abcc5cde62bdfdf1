// HTTP/1.1 on one connection: reads requests one after the other, hands each to the application,
// and lets the next one wait until the answer is written, so that answers leave in order. Small
// bodies that come at once are read before the handler is called: a malformed one never reaches it.
//
//   HEAD --head complete--> BUFFERING -body, 64 KiB of it, or 2 s-> ANSWERING --answered-->+
//    ^ `------------ no body, or the client waits for 100 ------------^                     |
//    `--------------------- body complete ------------- DISCARDING <-- body not read -------+
//
// Invariant: `exchange` is the request being read or answered; null between requests and while what
// is left of a body is thrown away.

import {
  CLOSE_BODY_TIMEOUT,
  CLOSE_HANDLER,
  CLOSE_HEAD_TIMEOUT,
  CLOSE_IDLE,
  CLOSE_LOCAL,
  CLOSE_MEMORY,
  CLOSE_PEER,
  CLOSE_PROTOCOL,
  type CloseReason,
} from "../core/close-reason.ts";
import { COUNT_ABORTED, COUNT_REQUESTS, COUNT_REQUESTS_IN_FLIGHT } from "../core/counters.ts";
import {
  BODY_BUFFER_BYTES,
  BODY_BUFFER_MS,
  INPUT_HIGH_WATER_BYTES,
  REQUESTS_PER_EVENT_MAX,
  UNREAD_BODY_BYTES_MAX,
} from "../core/limits.ts";
import { BodyDecoder, DECODE_DATA, DECODE_DONE, DECODE_ERROR } from "../http/body-decoder.ts";
import { errorStatus, HTTP_BODY_TOO_LARGE } from "../http/http-error.ts";
import { METHOD_HEAD } from "../http/methods.ts";
import { BODY_LENGTH, BODY_NONE, PARSE_ERROR, PARSE_MORE } from "../http/request-parser.ts";
import {
  CONNECTION_DEFAULT,
  CONNECTION_IS_CLOSE,
  CONNECTION_IS_KEEP_ALIVE,
} from "../http/response-head.ts";
import type { Connection } from "../net/connection.ts";
import { STATE_OPEN } from "../net/connection-state.ts";
import type { Session } from "../net/protocol.ts";
import { answerContinue, answerStatus, statusOf, writeError } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import type { HttpApplication } from "./http-application.ts";
import type { HttpResponse } from "./http-response.ts";
import type { BodyFault } from "./request-body.ts";
import type { ResponseWriter } from "./response-writer.ts";
import { isThenable } from "./thenable.ts";

const PHASE_HEAD = 0;
const PHASE_BUFFERING = 1;
const PHASE_ANSWERING = 2;
const PHASE_DISCARDING = 3;

export class HttpSession implements Session {
  readonly connection: Connection;
  readonly application: HttpApplication;
  /** Whether the connection may carry another request after this one. */
  keepAlive = true;
  private phase = PHASE_HEAD;
  private exchange: Exchange | null = null;
  private writer: ResponseWriter | null = null; // only for answers that take more than one write
  private decoder: BodyDecoder | null = null;
  private bodyDone = true;
  private invited = true; // false while the client waits for 100 (Continue)
  private discardedBytes = 0;
  private windowBytes = 0; // body bytes when the current window of the minimum rate began
  private inLoop = false;
  private followed = false; // something came behind the request, or may have
  private headBegun = false;
  private headLate = false;
  private lastStatus = 0; // of the error that the connection ends with
  private idleSince: number;

  constructor(connection: Connection, application: HttpApplication) {
    this.connection = connection;
    this.application = application;
    this.idleSince = connection.reactor.nowMs;
    connection.expectInput(application.settings.headBytesMax + 1); // one more tells that it is late
    this.arm(application.settings.idleTimeoutMs);
  }

  // ---- input --------------------------------------------------------------------------------

  input(bytes: Buffer, start: number, end: number): number {
    const connection = this.connection;
    let position = start;
    let budget = REQUESTS_PER_EVENT_MAX;
    let partial = false;
    this.inLoop = true;
    while (position < end && connection.state === STATE_OPEN) {
      if (this.phase === PHASE_HEAD) {
        if (!connection.writable) break;
        if (budget-- === 0) {
          connection.reactor.resumeLater(connection);
          break;
        }
        const exchange = (this.exchange ??= this.application.exchanges.take());
        const parsed = exchange.parser.parse(bytes, position, end);
        if (parsed === PARSE_MORE && !this.headLate) {
          this.waitForHead();
          partial = true;
          break;
        }
        if (parsed === PARSE_ERROR || parsed === PARSE_MORE) {
          this.application.accessLog?.refuse(exchange, connection, bytes, position, end);
          if (this.headLate) this.endWith(exchange, 408, CLOSE_HEAD_TIMEOUT);
          else this.endWith(exchange, errorStatus(exchange.parser.error), CLOSE_PROTOCOL);
          break;
        }
        position = this.begin(exchange, bytes, position + exchange.parser.headBytes, end);
      } else {
        if (this.bodyDone) break; // the next request waits for its turn
        const next = this.readBody(bytes, position, end);
        if (next === position) break;
        position = next;
      }
    }
    this.inLoop = false;
    if (this.phase !== PHASE_HEAD && this.exchange !== null) this.keepHead(this.exchange);
    if (connection.peerEnded && (partial || position === end)) this.inputEnded();
    return position - start;
  }

  private waitForHead(): void {
    const { headTimeoutMs, idleTimeoutMs } = this.application.settings;
    if (headTimeoutMs === 0) return this.arm(idleTimeoutMs);
    if (this.headBegun) return;
    this.headBegun = true;
    this.arm(headTimeoutMs);
  }

  /** The head is complete. Returns where the loop goes on. */
  private begin(exchange: Exchange, bytes: Buffer, bodyAt: number, end: number): number {
    const { parser, request, response, body } = exchange;
    const reactor = this.connection.reactor;
    reactor.counters[COUNT_REQUESTS]!++;
    request.begin(this.connection, bytes, bodyAt - parser.headBytes);
    response.begin(this);
    this.application.accessLog?.begin(exchange, this.connection);
    this.headBegun = false;
    this.keepAlive = parser.keepAlive && !reactor.draining;
    const length = parser.contentLength;
    if (parser.bodyKind === BODY_NONE) {
      this.bodyDone = true;
      this.followed = bodyAt < end;
      body.reset(true);
      this.dispatch(exchange);
      return bodyAt;
    }
    if (parser.bodyKind === BODY_LENGTH && length > this.application.bodyLimits.bodyBytesMax) {
      this.endWith(exchange, errorStatus(HTTP_BODY_TOO_LARGE), CLOSE_PROTOCOL);
      return bodyAt;
    }
    if (parser.bodyKind === BODY_LENGTH && length <= end - bodyAt) {
      this.bodyDone = true;
      this.followed = length < end - bodyAt;
      body.reset(true);
      body.setWhole(bytes, bodyAt, bodyAt + length);
      this.dispatch(exchange);
      return bodyAt + length;
    }
    this.beginBody(exchange);
    return bodyAt;
  }

  private beginBody(exchange: Exchange): void {
    const { parser, body } = exchange;
    this.decoder ??= new BodyDecoder(this.application.bodyLimits);
    this.decoder.reset(parser.bodyKind, parser.contentLength);
    this.bodyDone = false;
    this.discardedBytes = 0;
    this.windowBytes = 0;
    this.followed = true;
    this.invited = !parser.expectContinue;
    body.reset(false);
    body.onDemand = () => this.demandBody();
    if (!this.invited) return this.dispatch(exchange); // only one who reads lets the body come
    this.arm(BODY_BUFFER_MS);
    this.phase = PHASE_BUFFERING;
  }

  private demandBody(): void {
    if (!this.invited) this.inviteBody(this.exchange !== null && !this.exchange.response.sent);
    this.connection.resumeInput();
  }

  /** From now on the body has to come, and in time. */
  private inviteBody(aloud: boolean): void {
    this.invited = true;
    this.connection.reactor.readClock(); // handlers ask outside of any event
    this.arm(this.application.settings.bodyTimeoutMs);
    if (aloud) answerContinue(this.connection); // behind the head of the answer it is too late
  }

  /** Decodes body bytes; returns how far it came: not at all if nobody takes them yet. */
  private readBody(bytes: Buffer, start: number, end: number): number {
    const exchange = this.exchange;
    const decoder = this.decoder!;
    let position = start;
    for (;;) {
      // Nothing is taken while the reader is behind; yet it must learn that the body is complete.
      const waits = exchange !== null && this.waitsForReader(exchange);
      const result = decoder.decode(bytes, position, waits ? position : end);
      position = decoder.position;
      if (result === DECODE_DATA) {
        if (!this.takeBody(exchange, bytes, decoder.dataStart, decoder.dataEnd)) return position;
      } else if (result === DECODE_DONE) {
        this.endBody(exchange);
        return position;
      } else if (result === DECODE_ERROR) {
        this.bodyFailed(decoder.error);
        return position;
      } else {
        break;
      }
    }
    if (this.phase === PHASE_BUFFERING && exchange!.body.bufferedBytes >= BODY_BUFFER_BYTES) {
      this.dispatch(exchange!);
    }
    return position;
  }

  private waitsForReader(exchange: Exchange): boolean {
    const { bufferedBytes, collecting } = exchange.body;
    return this.phase === PHASE_ANSWERING && !collecting && bufferedBytes >= INPUT_HIGH_WATER_BYTES;
  }

  /** False when the connection is closing over it. Without an exchange the bytes are dropped. */
  private takeBody(exchange: Exchange | null, bytes: Buffer, start: number, end: number): boolean {
    if (exchange === null) {
      this.discardedBytes += end - start;
      if (this.discardedBytes <= UNREAD_BODY_BYTES_MAX) return true;
      this.connection.close(CLOSE_LOCAL);
      return false;
    }
    if (exchange.body.deliver(bytes, start, end)) return true;
    this.fail(exchange, 503, CLOSE_MEMORY, "memory");
    return false;
  }

  private endBody(exchange: Exchange | null): void {
    this.bodyDone = true;
    this.connection.setDeadline(Infinity);
    if (exchange === null) return this.nextRequest();
    exchange.body.finish(this.decoder!.trailers);
    if (this.phase === PHASE_BUFFERING) this.dispatch(exchange);
  }

  private bodyFailed(error: number): void {
    const { exchange } = this;
    if (exchange === null) return this.connection.close(CLOSE_PROTOCOL);
    const fault = error === HTTP_BODY_TOO_LARGE ? "large" : "malformed";
    this.fail(exchange, errorStatus(error), CLOSE_PROTOCOL, fault);
  }

  // ---- the handler --------------------------------------------------------------------------

  private dispatch(exchange: Exchange): void {
    this.phase = PHASE_ANSWERING;
    if (this.bodyDone || !this.invited) this.connection.setDeadline(Infinity);
    else this.arm(this.application.settings.bodyTimeoutMs);
    let result: unknown;
    try {
      result = this.application.handle(exchange.request, exchange.response);
    } catch (error) {
      return this.handlerFailed(exchange, error);
    }
    if (!exchange.answered) {
      exchange.inFlight = true;
      this.connection.reactor.counters[COUNT_REQUESTS_IN_FLIGHT]!++;
    }
    if (!isThenable(result)) return this.settle(exchange);
    this.keepHead(exchange);
    Promise.resolve(result).then(
      () => this.settle(exchange),
      (error: unknown) => this.handlerFailed(exchange, error),
    );
  }

  /** The handler is done. */
  private settle(exchange: Exchange): void {
    if (!exchange.response.sent && !exchange.answered) {
      const { method, path } = exchange.request;
      return this.handlerFailed(exchange, new Error(`${method} ${path} was given no answer`));
    }
    exchange.settled = true;
    if (exchange.answered) this.application.exchanges.give(exchange);
  }

  private handlerFailed(exchange: Exchange, error: unknown): void {
    this.application.handlerError(error, exchange.request);
    exchange.abandoned = true;
    if (!exchange.answered) {
      if (exchange.response.sent) this.connection.abort(CLOSE_HANDLER);
      else answerStatus(exchange.response, statusOf(error));
    }
    exchange.settled = true;
    if (exchange.answered) this.application.exchanges.give(exchange);
  }

  /** Its answer is with the connection, or will never be: `status` is 0 if it had none. */
  private answered(exchange: Exchange, status: number, complete: boolean): void {
    if (exchange.answered) return;
    exchange.answered = true;
    this.application.accessLog?.end(exchange, this.connection, status, complete, this.decoder);
    if (exchange.inFlight) this.connection.reactor.counters[COUNT_REQUESTS_IN_FLIGHT]!--;
    exchange.inFlight = false;
    if (exchange.settled) this.application.exchanges.give(exchange);
    else exchange.body.unpool();
  }

  /** The head of a request that goes on is needed after this event: out of memory to be reused. */
  private keepHead(exchange: Exchange): void {
    if (exchange.request.keep() || exchange.answered) return;
    this.fail(exchange, 503, CLOSE_MEMORY, "memory");
  }

  // ---- the answer ---------------------------------------------------------------------------

  /** The writer of an answer that takes more than one write. */
  useWriter(writer: ResponseWriter): void {
    this.writer = writer;
  }

  /** A body that is to be read while its answer is under way must be asked for before it begins. */
  beforeLongAnswer(): void {
    const body = this.exchange?.body;
    if (body === undefined || !body.used) return;
    body.begun = true; // it will be: what answers piece by piece may well be made of it
    if (!this.invited) this.inviteBody(true);
  }

  /** What is left of the request body is more than we read for nothing: known before the answer. */
  private leavesTooMuch(): boolean {
    if (!this.invited) return true; // it may come, or not: nobody can know
    if (this.exchange === null || this.exchange.body.begun) return false;
    return this.decoder !== null && this.decoder.remainingBytes > UNREAD_BODY_BYTES_MAX;
  }

  /** What the answer says about the connection, which also decides what becomes of it. */
  connectionField(response: HttpResponse): number {
    const { connection } = this;
    const isLast = connection.peerEnded && !connection.hasInput;
    if (response.wantsClose || connection.reactor.draining || isLast) {
      this.keepAlive = false;
    } else if (!this.bodyDone && this.leavesTooMuch()) {
      this.keepAlive = false;
    }
    if (!this.keepAlive) return CONNECTION_IS_CLOSE;
    return this.versionMinor === 0 ? CONNECTION_IS_KEEP_ALIVE : CONNECTION_DEFAULT;
  }

  /** Whether the answer to the request has content, if its status permits any. */
  get isHead(): boolean {
    return this.exchange !== null && this.exchange.parser.method === METHOD_HEAD;
  }

  get versionMinor(): number {
    return this.exchange === null ? 1 : this.exchange.parser.versionMinor;
  }

  /** An answer failed when it had begun: its peer must not take it for a whole one. */
  answerFailed(error: unknown): void {
    this.writer = null;
    this.application.handlerError(error, this.exchange?.request);
    this.connection.abort(CLOSE_HANDLER);
  }

  /** The answer is whole with the connection. */
  finishAnswer(): void {
    const exchange = this.exchange;
    this.writer = null;
    if (exchange === null) return;
    this.exchange = null;
    if (!this.bodyDone) exchange.body.fail("answered");
    // A peer that announced its last request, and sent nothing behind it, need not be waited for.
    const peerIsDone = this.bodyDone && !this.followed && !exchange.parser.keepAlive;
    this.answered(exchange, exchange.response.code, true);
    if (!this.keepAlive) {
      this.connection.close(CLOSE_LOCAL, peerIsDone);
    } else if (this.bodyDone) {
      this.nextRequest();
    } else {
      this.phase = PHASE_DISCARDING;
      this.resume();
    }
  }

  private nextRequest(): void {
    this.phase = PHASE_HEAD;
    this.decoder = null;
    this.invited = true;
    this.idleSince = this.connection.reactor.nowMs;
    this.arm(this.application.settings.idleTimeoutMs);
    this.resume();
  }

  /** What waits behind this request, if the loop that reads it is not running anyway. */
  private resume(): void {
    if (this.inLoop) return;
    if (this.connection.hasInput) queueMicrotask(() => this.connection.resumeInput());
    else if (this.connection.peerEnded) this.inputEnded();
  }

  // ---- errors -------------------------------------------------------------------------------

  /** The request cannot go on: an error for its reader, and for a peer without an answer. */
  private fail(exchange: Exchange, status: number, reason: CloseReason, fault: BodyFault): void {
    exchange.body.fail(fault);
    exchange.request.abort();
    if (exchange.response.sent) this.connection.abort(reason);
    else this.endWith(exchange, status, reason);
  }

  /** The last answer of the connection. */
  private endWith(exchange: Exchange, status: number, reason: CloseReason): void {
    this.keepAlive = false;
    this.lastStatus = status;
    writeError(this, exchange.response, status);
    this.connection.close(reason);
    this.exchange = null;
    exchange.response.session = null; // what the handler still answers is dropped
    if (this.phase !== PHASE_ANSWERING) exchange.settled = true; // it was not called
    this.answered(exchange, status, true);
  }

  drained(): void {
    this.writer?.resume();
  }

  /** What came before the peer's FIN is still answered. */
  ended(): void {
    // A hint only: who closes one way may still read the answer.
    if (this.phase === PHASE_ANSWERING) this.exchange?.request.abort();
    if (this.connection.hasInput) this.connection.resumeInput();
    else this.inputEnded();
  }

  /** Nothing more will come, and all that came has been looked at. */
  private inputEnded(): void {
    if (this.phase !== PHASE_ANSWERING) return this.connection.close(CLOSE_PEER);
    if (this.bodyDone) return;
    this.keepAlive = false;
    this.exchange?.body.fail("left");
  }

  timeout(nowMs: number): void {
    const exchange = this.exchange;
    if (this.phase === PHASE_HEAD) {
      if (exchange === null) return this.connection.close(CLOSE_IDLE);
      this.headLate = true;
      this.connection.resumeInput(); // what came of it is refused there
      return;
    }
    if (this.bodyDone || !this.invited) return;
    const { bodyTimeoutMs, bodyBytesMin } = this.application.settings;
    if (this.phase === PHASE_BUFFERING) return this.dispatch(exchange!);
    const received = this.decoder!.bodyBytes;
    const paused = exchange !== null && this.waitsForReader(exchange);
    if (paused || received - this.windowBytes >= bodyBytesMin) {
      this.windowBytes = received;
      this.connection.setDeadline(nowMs + bodyTimeoutMs);
    } else if (exchange === null) {
      this.connection.close(CLOSE_BODY_TIMEOUT);
    } else {
      this.fail(exchange, 408, CLOSE_BODY_TIMEOUT, "slow");
    }
  }

  idleSinceMs(): number {
    const idle = this.phase === PHASE_HEAD && this.exchange === null && !this.connection.hasInput;
    return idle ? this.idleSince : -1;
  }

  closed(_reason: CloseReason): void {
    const exchange = this.exchange;
    this.exchange = null;
    this.writer?.cancel();
    this.writer = null;
    if (exchange === null) return;
    const { response } = exchange;
    response.session = null;
    if (this.phase === PHASE_ANSWERING) {
      this.connection.reactor.counters[COUNT_ABORTED]!++;
      exchange.body.fail("left");
      exchange.request.abort();
    } else {
      exchange.settled = true; // its handler was not called
    }
    this.answered(exchange, response.sent ? response.code : this.lastStatus, false);
  }

  /** 0 is no limit. */
  private arm(timeoutMs: number): void {
    const deadlineMs = this.connection.reactor.nowMs + timeoutMs;
    this.connection.setDeadline(timeoutMs > 0 ? deadlineMs : Infinity);
  }
}
