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
import { markCoded } from "./server-response.ts";

const Native: typeof Request = globalThis.Request;
const nativeHeaders = getterOf("headers");
const nativeSignal = getterOf("signal");
const { clone: nativeClone, formData: nativeFormData, blob: nativeBlob } = Native.prototype;

export class ServerRequest extends Native {
  /** Not filled in yet: where the head is; then null. */
  head: Buffer | null = null;
  headAt = 0;
  source: HttpRequest | null = null;
  serial = 0;

  follow(source: HttpRequest): this {
    this.source = source;
    this.serial = source.serial;
    this.head = source.head;
    this.headAt = source.headAt;
    return this;
  }
}

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
      const { source } = this;
      if (source !== null && source.serial === this.serial) return source.signal;
      return nativeSignal.call(this) as AbortSignal;
    },
  },
  clone: {
    configurable: true,
    writable: true,
    value(this: ServerRequest): unknown {
      fillHeaders(this);
      return nativeClone.call(this);
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

function fillHeaders(request: ServerRequest): Headers {
  const headers = nativeHeaders.call(request) as Headers;
  const { head, source } = request;
  if (head === null || source === null) return headers;
  request.head = null;
  const current = source.serial === request.serial;
  const entries = current ? source.headerEntries() : parseAgain(head, request.headAt);
  for (const [name, value] of entries) headers.append(name, value);
  return headers;
}

function parseAgain(head: Buffer, headAt: number): [string, string][] {
  const parser = new RequestParser(REQUEST_LIMITS_WIDEST);
  parser.reset();
  assert(parser.parse(head, headAt, head.length) === PARSE_DONE, "a head that parsed once");
  return HttpRequest.entriesOf(parser, head, headAt);
}

let installed = false;

/** Teaches the platform's own readers of a Request to fill it in. Before the application loads. */
export function installServerRequest(): void {
  if (installed) return;
  installed = true;
  const fill = (value: unknown): void => {
    if (value instanceof ServerRequest) fillHeaders(value);
  };
  globalThis.Request = new Proxy(Native, {
    construct(target, args: unknown[], newTarget): object {
      fill(args[0]);
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
  globalThis.fetch = new Proxy(globalThis.fetch, {
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
