// One request and its answer, with the parser that reads the head and the body on its way. Pooled
// per worker: a session takes one when the first byte of a head arrives and it comes back when the
// answer has been written and the handler is done with it, so an idle connection has none.
//
// Invariant: an exchange is back in the pool only once it is both answered and settled.

import type { BufferPool } from "../buffer/buffer-pool.ts";
import type { RequestLimits } from "../http/http-limits.ts";
import { RequestParser } from "../http/request-parser.ts";
import { HttpRequest } from "./http-request.ts";
import { HttpResponse } from "./http-response.ts";
import { RequestBody } from "./request-body.ts";

/** Free ones kept: what a burst leaves behind beyond this is garbage. */
const FREE_MAX = 256;

export class Exchange {
  readonly parser: RequestParser;
  readonly body: RequestBody;
  readonly request: HttpRequest;
  readonly response: HttpResponse = new HttpResponse();
  /** The answer is with the connection, or will never be. */
  answered = false;
  /** The handler has returned and its promise has settled. */
  settled = false;

  constructor(limits: RequestLimits, pool: BufferPool) {
    this.parser = new RequestParser(limits);
    this.body = new RequestBody(pool);
    this.request = new HttpRequest(this.parser, this.body);
  }
}

export class ExchangePool {
  private readonly limits: RequestLimits;
  private readonly buffers: BufferPool;
  private readonly free: Exchange[] = [];

  constructor(limits: RequestLimits, buffers: BufferPool) {
    this.limits = limits;
    this.buffers = buffers;
  }

  take(): Exchange {
    const exchange = this.free.pop() ?? new Exchange(this.limits, this.buffers);
    exchange.answered = false;
    exchange.settled = false;
    exchange.parser.reset();
    return exchange;
  }

  give(exchange: Exchange): void {
    exchange.request.end();
    exchange.response.session = null;
    if (this.free.length < FREE_MAX) this.free.push(exchange);
  }
}
