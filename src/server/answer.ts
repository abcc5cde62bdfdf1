// Puts answers on the wire: the head by the rules of framing, then the body, as one write where it
// fits the cork and piece by piece where it does not.

import { COUNT_HANDLER_ERRORS, COUNT_RESPONSES_1XX, statusCounter } from "../core/counters.ts";
import { MillraceError } from "../core/errors.ts";
import { latin1Write, utf8Write } from "../core/latin1.ts";
import {
  CONNECTION_DEFAULT,
  CONNECTION_IS_CLOSE,
  HEAD_END_BYTES,
  LENGTH_CHUNKED,
  LENGTH_NONE,
  writeHead,
} from "../http/response-head.ts";
import { bodyForbidden, reasonPhrase } from "../http/status.ts";
import type { Connection } from "../net/connection.ts";
import { type BodySource, bytesSource } from "./body-source.ts";
import type { HttpResponse } from "./http-response.ts";
import type { HttpSession } from "./http-session.ts";
import { ResponseWriter } from "./response-writer.ts";

const STATUS_RESET_CONTENT = 205;

export function answerString(session: HttpSession, response: HttpResponse, body: string): void {
  const isPlain = response.fields === "" && response.idField === "";
  if (isPlain && answerWhole(session, response, body)) return;
  const { connection } = session;
  const reactor = connection.reactor;
  const count = Buffer.byteLength(body);
  if (headRoom(session, response) + count > reactor.corkBytes.length) {
    return answerSource(session, response, bytesSource(Buffer.from(body)));
  }
  const previous = connection.cork();
  let end = beginAnswer(session, response, count, count);
  if (count > 0 && hasContent(session, response)) {
    end += utf8Write(reactor.corkBytes, body, end);
    response.bodyBytes = count;
  }
  connection.commit(end);
  session.finishAnswer();
  connection.uncork(previous);
}

/** One copy, if the same answer went out before; false if not. */
function answerWhole(session: HttpSession, response: HttpResponse, body: string): boolean {
  const { connection } = session;
  const prefix = session.application.heads.prefix(response.code, response.type);
  const whole = prefix.wholeAnswer(body);
  if (whole === null || !hasContent(session, response)) return false;
  if (session.connectionField(response) !== CONNECTION_DEFAULT) return false;
  const reactor = connection.reactor;
  const previous = connection.cork();
  const at = connection.reserve(whole.length);
  reactor.corkBytes.set(whole, at);
  connection.commit(at + whole.length);
  response.bodyBytes = prefix.wholeBodyBytes;
  reactor.counters[statusCounter(response.code)]!++;
  session.finishAnswer();
  connection.uncork(previous);
  return true;
}

export function answerBytes(session: HttpSession, response: HttpResponse, body: Uint8Array): void {
  const { connection } = session;
  const reactor = connection.reactor;
  const count = body.length;
  if (headRoom(session, response) + count > reactor.corkBytes.length) {
    return answerSource(session, response, bytesSource(body));
  }
  const previous = connection.cork();
  let end = beginAnswer(session, response, count, count);
  if (count > 0 && hasContent(session, response)) {
    reactor.corkBytes.set(body, end);
    end += count;
    response.bodyBytes = count;
  }
  connection.commit(end);
  session.finishAnswer();
  connection.uncork(previous);
}

export function answerNothing(session: HttpSession, response: HttpResponse): void {
  const { connection } = session;
  const previous = connection.cork();
  connection.commit(beginAnswer(session, response, 0, 0));
  session.finishAnswer();
  connection.uncork(previous);
}

/** An answer without content whose head tells the length that GET would have: for HEAD. */
export function answerHead(session: HttpSession, response: HttpResponse, length: number): void {
  const { connection } = session;
  const previous = connection.cork();
  connection.commit(beginAnswer(session, response, length, 0));
  session.finishAnswer();
  connection.uncork(previous);
}

/** Pulls the body from `source` as the peer takes it. */
export function answerSource(
  session: HttpSession,
  response: HttpResponse,
  source: BodySource,
): void {
  const { connection } = session;
  session.beforeLongAnswer();
  const chunked = source.length < 0 && session.versionMinor > 0;
  const untilClose = source.length < 0 && !chunked;
  if (untilClose) session.keepAlive = false;
  const length = chunked ? LENGTH_CHUNKED : untilClose ? LENGTH_NONE : source.length;
  if (!hasContent(session, response)) {
    source.cancel();
    return answerHead(session, response, length);
  }
  const previous = connection.cork();
  connection.commit(beginAnswer(session, response, length, 0));
  response.bodyBytes = 0;
  response.begunMs = connection.reactor.nowMs;
  const writer = new ResponseWriter(session, response, source, chunked);
  session.useWriter(writer);
  writer.resume();
  connection.uncork(previous);
}

/** A short text that says the status and nothing else. */
export function answerStatus(response: HttpResponse, status: number): void {
  if (status !== 405) response.fields = ""; // 405 comes with Allow
  response.type = "";
  response.code = status;
  response.text(`${status} ${reasonPhrase(status)}\n`);
}

/** The same as the last answer of a connection, whatever state the request is in. */
export function writeError(session: HttpSession, response: HttpResponse, status: number): void {
  const { connection } = session;
  const reactor = connection.reactor;
  const body = session.isHead ? "" : `${status} ${reasonPhrase(status)}\n`;
  const prefix = session.application.heads.prefix(status, "text/plain; charset=utf-8");
  const fields = response.idField + (status === 405 ? response.fields : "");
  const room = prefix.bytes.length + fields.length + HEAD_END_BYTES + body.length;
  const previous = connection.cork();
  const at = connection.reserve(room);
  const bytes = reactor.corkBytes;
  let end = writeHead(bytes, at, prefix, body.length, CONNECTION_IS_CLOSE, fields);
  end += latin1Write(bytes, body, end);
  response.bodyBytes = body.length;
  connection.commit(end);
  reactor.counters[statusCounter(status)]!++;
  connection.uncork(previous);
}

const CONTINUE: Buffer = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");

/** Asks the client for the body that it holds back. */
export function answerContinue(connection: Connection): void {
  connection.reactor.counters[COUNT_RESPONSES_1XX]!++;
  connection.write(CONTINUE, 0, CONTINUE.length);
}

/** The status that answers what a handler threw. */
export function statusOf(error: unknown): number {
  if (!(error instanceof MillraceError)) return 500;
  if (error.code === "ERR_BODY_TOO_LARGE") return 413;
  if (PEER_FAULTS.has(error.code)) return 400;
  return error.code === "ERR_MEMORY_LIMIT" ? 503 : 500;
}

/** What a handler passes on to us, of a body that the peer or we ourselves gave up. */
const PEER_FAULTS: ReadonlySet<string> = new Set([
  "ERR_BODY_ABORTED",
  "ERR_BODY_MALFORMED",
  "ERR_BODY_SYNTAX",
  "ERR_BODY_TOO_LARGE",
]);

/** Counts a handler's error; false for those that only say that the peer has left. */
export function isHandlerFault(error: unknown, counters: Float64Array): boolean {
  if (error instanceof MillraceError && PEER_FAULTS.has(error.code)) return false;
  if (error instanceof DOMException && error.name === "AbortError") return false;
  counters[COUNT_HANDLER_ERRORS]!++;
  return true;
}

function hasContent(session: HttpSession, response: HttpResponse): boolean {
  const { code } = response;
  return !session.isHead && !bodyForbidden(code) && code !== STATUS_RESET_CONTENT;
}

/** The length that the head tells: 205 has none to give, whatever was filled in. */
function framingOf(code: number, length: number): number {
  if (bodyForbidden(code)) return LENGTH_NONE;
  return code === STATUS_RESET_CONTENT ? 0 : length;
}

function headRoom(session: HttpSession, response: HttpResponse): number {
  const prefix = session.application.heads.prefix(response.code, response.type);
  const fieldsLength = response.fields.length + response.idField.length;
  return prefix.bytes.length + fieldsLength + HEAD_END_BYTES;
}

/** Writes the head into the cork, with room for `bodyBytes` behind it; returns its end. */
function beginAnswer(
  session: HttpSession,
  response: HttpResponse,
  length: number,
  bodyBytes: number,
): number {
  const { connection } = session;
  const reactor = connection.reactor;
  const prefix = session.application.heads.prefix(response.code, response.type);
  const fields = response.idField + response.fields;
  const at = connection.reserve(prefix.bytes.length + fields.length + HEAD_END_BYTES + bodyBytes);
  const framing = framingOf(response.code, length);
  const field = session.connectionField(response);
  reactor.counters[statusCounter(response.code)]!++;
  return writeHead(reactor.corkBytes, at, prefix, framing, field, fields);
}
