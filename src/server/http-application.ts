// What one http listener does with a request, in one worker: routes first, then files, then fetch,
// then 404. It also holds what the sessions of the listener share: limits, pools, ready-made heads.

import type { Log } from "../core/log.ts";
import { DateCache } from "../http/date.ts";
import {
  BODY_LIMITS_DEFAULT,
  type BodyLimits,
  REQUEST_LIMITS_DEFAULT,
} from "../http/http-limits.ts";
import {
  METHOD_CONNECT,
  METHOD_GET,
  METHOD_HEAD,
  METHOD_NAMES,
  METHOD_OPTIONS,
  METHOD_OTHER,
  METHOD_TRACE,
} from "../http/methods.ts";
import { ResponseHeads } from "../http/response-head.ts";
import type { Connection } from "../net/connection.ts";
import type { Protocol, Session } from "../net/protocol.ts";
import type { Reactor } from "../net/reactor.ts";
import type { AccessLog } from "./access-log.ts";
import { answerStatus, isHandlerFault } from "./answer.ts";
import { ExchangePool } from "./exchange.ts";
import { FailureLog } from "./failure-log.ts";
import { fetchHandler } from "./fetch-adapter.ts";
import type { HttpLimits } from "./http-limit-options.ts";
import type { HttpRequest } from "./http-request.ts";
import type { HttpResponse } from "./http-response.ts";
import { HttpSession } from "./http-session.ts";
import { RequestIds } from "./request-id.ts";
import { Router } from "./router.ts";
import type { HttpListenerOptions, RouteHandler, WorkerContext } from "./service.ts";
import { StaticFiles } from "./static-files.ts";

export class HttpApplication implements Protocol {
  readonly settings: HttpLimits;
  readonly bodyLimits: BodyLimits;
  readonly exchanges: ExchangePool;
  readonly heads: ResponseHeads;
  /** Null if nothing is noted about requests. */
  readonly accessLog: AccessLog | null;
  private readonly reactor: Reactor;
  private readonly failures: FailureLog;
  private readonly router: Router<RouteHandler> | null;
  private readonly files: StaticFiles | null;
  private readonly fetch: RouteHandler | null;
  private readonly allowed: string;

  constructor(
    options: HttpListenerOptions,
    settings: HttpLimits,
    reactor: Reactor,
    log: Log,
    worker: WorkerContext,
    accessLog: AccessLog | null = null,
  ) {
    this.settings = settings;
    this.accessLog = accessLog;
    this.reactor = reactor;
    this.failures = new FailureLog(log);
    const { targetBytesMax, headBytesMax, headerBytesMax, headersMax } = settings;
    const { bodyBytesMax, trailerBytesMax } = settings;
    const lines = { headerBytesMax, headersMax };
    this.bodyLimits = { ...BODY_LIMITS_DEFAULT, ...lines, bodyBytesMax, trailerBytesMax };
    const headLimits = { ...REQUEST_LIMITS_DEFAULT, ...lines, targetBytesMax, headBytesMax };
    this.exchanges = new ExchangePool(headLimits, reactor.pool, new RequestIds(worker.index));
    this.heads = new ResponseHeads(new DateCache(() => reactor.wallMs));
    this.router = options.routes === undefined ? null : buildRouter(options.routes);
    this.files = options.static === undefined ? null : new StaticFiles(options.static, reactor);
    this.fetch = options.fetch === undefined ? null : fetchHandler(options.fetch, worker);
    const all = METHOD_NAMES.filter((name) => !["OTHER", "", "TRACE", "CONNECT"].includes(name));
    this.allowed =
      this.fetch === null && this.files !== null ? "GET, HEAD, OPTIONS" : all.join(", ");
  }

  open(connection: Connection): Session {
    return new HttpSession(connection, this);
  }

  /** Lets go of what it keeps for coming requests: there will be none. */
  close(): void {
    this.files?.close();
    this.accessLog?.close();
    this.failures.close();
  }

  /** Answers the request, or calls the handler that does; returns what the handler returned. */
  handle(request: HttpRequest, response: HttpResponse): unknown {
    const { parser } = request;
    const method = parser.method;
    if (method === METHOD_CONNECT) {
      response.wantsClose = true; // what follows is meant for the tunnel that it did not get
      return answerStatus(response, 501);
    }
    if (method === METHOD_OTHER && !OTHER_METHODS.has(request.method)) {
      return answerStatus(response, 501);
    }
    if (this.router !== null) {
      const start = request.headAt + parser.pathStart;
      const end = request.headAt + parser.pathEnd;
      const match = this.router.find(request.head, start, end, parser.pathHash, method);
      const { handler } = match;
      if (handler !== undefined) {
        if (match.names.length > 0) request.setParameters(match.names, match.values);
        return handler(request, response);
      }
      if (match.found) return refuseMethod(method, response, match.allow());
    }
    if (method === METHOD_TRACE) return refuseMethod(method, response, this.allowed);
    if (this.files !== null && (method === METHOD_GET || method === METHOD_HEAD)) {
      const found = this.files.handle(request, response);
      if (found !== false) return found;
    }
    if (method === METHOD_OPTIONS && request.target === "*") {
      return refuseMethod(method, response, this.allowed);
    }
    if (this.fetch !== null) return this.fetch(request, response);
    if (this.files === null || method === METHOD_GET || method === METHOD_HEAD) {
      return answerStatus(response, 404);
    }
    return refuseMethod(method, response, this.allowed);
  }

  /** A handler failed. Its message is for the log, never for the peer. */
  handlerError(error: unknown, request?: HttpRequest): void {
    if (!isHandlerFault(error, this.reactor.counters)) return;
    const isNamed = this.accessLog !== null && request !== undefined;
    const name = isNamed ? ` (request ${request.id})` : "";
    this.failures.tell(error, name);
  }
}

/**
 * Methods beyond the common ones that go to handlers for every method and to fetch: those that are
 * registered, and a few in wide use. Any other is not implemented: 501 (RFC 9110 section 9.1).
 */
const OTHER_METHODS: ReadonlySet<string> = new Set(
  (
    "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR " +
    "MKCOL MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH PROPFIND PROPPATCH QUERY REBIND REPORT " +
    "SEARCH UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL " +
    "M-SEARCH NOTIFY PURGE SOURCE SUBSCRIBE UNSUBSCRIBE"
  ).split(" "),
);

/** 405 with the methods there are; OPTIONS is what asks for just these. */
function refuseMethod(method: number, response: HttpResponse, allow: string): void {
  if (method === METHOD_OPTIONS) return response.status(204).header("Allow", allow).empty();
  response.addField("Allow", allow);
  answerStatus(response, 405);
}

function buildRouter(routes: Readonly<Record<string, RouteHandler>>): Router<RouteHandler> {
  const router = new Router<RouteHandler>();
  for (const [pattern, handler] of Object.entries(routes)) {
    if (typeof handler !== "function") {
      throw new TypeError(`Cannot add route "${pattern}": its handler is not a function`);
    }
    router.add(pattern, handler);
  }
  return router;
}
