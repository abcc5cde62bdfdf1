// The Request that a fetch handler gets: the platform's own, whose header fields and signal are
// filled in when they are first asked for. Most handlers look at the URL and the method only, and
// nine header strings cost more than all the rest of the request.
//
// The fields stay reachable for as long as the Request does: it keeps the bytes of its head, and
// parses them again if its exchange has gone on to another request. Where the platform reads a
// Request by itself (clone, formData, blob, new Request(request), fetch(request)) the fields are
// filled in first.
// Bun.fetch cannot be watched: give it `request.clone()`.

import { assert } from "../core/assert.ts";
import { REQUEST_LIMITS_WIDEST } from "../http/http-limits.ts";
import { PARSE_DONE, RequestParser } from "../http/request-parser.ts";
import { HttpRequest } from "./http-request.ts";
import type { TrailerParser } from "../http/trailers.ts";
import { markCoded } from "./server-response.ts";

const Native: typeof Request = globalThis.Request;
const nativeHeaders = getterOf("headers");
const nativeSignal = getterOf("signal");
const { clone: nativeClone, formData: nativeFormData, blob: nativeBlob } = Native.prototype;

// Private, all of it: a handler sees a Request that has no property of ours, may give it any of its
// own, and may spread or enumerate it.
export class ServerRequest extends Native {
  #head: Buffer | null = null; // while the fields are not filled in
  #headAt = 0;
  #source: HttpRequest | null = null;
  #serial = 0;
  #trailers: TrailerParser | null | undefined = undefined; // once the body is known to be complete

  follow(source: HttpRequest): this {
    this.#source = source;
    this.#serial = source.serial;
    this.#head = source.head;
    this.#headAt = source.headAt;
    if (source.body.complete) this.#trailers = source.body.trailers;
    return this;
  }

  /** What the request stands for while it is not over; null after that. */
  static sourceOf(request: ServerRequest): HttpRequest | null {
    const source = request.#source;
    return source !== null && source.serial === request.#serial ? source : null;
  }

  /** Of a body that was complete when the handler was called; undefined if it was not. */
  static trailersOf(request: ServerRequest): TrailerParser | null | undefined {
    return request.#trailers;
  }

  static fillHeaders(request: ServerRequest): Headers {
    const headers = nativeHeaders.call(request) as Headers;
    const head = request.#head;
    if (head === null) return headers;
    request.#head = null;
    const source = ServerRequest.sourceOf(request);
    const entries = source?.headerEntries() ?? parseAgain(head, request.#headAt);
    for (const [name, value] of entries) headers.append(name, value);
    return headers;
  }
}

const { fillHeaders, sourceOf } = ServerRequest;

// TypeScript has these as properties, which no accessor may override.
Object.defineProperties(ServerRequest.prototype, {
  headers: {
    configurable: true,
    get(this: ServerRequest): Headers {
      return fillHeaders(this);
    },
  },
  signal: {
    configurable: true,
    get(this: ServerRequest): AbortSignal {
      return sourceOf(this)?.signal ?? (nativeSignal.call(this) as AbortSignal);
    },
  },
  clone: {
    configurable: true,
    writable: true,
    value(this: ServerRequest): unknown {
      fillHeaders(this);
      const copy = nativeClone.call(this) as unknown as Request;
      origins.set(copy, this);
      return copy;
    },
  },
  formData: {
    configurable: true,
    writable: true,
    value(this: ServerRequest): unknown {
      fillHeaders(this); // the boundary stands in Content-Type
      return nativeFormData.call(this);
    },
  },
  blob: {
    configurable: true,
    writable: true,
    value(this: ServerRequest): unknown {
      fillHeaders(this); // and the type of the blob
      return nativeBlob.call(this);
    },
  },
});

/** Copies that have the body of the request in common with it. */
const origins = new WeakMap<Request, ServerRequest>();

/** The request of ours that it is, or whose body it has; undefined for any other. */
export function originOf(request: Request): ServerRequest | undefined {
  return request instanceof ServerRequest ? request : origins.get(request);
}

function parseAgain(head: Buffer, headAt: number): [string, string][] {
  const parser = new RequestParser(REQUEST_LIMITS_WIDEST);
  parser.reset();
  assert(parser.parse(head, headAt, head.length) === PARSE_DONE, "a head that parsed once");
  return HttpRequest.entriesOf(parser, head, headAt);
}

/** Whose body a new Request has, if it is of ours: of its first argument, unless it brings one. */
function originOfArguments([from, init]: readonly unknown[]): ServerRequest | undefined {
  if (init instanceof Native) return originOf(init);
  const { body } = (init ?? {}) as RequestInit;
  return from instanceof Native && (body ?? null) === null ? originOf(from) : undefined;
}

let watched: Pick<typeof globalThis, "Request" | "fetch"> | null = null;

/** Teaches the platform's own readers of a Request to fill it in. Before the application loads. */
export function installServerRequest(): void {
  watched ??= { Request: watchedRequest(), fetch: watchedFetch() };
  Object.assign(globalThis, watched);
}

function fill(value: unknown): void {
  if (value instanceof ServerRequest) fillHeaders(value);
}

function watchedRequest(): typeof Request {
  return new Proxy(Native, {
    construct(target, args: unknown[], newTarget): object {
      fill(args[0]);
      const made = Reflect.construct(target, args, newTarget) as Request;
      const origin = originOfArguments(args);
      if (origin !== undefined) origins.set(made, origin);
      return made;
    },
  });
}

function watchedFetch(): typeof fetch {
  return new Proxy(globalThis.fetch, {
    apply(target, self, args: unknown[]): unknown {
      fill(args[0]);
      const fetched = Reflect.apply(target, self, args) as Promise<Response>;
      const init = args[1] as { decompress?: unknown } | undefined;
      return init?.decompress === false ? keepCoded(fetched) : fetched;
    },
  });
}

async function keepCoded(fetched: Promise<Response>): Promise<Response> {
  const response = await fetched;
  markCoded(response);
  return response;
}

function getterOf(name: "headers" | "signal"): (this: Request) => unknown {
  const getter = Object.getOwnPropertyDescriptor(Native.prototype, name)?.get;
  assert(getter !== undefined, "Request has getters on its prototype");
  return getter as (this: Request) => unknown;
}
