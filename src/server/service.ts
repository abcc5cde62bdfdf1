// What an application is: listeners, each with its handlers, made anew in every worker that imports
// the module. These are the types that users write against, and the two functions that make them.

import type { Channel } from "./channel.ts";
import type { HttpRequest } from "./http-request.ts";
import type { HttpResponse } from "./http-response.ts";
import { type RequestLogOptions, requestLogProblem } from "./access-log-options.ts";
import { type HttpLimitOptions, httpLimitProblem } from "./http-limit-options.ts";
import type { StaticOptions } from "./static-options.ts";
import type { TcpListener } from "./tcp-service.ts";
import { checkTransport, type TransportOptions } from "./transport.ts";

/** Where in the whole a worker stands. */
export interface WorkerContext {
  /** 0 .. workers - 1; a replacement has the index of the worker it replaces. */
  readonly index: number;
  readonly workers: number;
  /** Messages to and from the other workers. */
  readonly channel: Channel;
}

/**
 * The fast form of a handler: it fills in the response, now or by the time its promise settles.
 * The request and the response belong to it until then and must not be kept after.
 */
export type RouteHandler = (request: HttpRequest, response: HttpResponse) => unknown;

/** The standard form: the platform's own Request and Response. */
export type FetchHandler = (request: Request, server: FetchContext) => Response | Promise<Response>;

/** The second argument of a fetch handler. */
export interface FetchContext {
  /** Address of the peer, as a string; empty on a Unix socket. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly worker: WorkerContext;
  /** Names the request in logs; "" once its answer is complete. */
  readonly requestId: string;
}

/** "METHOD /path", "/path" for every method; `:name` matches a segment, a last `*` the rest. */
export type Routes = Readonly<Record<string, RouteHandler>>;

export interface HttpListenerOptions extends TransportOptions, RequestLogOptions, HttpLimitOptions {
  /** 0 picks a free one. Default 8080; the command line's --port takes its place. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Path of a Unix socket, instead of host and port. */
  readonly unix?: string;
  readonly routes?: Routes;
  /** A folder that is served where no route matches, or what is to be done with it. */
  readonly static?: string | StaticOptions;
  /** Answers what no route and no file did. */
  readonly fetch?: FetchHandler;
}

export interface HttpListener extends HttpListenerOptions {
  readonly kind: "http";
}

export type ServiceListener = HttpListener | TcpListener;

export interface Service {
  /** Runs once in each worker before it accepts; may return what is to be done at its end. */
  readonly setup?: (worker: WorkerContext) => unknown;
  readonly listeners: readonly ServiceListener[];
}

/**
 * An HTTP listener. Throws a TypeError or a RangeError that names the option.
 *
 * @example
 * http({ port: 8080, routes: { "GET /hello": (request, response) => response.text("Hello") } })
 */
export function http(options: HttpListenerOptions): HttpListener {
  if (options.routes === undefined && options.fetch === undefined && options.static === undefined) {
    throw new TypeError("Cannot make an http listener: it needs routes, static or fetch");
  }
  checkTransport("http", options);
  const problem = requestLogProblem(options);
  if (problem !== null) throw new TypeError(`Cannot make an http listener: ${problem}`);
  const excess = httpLimitProblem(options);
  if (excess !== null) throw new RangeError(`Cannot make an http listener: ${excess}`);
  return { kind: "http", ...options };
}

/**
 * A service, for `export default`: `millrace start ./app.ts` runs it on every core.
 *
 * @example
 * export default defineService({
 *   listeners: [http({ port: 8080, fetch: () => new Response("Hello") })],
 * });
 */
export function defineService(service: Service): Service {
  if (!Array.isArray(service.listeners) || service.listeners.length === 0) {
    throw new TypeError("Cannot define the service: listeners must be a list of at least one");
  }
  return service;
}
