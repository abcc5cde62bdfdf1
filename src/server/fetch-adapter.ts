// The standard form on our requests and responses: makes a real Request of what was parsed, calls
// the handler, and sends the Response it gives.

import { MillraceError } from "../core/errors.ts";
import { METHOD_GET, METHOD_HEAD } from "../http/methods.ts";
import { LENGTH_NONE } from "../http/response-head.ts";
import { bodyForbidden } from "../http/status.ts";
import type { Connection } from "../net/connection.ts";
import {
  answerBytes,
  answerHead,
  answerNothing,
  answerSource,
  answerStatus,
  answerString,
} from "./answer.ts";
import { streamSource } from "./body-source.ts";
import type { HttpRequest } from "./http-request.ts";
import { type HttpResponse, TYPE_TEXT } from "./http-response.ts";
import type { HttpSession } from "./http-session.ts";
import { ServerRequest } from "./server-request.ts";
import {
  BODY_IS_FILE,
  BODY_IS_NONE,
  BODY_IS_STREAM,
  BODY_IS_STRING,
  bodyKindOf,
  fileOf,
  isDecoded,
  isPlain,
  stringOf,
} from "./server-response.ts";
import type { FetchContext, FetchHandler, RouteHandler, WorkerContext } from "./service.ts";

const STATUS_UPGRADE_REQUIRED = 426;

/** Turns a fetch handler into a route handler. */
export function fetchHandler(fetch: FetchHandler, worker: WorkerContext): RouteHandler {
  return (request, response) => {
    if (!request.keep()) throw new MillraceError("ERR_MEMORY_LIMIT", "No memory for the request");
    const web = toWebRequest(request);
    if (web === null) return answerStatus(response, 400);
    const result = fetch(web, new PeerContext(request, worker));
    if (result instanceof Response) return sendResponse(request, response, result);
    return sendLater(request, response, result);
  };
}

async function sendLater(
  request: HttpRequest,
  response: HttpResponse,
  result: Promise<Response>,
): Promise<void> {
  await sendResponse(request, response, await result);
}

class PeerContext implements FetchContext {
  readonly worker: WorkerContext;
  private readonly connection: Connection | null;
  private readonly request: HttpRequest;
  private readonly serial: number;

  constructor(request: HttpRequest, worker: WorkerContext) {
    this.connection = request.connection;
    this.request = request;
    this.serial = request.serial;
    this.worker = worker;
  }

  get requestId(): string {
    return this.request.serial === this.serial ? this.request.id : "";
  }

  get remoteAddress(): string {
    return this.connection?.remoteAddress ?? "";
  }

  get remotePort(): number {
    return this.connection?.remotePort ?? 0;
  }
}

/** Null for a host that the RFC allows and the platform's URL does not, 256.0.0.1 for one. */
function toWebRequest(request: HttpRequest): Request | null {
  const { method } = request.parser;
  const url = urlOf(request);
  try {
    if (method === METHOD_GET) return new ServerRequest(url).follow(request);
    const init: RequestInit = { method: request.method };
    if (method !== METHOD_HEAD) attachBody(request, init);
    return new ServerRequest(url, init).follow(request);
  } catch (error) {
    if (URL.canParse(url)) throw error; // asked only now: it costs as much as the request
    return null;
  }
}

function urlOf(request: HttpRequest): string {
  const { target } = request;
  const host = request.authority || "localhost";
  const scheme = request.connection?.secure === true ? "https" : "http";
  if (target.startsWith("/")) return `${scheme}://${host}${target}`;
  if (target === "*") return `${scheme}://${host}/`;
  // From its parts, as the parser took them: for the platform an authority ends at a backslash too,
  // and http://a\@b would be for another host than the one that was checked and routed.
  const query = request.queryString === "" ? "" : `?${request.queryString}`;
  return `${target.slice(0, target.indexOf(":"))}://${host}${request.path}${query}`;
}

function attachBody(request: HttpRequest, init: RequestInit): void {
  const { body } = request;
  if (body.complete) {
    if (body.bufferedBytes > 0) init.body = body.takeComplete();
    return;
  }
  const reader = body.reserve();
  init.body = new ReadableStream<Uint8Array>({
    type: "bytes",
    async pull(controller) {
      const chunk = await body.read(reader);
      if (chunk === null) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: () => body.forsake(reader),
  });
}

/** Sends a Response of the platform. Returns a promise only if its body is not there yet. */
function sendResponse(
  request: HttpRequest,
  response: HttpResponse,
  web: Response,
): void | Promise<void> {
  if (!(web instanceof Response)) {
    throw new TypeError("The fetch handler did not return a Response");
  }
  if (web.bodyUsed) throw new TypeError("The Response of the fetch handler was used already");
  if (web.status < 200) throw new RangeError(`Cannot answer with status ${web.status}`);
  const length = copyHead(response, web);
  const { session } = response;
  if (session === null) return cancelBody(web);
  const isHead = request.parser.method === METHOD_HEAD;
  if (bodyForbidden(web.status)) {
    markSent(response);
    cancelBody(web);
    return answerNothing(session, response);
  }
  const kind = bodyKindOf(web);
  if (kind === BODY_IS_STRING) return sendString(response, session, stringOf(web));
  if (kind === BODY_IS_NONE) {
    markSent(response);
    // For HEAD nobody has said how long the answer to GET would be: then neither do we.
    return answerHead(session, response, !isHead ? 0 : length >= 0 ? length : LENGTH_NONE);
  }
  if (kind === BODY_IS_FILE) return sendFile(response, web);
  if (kind === BODY_IS_STREAM && web.body !== null) {
    const source = streamSource(web.body, length); // throws for a stream that somebody else reads
    markSent(response);
    return answerSource(session, response, source);
  }
  const bytes = web.bytes();
  const ready = Bun.peek(bytes);
  if (ready instanceof Promise) {
    return bytes.then((late) => sendBytes(response, late));
  }
  return sendBytes(response, ready);
}

function sendString(response: HttpResponse, session: HttpSession, text: string): void {
  if (response.type === "") response.type = TYPE_TEXT;
  markSent(response);
  answerString(session, response, text);
}

/** A file on disk: its size is known, and it is read no faster than it leaves. */
async function sendFile(response: HttpResponse, web: Response): Promise<void> {
  const file = fileOf(web);
  if (!(await file.exists())) throw new Error(`The file ${file.name ?? ""} does not exist`);
  if (response.type === "") response.type = file.type;
  markSent(response);
  const { session } = response;
  if (session !== null) answerSource(session, response, streamSource(file.stream(), file.size));
}

function sendBytes(response: HttpResponse, bytes: Uint8Array): void {
  const { session } = response;
  markSent(response);
  if (session !== null) answerBytes(session, response, bytes);
}

function markSent(response: HttpResponse): void {
  if (response.sent) {
    throw new MillraceError("ERR_RESPONSE_STATE", "Cannot send the response: it was sent already");
  }
  response.sent = true;
}

/** Status and fields; returns the Content-Length that the application gave, or -1. */
function copyHead(response: HttpResponse, web: Response): number {
  response.code = web.status;
  let length = -1;
  if (isPlain(web)) return length;
  const { headers } = web;
  const decoded = isDecoded(web) && headers.has("content-encoding");
  headers.forEach((value, name) => {
    switch (name) {
      case "content-type":
        response.setType(value);
        break;
      case "content-length":
        if (!decoded && /^\d{1,15}$/.test(value)) length = Number(value);
        break;
      case "content-encoding":
        if (!decoded) response.addField(name, value);
        break;
      case "connection":
        response.wantsClose ||= /(?:^|[\s,])close(?:$|[\s,])/i.test(value);
        break;
      case "upgrade": // of a server that was asked on the way, unless it is what is required
        if (web.status === STATUS_UPGRADE_REQUIRED) response.addUpgrade(value);
        break;
      case "transfer-encoding":
      case "keep-alive":
      case "proxy-connection":
      case "te":
      case "trailer": // there will be none
      case "date":
        break;
      default:
        response.addField(name, value);
    }
  });
  return length;
}

function cancelBody(web: Response): void {
  void web.body?.cancel().catch(() => {});
}
