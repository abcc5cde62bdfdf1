// HTTP/1.1 on one connection: reads requests one after the other, hands each to the application,
// and lets the next one wait until the answer is written, so that answers leave in order. Small
// bodies are read before the handler is called: a malformed one never reaches it.
//
//   HEAD --head complete--> BUFFERING --body here or 64 KiB of it--> ANSWERING --answered-->+
//    ^ `------------ no body, or the client waits for 100 ------------^                     |
//    `--------------------- body complete ------------- DISCARDING <-- body not read -------+
//
// Invariant: `exchange` is the request being read or answered; null exactly between requests.

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
import { MillraceError } from "../core/errors.ts";
import {
  BODY_BUFFER_BYTES,
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
import { type Connection, STATE_OPEN } from "../net/connection.ts";
import type { Session } from "../net/protocol.ts";
import { answerStatus, statusOf, writeError } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import type { HttpApplication } from "./http-application.ts";
import type { HttpResponse } from "./http-response.ts";
import type { ResponseWriter } from "./response-writer.ts";

const PHASE_HEAD = 0;
const PHASE_BUFFERING = 1;
const PHASE_ANSWERING = 2;
const PHASE_DISCARDING = 3;

const CONTINUE: Buffer = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");

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
  private discardedBytes = 0;
  private windowBytes = 0; // body bytes when the current window of the minimum rate began
  private inLoop = false;
  private followed = false; // something came behind the request, or may have
  private headBegun = false;
  private idleSince: number;

  constructor(connection: Connection, application: HttpApplication) {
    this.connection = connection;
    this.application = application;
    this.idleSince = connection.reactor.nowMs;
    this.armIdle();
  }

  // ---- input --------------------------------------------------------------------------------

  input(bytes: Buffer, start: number, end: number): number {
    const connection = this.connection;
    let position = start;
    let budget = REQUESTS_PER_EVENT_MAX;
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
        if (parsed === PARSE_MORE) {
          this.waitForHead();
          break;
        }
        if (parsed === PARSE_ERROR) {
          this.refuse(exchange, exchange.parser.error);
          break;
        }
        const headAt = position;
        position += exchange.parser.headBytes;
        position = this.begin(exchange, bytes, headAt, position, end);
      } else {
        if (this.bodyDone) break; // the next request waits for its turn
        const next = this.readBody(bytes, position, end);
        if (next === position) break;
        position = next;
      }
    }
    this.inLoop = false;
    if (this.phase !== PHASE_HEAD && this.exchange !== null) this.keepHead(this.exchange);
    return position - start;
  }

  private waitForHead(): void {
    if (this.headBegun) return;
    this.headBegun = true;
    const timeoutMs = this.application.settings.headTimeoutMs;
    if (timeoutMs > 0) this.connection.setDeadline(this.connection.reactor.nowMs + timeoutMs);
  }

  /** The head is complete. Returns where the loop goes on. */
  private begin(
    exchange: Exchange,
    bytes: Buffer,
    headAt: number,
    bodyAt: number,
    end: number,
  ): number {
    const { parser, request, response, body } = exchange;
    const reactor = this.connection.reactor;
    reactor.counters[COUNT_REQUESTS]!++;
    request.begin(this.connection, bytes, headAt);
    response.begin(this);
    this.headBegun = false;
    this.keepAlive = parser.keepAlive && !reactor.draining;
    const length = parser.contentLength;
    if (parser.bodyKind === BODY_NONE || (parser.bodyKind === BODY_LENGTH && length === 0)) {
      this.bodyDone = true;
      this.followed = bodyAt < end;
      body.reset(true);
      this.dispatch(exchange);
      return bodyAt;
    }
    const limits = this.application.bodyLimits;
    if (parser.bodyKind === BODY_LENGTH && length > limits.bodyBytesMax) {
      this.refuse(exchange, HTTP_BODY_TOO_LARGE);
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
    this.followed = true;
    this.discardedBytes = 0;
    body.reset(false);
    this.armBody();
    body.onDemand = () => this.connection.resumeInput();
    if (!parser.expectContinue) {
      this.phase = PHASE_BUFFERING;
      return;
    }
    // The client waits for our word: only a handler that reads the body lets it come.
    let invited = false;
    body.onDemand = () => {
      if (!invited && !exchange.response.sent) this.connection.write(CONTINUE, 0, CONTINUE.length);
      invited = true;
      this.connection.resumeInput();
    };
    this.dispatch(exchange);
  }

  /** Decodes body bytes; returns how far it came: not at all if nobody takes them yet. */
  private readBody(bytes: Buffer, start: number, end: number): number {
    const exchange = this.exchange!;
    const decoder = this.decoder!;
    const body = exchange.body;
    let position = start;
    for (;;) {
      const waits = this.phase === PHASE_ANSWERING && !body.collecting;
      if (waits && body.bufferedBytes >= INPUT_HIGH_WATER_BYTES) return position;
      const result = decoder.decode(bytes, position, end);
      position = decoder.position;
      if (result === DECODE_DATA) {
        if (!this.takeBody(exchange, bytes, decoder.dataStart, decoder.dataEnd)) return position;
      } else if (result === DECODE_DONE) {
        this.endBody(exchange);
        return position;
      } else if (result === DECODE_ERROR) {
        this.bodyFailed(exchange, decoder.error);
        return position;
      } else {
        break;
      }
    }
    if (this.phase === PHASE_BUFFERING && body.bufferedBytes >= BODY_BUFFER_BYTES) {
      this.dispatch(exchange);
    }
    return position;
  }

  /** False when the connection is closing over it. */
  private takeBody(exchange: Exchange, bytes: Buffer, start: number, end: number): boolean {
    if (this.phase === PHASE_DISCARDING) {
      this.discardedBytes += end - start;
      if (this.discardedBytes <= UNREAD_BODY_BYTES_MAX) return true;
      this.connection.close(CLOSE_LOCAL);
      return false;
    }
    if (exchange.body.deliver(bytes, start, end)) return true;
    this.fail(exchange, 503, CLOSE_MEMORY, "ERR_MEMORY_LIMIT", "no memory for the request body");
    return false;
  }

  private endBody(exchange: Exchange): void {
    this.bodyDone = true;
    this.connection.setDeadline(Infinity);
    if (this.phase === PHASE_DISCARDING) return this.nextRequest();
    exchange.body.finish();
    if (this.phase === PHASE_BUFFERING) this.dispatch(exchange);
  }

  private bodyFailed(exchange: Exchange, error: number): void {
    if (this.phase === PHASE_DISCARDING) return this.connection.close(CLOSE_PROTOCOL);
    const code = error === HTTP_BODY_TOO_LARGE ? "ERR_BODY_TOO_LARGE" : "ERR_BODY_MALFORMED";
    const why = code === "ERR_BODY_TOO_LARGE" ? "it is longer than the limit" : "it is malformed";
    this.fail(exchange, errorStatus(error), CLOSE_PROTOCOL, code, why);
  }

  // ---- the handler --------------------------------------------------------------------------

  private dispatch(exchange: Exchange): void {
    this.phase = PHASE_ANSWERING;
    if (this.bodyDone) this.connection.setDeadline(Infinity);
    let result: unknown;
    try {
      result = this.application.handle(exchange.request, exchange.response);
    } catch (error) {
      this.handlerFailed(exchange, error);
      return;
    }
    if (!(result instanceof Promise)) return this.settle(exchange);
    const counters = this.connection.reactor.counters;
    counters[COUNT_REQUESTS_IN_FLIGHT]!++;
    this.keepHead(exchange);
    result.then(
      () => {
        counters[COUNT_REQUESTS_IN_FLIGHT]!--;
        this.settle(exchange);
      },
      (error: unknown) => {
        counters[COUNT_REQUESTS_IN_FLIGHT]!--;
        this.handlerFailed(exchange, error);
      },
    );
  }

  /** The handler is done. */
  private settle(exchange: Exchange): void {
    exchange.settled = true;
    if (!exchange.response.sent && !exchange.answered) {
      const { method, path } = exchange.request;
      this.application.handlerError(new Error(`The handler of ${method} ${path} gave no answer`));
      answerStatus(exchange.response, 500);
    }
    if (exchange.answered) this.application.exchanges.give(exchange);
  }

  private handlerFailed(exchange: Exchange, error: unknown): void {
    exchange.settled = true;
    const { response } = exchange;
    this.application.handlerError(error);
    if (!exchange.answered) {
      if (response.sent) this.connection.abort(CLOSE_HANDLER);
      else answerStatus(response, statusOf(error));
    }
    if (exchange.answered) this.application.exchanges.give(exchange);
  }

  /** The head of a request that goes on is needed after this event: out of memory to be reused. */
  private keepHead(exchange: Exchange): void {
    if (exchange.request.keep()) return;
    this.fail(exchange, 503, CLOSE_MEMORY, "ERR_MEMORY_LIMIT", "no memory for the request body");
  }

  // ---- the answer ---------------------------------------------------------------------------

  /** The writer of an answer that takes more than one write. */
  useWriter(writer: ResponseWriter): void {
    this.writer = writer;
  }

  /** What is left of the request body is more than we read for nothing: known before the answer. */
  private leavesTooMuch(): boolean {
    const exchange = this.exchange;
    if (exchange === null || exchange.body.collecting) return false;
    if (exchange.parser.expectContinue) return true; // it may come, or not: nobody can know
    return this.decoder !== null && this.decoder.remainingBytes > UNREAD_BODY_BYTES_MAX;
  }

  /** What the answer says about the connection, which also decides what becomes of it. */
  connectionField(response: HttpResponse): number {
    const { connection } = this;
    if (response.wantsClose || connection.reactor.draining || connection.peerEnded) {
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
    this.application.handlerError(error);
    this.connection.abort(CLOSE_HANDLER);
  }

  /** The answer is whole with the connection. */
  finishAnswer(): void {
    const exchange = this.exchange;
    this.writer = null;
    if (exchange === null) return;
    exchange.answered = true;
    if (exchange.settled) this.application.exchanges.give(exchange);
    if (!this.keepAlive) {
      this.exchange = null;
      // A peer that announced its last request, and sent nothing behind it, need not be waited for.
      const peerIsDone = this.bodyDone && !this.followed && !exchange.parser.keepAlive;
      this.connection.close(CLOSE_LOCAL, peerIsDone);
    } else if (this.bodyDone) {
      this.nextRequest();
    } else {
      exchange.body.release();
      this.phase = PHASE_DISCARDING;
      this.resume();
    }
  }

  private nextRequest(): void {
    this.phase = PHASE_HEAD;
    this.exchange = null;
    this.decoder = null;
    this.idleSince = this.connection.reactor.nowMs;
    this.armIdle();
    this.resume();
  }

  /** What waits behind this request, if the loop that reads it is not running anyway. */
  private resume(): void {
    if (this.inLoop || !this.connection.hasInput) return;
    queueMicrotask(() => this.connection.resumeInput());
  }

  // ---- errors -------------------------------------------------------------------------------

  /** Answers a request whose head or size is wrong, and closes. */
  private refuse(exchange: Exchange, error: number): void {
    if (exchange.request.connection === null) exchange.response.begin(this);
    this.endWith(exchange, errorStatus(error), CLOSE_PROTOCOL);
    this.application.exchanges.give(exchange);
  }

  /** The request cannot go on: an error for its reader, and for the peer if it has no answer yet. */
  private fail(
    exchange: Exchange,
    status: number,
    reason: CloseReason,
    code: "ERR_MEMORY_LIMIT" | "ERR_BODY_TOO_LARGE" | "ERR_BODY_MALFORMED" | "ERR_BODY_ABORTED",
    why: string,
  ): void {
    const handled = this.phase === PHASE_ANSWERING;
    exchange.request.abort();
    if (!exchange.response.sent) this.endWith(exchange, status, reason);
    else this.connection.abort(reason);
    exchange.body.fail(new MillraceError(code, `Cannot read the request body: ${why}`));
    if (!handled) this.application.exchanges.give(exchange);
    else exchange.answered = true;
  }

  /** The last answer of the connection. */
  private endWith(exchange: Exchange, status: number, reason: CloseReason): void {
    this.keepAlive = false;
    this.exchange = null;
    writeError(this, exchange.response, status);
    exchange.response.session = null; // what the handler still answers is dropped
    exchange.response.sent = true;
    this.connection.close(reason);
  }

  // ---- other events -------------------------------------------------------------------------

  drained(): void {
    this.writer?.resume();
  }

  ended(): void {
    const exchange = this.exchange;
    if (exchange === null || this.phase < PHASE_ANSWERING) return this.connection.close(CLOSE_PEER);
    this.keepAlive = false;
    if (!this.bodyDone) {
      if (this.phase === PHASE_DISCARDING) return this.connection.close(CLOSE_PEER);
      exchange.body.fail(aborted());
    }
    exchange.request.abort(); // a hint only: a peer that half-closed still gets its answer
  }

  timeout(nowMs: number): void {
    const exchange = this.exchange;
    if (exchange === null) return this.connection.close(CLOSE_IDLE);
    if (this.phase === PHASE_HEAD) {
      this.endWith(exchange, 408, CLOSE_HEAD_TIMEOUT);
      this.application.exchanges.give(exchange);
      return;
    }
    if (this.bodyDone) return;
    const { bodyWindowMs, bodyWindowBytesMin } = this.application.settings;
    const received = this.decoder!.bodyBytes;
    const paused = this.phase === PHASE_ANSWERING && exchange.body.bufferedBytes > 0;
    if (paused || received - this.windowBytes >= bodyWindowBytesMin) {
      this.windowBytes = received;
      this.connection.setDeadline(nowMs + bodyWindowMs);
    } else if (this.phase === PHASE_DISCARDING) {
      this.connection.close(CLOSE_BODY_TIMEOUT);
    } else {
      this.fail(exchange, 408, CLOSE_BODY_TIMEOUT, "ERR_BODY_ABORTED", "it came too slowly");
    }
  }

  idleSinceMs(): number {
    return this.exchange === null ? this.idleSince : -1;
  }

  closed(_reason: CloseReason): void {
    const exchange = this.exchange;
    this.exchange = null;
    this.writer?.cancel();
    this.writer = null;
    if (exchange === null) return;
    const handled = this.phase >= PHASE_ANSWERING;
    if (!handled) return this.application.exchanges.give(exchange);
    if (!exchange.answered) this.connection.reactor.counters[COUNT_ABORTED]!++;
    exchange.response.session = null;
    exchange.request.abort();
    exchange.body.fail(aborted());
    if (!exchange.answered) {
      exchange.answered = true;
      if (exchange.settled) this.application.exchanges.give(exchange);
    }
  }

  private armIdle(): void {
    const timeoutMs = this.application.settings.idleTimeoutMs;
    if (timeoutMs > 0) this.connection.setDeadline(this.connection.reactor.nowMs + timeoutMs);
  }

  private armBody(): void {
    this.windowBytes = 0;
    const { bodyWindowMs } = this.application.settings;
    if (bodyWindowMs > 0) {
      this.connection.setDeadline(this.connection.reactor.nowMs + bodyWindowMs);
    }
  }
}

function aborted(): MillraceError {
  return new MillraceError(
    "ERR_BODY_ABORTED",
    "Cannot read the request body: the peer left before it was complete",
  );
}
