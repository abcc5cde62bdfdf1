// What a handler sees of a request. It is a window on bytes that were parsed in place: nothing is
// decoded before it is asked for. Pooled: it belongs to the handler until the handler has returned
// and its promise, if any, has settled.

import { copyBytes } from "../buffer/io-buf.ts";
import { MillraceError } from "../core/errors.ts";
import { latin1Slice } from "../core/latin1.ts";
import type { RequestBody } from "./request-body.ts";
import type { RequestIds } from "./request-id.ts";
import { METHOD_NAMES, METHOD_OTHER } from "../http/methods.ts";
import type { RequestParser } from "../http/request-parser.ts";
import type { Connection } from "../net/connection.ts";

const decoder: TextDecoder = new TextDecoder();

export class HttpRequest {
  /** The parsed head; its positions count from `headAt`. Internal. */
  readonly parser: RequestParser;
  /** Internal: the bytes of the head, and where it begins in them. */
  head: Buffer = EMPTY;
  headAt = 0;
  /** Internal. */
  readonly body: RequestBody;
  /** Internal. */
  connection: Connection | null = null;
  /** Internal: counts the requests that this object has stood for. */
  serial = 0;
  private parameterNames: readonly string[] = [];
  private parameterValues: string[] = [];
  private controller: AbortController | null = null;
  private gone = false;
  private readonly ids: RequestIds;
  private ownId = "";

  constructor(parser: RequestParser, body: RequestBody, ids: RequestIds) {
    this.parser = parser;
    this.body = body;
    this.ids = ids;
  }

  /** Internal: the next request. */
  begin(connection: Connection, head: Buffer, headAt: number): void {
    this.serial++;
    this.connection = connection;
    this.head = head;
    this.headAt = headAt;
    this.parameterNames = NO_NAMES;
    this.controller = null;
    this.gone = false;
    this.ownId = "";
  }

  /** Internal: the id that it brings; "" for one of ours. */
  adoptId(id: string): void {
    this.ownId = id;
  }

  /** Internal: makes sure that head and body outlive this event. False without memory. */
  keep(): boolean {
    if (this.connection === null || !this.connection.ownsInput(this.head)) return true;
    this.detach();
    return this.body.detach();
  }

  /** The head in memory of its own, because its bytes are about to be reused. */
  private detach(): void {
    const length = this.parser.headBytes;
    const copy = Buffer.allocUnsafeSlow(length); // of its own: it may live long
    copyBytes(this.head, this.headAt, this.headAt + length, copy, 0);
    this.head = copy;
    this.headAt = 0;
  }

  /** Internal: what the router found. The values are copied: the router reuses its list. */
  setParameters(names: readonly string[], values: readonly string[]): void {
    this.parameterNames = names;
    this.parameterValues = names.length === 0 ? NO_VALUES : values.slice();
  }

  /** Internal: forgets what could keep memory alive. */
  end(): void {
    this.serial++; // who asks for its head later must have kept it
    this.head = EMPTY;
    this.connection = null;
    this.body.end();
  }

  /** Internal: the peer is gone. */
  abort(): void {
    this.gone = true;
    this.controller?.abort();
  }

  /** Names this request in logs: its X-Request-Id with the option `requestId`, or one of ours. */
  get id(): string {
    if (this.ownId === "") this.ownId = this.ids.next();
    return this.ownId;
  }

  /** "GET", "POST", ... */
  get method(): string {
    const { method, methodStart, methodEnd } = this.parser;
    return method === METHOD_OTHER ? this.slice(methodStart, methodEnd) : METHOD_NAMES[method]!;
  }

  /** The request target as it was sent: path and query, still encoded. */
  get target(): string {
    return this.slice(this.parser.targetStart, this.parser.targetEnd);
  }

  /** The path, still encoded, without the query. */
  get path(): string {
    return this.slice(this.parser.pathStart, this.parser.pathEnd);
  }

  /** The query behind the `?`, still encoded; empty if there is none. */
  get queryString(): string {
    return this.slice(this.parser.queryStart, this.parser.queryEnd);
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.queryString);
  }

  /** What `:name` and `*` of the route matched, decoded; as sent where it cannot be decoded. */
  get params(): Record<string, string> {
    const params: Record<string, string> = Object.create(null) as Record<string, string>;
    const names = this.parameterNames;
    for (let index = 0; index < names.length; index++) {
      params[names[index]!] = decodeSegment(this.parameterValues[index]!);
    }
    return params;
  }

  /** The value of a field, or null; several of the name are joined by ", " ("; " for Cookie). */
  header(name: string): string | null {
    const wanted = name.toLowerCase();
    const { headers, headerCount } = this.parser;
    let value: string | null = null;
    for (let index = 0; index < headerCount; index++) {
      const at = index * 4;
      if (headers[at + 1]! - headers[at]! !== wanted.length) continue;
      if (this.slice(headers[at]!, headers[at + 1]!).toLowerCase() !== wanted) continue;
      const next = this.slice(headers[at + 2]!, headers[at + 3]!);
      value = value === null ? next : `${value}${wanted === "cookie" ? "; " : ", "}${next}`;
    }
    return value;
  }

  /** All fields in the order in which they came, as [name, value] with the name as it was sent. */
  headerEntries(): [string, string][] {
    return HttpRequest.entriesOf(this.parser, this.head, this.headAt);
  }

  /**
   * The fields behind a chunked body, as [name in lower case, value]: complete once the body has
   * been read. Those that would change how the request is framed, routed or granted are left out.
   */
  trailerEntries(): [string, string][] {
    const { trailers } = this.body;
    const count = trailers === null ? 0 : trailers.headerCount;
    return Array.from({ length: count }, (_, at) => [trailers!.name(at), trailers!.value(at)]);
  }

  /** Internal: the fields of a head that has been parsed. */
  static entriesOf(parser: RequestParser, head: Buffer, headAt: number): [string, string][] {
    const { headers, headerCount } = parser;
    const entries: [string, string][] = [];
    for (let at = 0; at < headerCount * 4; at += 4) {
      const name = latin1Slice(head, headAt + headers[at]!, headAt + headers[at + 1]!);
      const value = latin1Slice(head, headAt + headers[at + 2]!, headAt + headers[at + 3]!);
      entries.push([name, value]);
    }
    return entries;
  }

  /** Host and port that the request is for, from the target or the Host field; may be empty. */
  get authority(): string {
    const { hostStart, hostEnd } = this.parser;
    return hostStart < 0 ? "" : this.slice(hostStart, hostEnd);
  }

  /** Address of the peer; empty on a Unix socket and once the peer is gone. */
  get remoteAddress(): string {
    return this.connection?.remoteAddress ?? "";
  }

  get remotePort(): number {
    return this.connection?.remotePort ?? 0;
  }

  /** Aborted when the peer leaves before the answer is complete. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.gone) this.controller.abort();
    return this.controller.signal;
  }

  /** The whole body. Rejects with MillraceError when it is too large or the peer leaves. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return await this.body.collect();
  }

  async text(): Promise<string> {
    return decoder.decode(await this.body.collect());
  }

  /** The body as JSON; MillraceError ERR_BODY_SYNTAX, which answers 400, if it is none. */
  async json(): Promise<unknown> {
    const text = await this.text();
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      const why = "Cannot read the request body: it is not valid JSON";
      throw new MillraceError("ERR_BODY_SYNTAX", why, error);
    }
  }

  /** The body piece by piece as it arrives; the peer is slowed down while nobody reads. */
  chunks(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    return this.body.chunks();
  }

  /** What console.log shows. */
  [Bun.inspect.custom](): string {
    return this.connection === null
      ? "HttpRequest (over)"
      : `HttpRequest ${this.method} ${this.target}`;
  }

  private slice(start: number, end: number): string {
    return latin1Slice(this.head, this.headAt + start, this.headAt + end);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
const NO_NAMES: readonly string[] = [];
const NO_VALUES: string[] = [];

function decodeSegment(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
