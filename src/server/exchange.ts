// One request and its answer, with the parser that reads the head and the body on its way. Pooled
// per worker: a session takes one when the first byte of a head arrives and it comes back when the
// answer has been written and the handler is done with it, so an idle connection has none.
//
// Invariant: an exchange is in the pool at most once, and only when it is answered and settled; one
// whose handler may still answer although it is done never comes back.

import { assert } from "../core/assert.ts";
import type { BufferPool } from "../buffer/buffer-pool.ts";
import type { RequestLimits } from "../http/http-limits.ts";
import { METHOD_OTHER } from "../http/methods.ts";
import { RequestParser } from "../http/request-parser.ts";
import type { AccessRecord } from "./access-log.ts";
import { HttpRequest } from "./http-request.ts";
import { HttpResponse } from "./http-response.ts";
import { RequestBody } from "./request-body.ts";
import { RequestIds } from "./request-id.ts";

/** Free ones kept: what a burst leaves behind beyond this is garbage. */
const FREE_MAX = 256;

export class Exchange {
  readonly parser: RequestParser;
  readonly body: RequestBody;
  readonly request: HttpRequest;
  readonly response: HttpResponse = new HttpResponse();
  /** The answer is with the connection, or will never be. */
  answered = false;
  /** The handler has returned and its promise has settled, or it was never called. */
  settled = false;
  /** The handler has returned before the answer was complete: counted as in flight. */
  inFlight = false;
  /** The handler is done but gave no answer: it may still try, on an object it must not share. */
  abandoned = false;
  free = false;
  /** What the access log knows of it; null where there is none. */
  record: AccessRecord | null = null;

  constructor(limits: RequestLimits, pool: BufferPool, ids: RequestIds) {
    this.parser = new RequestParser(limits);
    this.body = new RequestBody(pool);
    this.request = new HttpRequest(this.parser, this.body, ids);
  }
}

export class ExchangePool {
  private readonly limits: RequestLimits;
  private readonly buffers: BufferPool;
  private readonly ids: RequestIds;
  private readonly free: Exchange[] = [];

  constructor(limits: RequestLimits, buffers: BufferPool, ids: RequestIds = new RequestIds(0)) {
    this.limits = limits;
    this.buffers = buffers;
    this.ids = ids;
  }

  take(): Exchange {
    const exchange = this.free.pop() ?? new Exchange(this.limits, this.buffers, this.ids);
    exchange.free = false;
    exchange.answered = false;
    exchange.settled = false;
    exchange.parser.reset();
    exchange.parser.method = METHOD_OTHER; // a head that fails early must not have an older one
    return exchange;
  }

  give(exchange: Exchange): void {
    assert(!exchange.free, "an exchange came back twice");
    exchange.free = true;
    exchange.request.end();
    exchange.response.session = null;
    if (exchange.abandoned)
      exchange.response.sent = false; // what comes too late is dropped
    else if (this.free.length < FREE_MAX) this.free.push(exchange);
  }

  /** Free exchanges, for tests. */
  get freeCount(): number {
    return this.free.length;
  }
}
