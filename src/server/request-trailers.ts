// The trailers of a platform Request, which has no place for them: the fields that a client sends
// behind a chunked body (RFC 9110 section 6.5), a checksum or a signature of it for one. They exist
// once the body has been read to its end, so they are a promise, and asking for them before anybody
// reads is an error and never a wait without an end.

import { MillraceError } from "../core/errors.ts";
import type { TrailerParser } from "../http/trailers.ts";
import { originOf, ServerRequest } from "./server-request.ts";

/**
 * The trailers of a request that a fetch handler was given, of its clone(), or of a new Request()
 * made of it. Call it when the body has been read, or is being read; it resolves when the body is
 * complete. No body or no trailers, or a Request that is not of a millrace server: no fields.
 *
 * Fields that would change how the request is framed, routed or granted, such as Content-Length,
 * Host or Authorization, are left out. A section that is malformed (400), longer than
 * `trailerBytesMax` or of more lines than `headersMax` (431) fails the whole request instead.
 *
 * Rejects with MillraceError: ERR_BODY_UNREAD if the body was not read, or not to its end;
 * ERR_BODY_ABORTED, ERR_BODY_MALFORMED or ERR_BODY_TOO_LARGE if it did not come whole. A rejection
 * that nobody looks at is dropped: reading the body has failed with the same error.
 *
 * @example
 * import { trailersOf } from "millrace";
 *
 * export default {
 *   async fetch(request: Request): Promise<Response> {
 *     const body = await request.bytes();
 *     const trailers = await trailersOf(request);
 *     const hash = new Bun.CryptoHasher("sha256").update(body).digest("hex");
 *     return new Response(trailers.get("x-sha256") === hash ? "whole" : "damaged");
 *   },
 * };
 */
export function trailersOf(request: Request): Promise<Headers> {
  const trailers = find(request);
  trailers.catch(() => {}); // what a peer does must not end as an unhandled rejection
  return trailers;
}

async function find(request: Request): Promise<Headers> {
  const origin = originOf(request);
  if (origin === undefined) return new Headers();
  // Asked of the one in hand: of a clone and its origin, either may be read.
  if (!request.bodyUsed && request.body !== null) throw unread("read the request body first");
  const known = ServerRequest.trailersOf(origin);
  if (known !== undefined) return headersOf(known);
  if (request.body === null) return new Headers(); // of GET: the platform shows no body
  const source = ServerRequest.sourceOf(origin);
  if (source === null) throw unread("the request was over before its body was read to the end");
  return headersOf(await source.body.completed());
}

function headersOf(trailers: TrailerParser | null): Headers {
  const headers = new Headers();
  const count = trailers === null ? 0 : trailers.headerCount;
  for (let at = 0; at < count; at++) headers.append(trailers!.name(at), trailers!.value(at));
  return headers;
}

function unread(why: string): MillraceError {
  return new MillraceError("ERR_BODY_UNREAD", `Cannot tell the trailers: ${why}`);
}
