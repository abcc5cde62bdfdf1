// What is noted about each request of a listener, in one worker: its id, its line in the access
// log, a warning if it was slow. A session tells it when a head is complete or refused, and when
// the exchange is answered or given up.
//
//   begin | refuse  ->  end          once each, for every exchange that has a head
//
// Invariant: a line for each answer that the counters count (2xx to 5xx), and one with status 499
// for each request whose peer left without any. So lines = requests + refused heads.

import type { Log } from "../core/log.ts";
import type { BodyDecoder } from "../http/body-decoder.ts";
import type { RequestParser } from "../http/request-parser.ts";
import { ascii, CR, equalsFolded, LF } from "../http/syntax.ts";
import type { Connection } from "../net/connection.ts";
import type { Reactor } from "../net/reactor.ts";
import type { AccessLogFile, AccessLogFiles } from "./access-log-file.ts";
import { AccessEntry, AccessLineWriter } from "./access-log-line.ts";
import { type RequestLogOptions, resolveAccessLog } from "./access-log-options.ts";
import { SlowRequests } from "./access-log-slow.ts";
import type { Exchange } from "./exchange.ts";
import { requestIdOf } from "./request-id.ts";

/** As nginx has it: the client closed the connection before there was an answer. */
const STATUS_CLIENT_GONE = 499;
/** Of a refused head so much of its first line is looked at. */
const REFUSED_LINE_BYTES_MAX = 2_048;
const SLOW_PATH_CHARACTERS_MAX = 256;
const REFERER: Uint8Array = ascii("referer");
const USER_AGENT: Uint8Array = ascii("user-agent");
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~\w]+) ([^ ?#]+)(?:\?([^ #]*))?[^ ]* HTTP\/\d\.\d$/;

/** What is known of one exchange while it lasts; made at its first request, kept with it. */
export class AccessRecord {
  /** Begun and not ended. */
  open = false;
  startedMs = 0;
  remote = "";
  /** Of a head that was refused: its first line. */
  refused: Buffer | null = null;
}

export interface AccessLogContext {
  readonly reactor: Reactor;
  readonly log: Log;
  readonly files: AccessLogFiles;
  readonly workerIndex: number;
  /** A longer body is refused before it is read. */
  readonly bodyBytesMax: number;
}

export class AccessLog {
  private readonly reactor: Reactor;
  private readonly file: AccessLogFile | null;
  private readonly isJson: boolean;
  private readonly sendsIds: boolean;
  private readonly slow: SlowRequests | null;
  private readonly bodyBytesMax: number;
  private readonly entry: AccessEntry = new AccessEntry();
  private readonly writer: AccessLineWriter = new AccessLineWriter();

  /** Null if nothing is to be noted. What `all` says goes before what the listener says. */
  static of(
    listener: RequestLogOptions,
    all: RequestLogOptions,
    context: AccessLogContext,
  ): AccessLog | null {
    const accessLog = all.accessLog ?? listener.accessLog;
    const requestId = all.requestId ?? listener.requestId ?? false;
    const slowRequestMs = all.slowRequestMs ?? listener.slowRequestMs ?? 0;
    if (accessLog === undefined && !requestId && slowRequestMs === 0) return null;
    return new AccessLog({ accessLog, requestId, slowRequestMs }, context);
  }

  constructor(options: RequestLogOptions, context: AccessLogContext) {
    const { accessLog, requestId = false, slowRequestMs = 0 } = options;
    const resolved = accessLog === undefined ? null : resolveAccessLog(accessLog);
    this.reactor = context.reactor;
    this.file = resolved === null ? null : context.files.open(resolved.file);
    this.isJson = resolved?.format === "json";
    this.sendsIds = requestId;
    this.slow = slowRequestMs === 0 ? null : new SlowRequests(slowRequestMs, context.log);
    this.bodyBytesMax = context.bodyBytesMax;
    this.entry.worker = context.workerIndex;
  }

  /** The head is complete; before the handler is called. */
  begin(exchange: Exchange, connection: Connection): void {
    const record = this.open(exchange, connection);
    record.refused = null;
    if (!this.sendsIds) return;
    const { request, response, parser } = exchange;
    request.adoptId(requestIdOf(parser, request.head, request.headAt));
    response.idField = `X-Request-Id: ${request.id}\r\n`;
  }

  /** The head that is to be refused begins at `start`; bytes[start, end) is what came of it. */
  refuse(
    exchange: Exchange,
    connection: Connection,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const record = this.open(exchange, connection);
    record.refused = firstLine(bytes, start, end);
    exchange.request.adoptId("");
    if (this.sendsIds) exchange.response.idField = `X-Request-Id: ${exchange.request.id}\r\n`;
  }

  private open(exchange: Exchange, connection: Connection): AccessRecord {
    const record = (exchange.record ??= new AccessRecord());
    record.open = true;
    record.startedMs = this.reactor.nowMs;
    record.remote = connection.remoteAddress; // a closed socket has none
    exchange.response.bodyBytes = 0;
    exchange.response.begunMs = Number.NaN;
    return record;
  }

  /** It is answered with `status`, or given up without an answer: 0. */
  end(
    exchange: Exchange,
    connection: Connection,
    status: number,
    complete: boolean,
    decoder: BodyDecoder | null,
  ): void {
    const { record } = exchange;
    if (record === null || !record.open) return; // a head that never became complete
    record.open = false;
    const { reactor } = this;
    reactor.readClock(); // a handler may have held the thread for long
    const { slow, file } = this;
    if (slow !== null && record.refused === null) this.tellIfSlow(slow, exchange, record, status);
    const block = file === null ? null : file.room();
    if (file === null || block === null) return;
    const { entry } = this;
    entry.status = status === 0 ? STATUS_CLIENT_GONE : status;
    entry.complete = complete;
    entry.wallMs = reactor.wallMs;
    entry.durationMs = reactor.nowMs - record.startedMs;
    entry.remote = record.remote;
    entry.slot = connection.slot;
    entry.generation = connection.generation;
    entry.id = this.isJson || this.sendsIds ? exchange.request.id : "";
    entry.bytesOut = exchange.response.bodyBytes;
    if (record.refused !== null) fillRefused(entry, record.refused);
    else this.fillHead(entry, exchange, decoder);
    const { bytes, length } = block;
    file.commit(
      this.isJson
        ? this.writer.writeJson(bytes, length, entry)
        : this.writer.writeCombined(bytes, length, entry),
    );
    entry.head = EMPTY;
  }

  /** At the end of the worker. */
  close(): void {
    this.slow?.budget.endWindow();
  }

  private fillHead(entry: AccessEntry, exchange: Exchange, decoder: BodyDecoder | null): void {
    const { parser, request } = exchange;
    const at = request.headAt;
    const announced = parser.contentLength > this.bodyBytesMax ? 0 : parser.contentLength;
    entry.bytesIn = decoder === null ? announced : decoder.bodyBytes;
    entry.head = request.head;
    entry.lineStart = at + parser.methodStart;
    entry.lineEnd = at + parser.targetEnd + " HTTP/1.1".length;
    entry.methodStart = at + parser.methodStart;
    entry.methodEnd = at + parser.methodEnd;
    entry.pathStart = at + parser.pathStart;
    entry.pathEnd = at + parser.pathEnd;
    entry.queryStart = at + parser.queryStart;
    entry.queryEnd = at + parser.queryEnd;
    entry.hostStart = parser.hostStart < 0 ? 0 : at + parser.hostStart;
    entry.hostEnd = parser.hostStart < 0 ? 0 : at + parser.hostEnd;
    fillFields(entry, parser, request.head, at);
  }

  private tellIfSlow(
    slow: SlowRequests,
    exchange: Exchange,
    record: AccessRecord,
    status: number,
  ): void {
    const { request, response } = exchange;
    const begunMs = Number.isNaN(response.begunMs) ? this.reactor.nowMs : response.begunMs;
    const waitedMs = begunMs - record.startedMs; // what follows goes at the peer's pace
    if (waitedMs < slow.thresholdMs || !slow.budget.admit()) return;
    const path = request.path.slice(0, SLOW_PATH_CHARACTERS_MAX);
    const outcome = status === 0 ? "was given up by its peer" : `was answered ${status}`;
    slow.tell(`${request.method} ${path}`, waitedMs, outcome, request.id);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);

/** Referer and User-Agent; of several the first. */
function fillFields(entry: AccessEntry, parser: RequestParser, head: Buffer, headAt: number): void {
  const { headers, headerCount } = parser;
  entry.refererStart = entry.refererEnd = 0;
  entry.agentStart = entry.agentEnd = 0;
  for (let at = 0; at < headerCount * 4; at += 4) {
    const start = headAt + headers[at]!;
    const end = headAt + headers[at + 1]!;
    const length = end - start;
    if (length === USER_AGENT.length && entry.agentEnd === 0) {
      if (!equalsFolded(head, start, end, USER_AGENT)) continue;
      entry.agentStart = headAt + headers[at + 2]!;
      entry.agentEnd = headAt + headers[at + 3]!;
    } else if (length === REFERER.length && entry.refererEnd === 0) {
      if (!equalsFolded(head, start, end, REFERER)) continue;
      entry.refererStart = headAt + headers[at + 2]!;
      entry.refererEnd = headAt + headers[at + 3]!;
    }
  }
}

/** A copy of the first line that is not empty, without its end, as far as it has come. */
function firstLine(bytes: Buffer, from: number, end: number): Buffer {
  let start = from;
  while (start < end && (bytes[start] === CR || bytes[start] === LF)) start++;
  const limit = Math.min(end, start + REFUSED_LINE_BYTES_MAX);
  let at = start;
  while (at < limit && bytes[at] !== LF) at++;
  if (at > start && bytes[at] === LF && bytes[at - 1] === CR) at--;
  return Buffer.from(bytes.subarray(start, at));
}

/** What a refused head tells: its line, and the parts of it if it looks like a request line. */
function fillRefused(entry: AccessEntry, line: Buffer): void {
  entry.head = line;
  entry.bytesIn = 0;
  entry.lineStart = 0;
  entry.lineEnd = line.length;
  entry.hostStart = entry.hostEnd = 0;
  entry.refererStart = entry.refererEnd = 0;
  entry.agentStart = entry.agentEnd = 0;
  const parts = REQUEST_LINE.exec(line.toString("latin1"));
  const method = parts?.[1]?.length ?? 0;
  const path = parts?.[2]?.length ?? 0;
  const query = parts?.[3]?.length ?? 0;
  entry.methodStart = 0;
  entry.methodEnd = method;
  entry.pathStart = method + 1;
  entry.pathEnd = method + 1 + path;
  entry.queryStart = entry.pathEnd + 1;
  entry.queryEnd = entry.queryStart + query;
}
