// Answers a request for a file that has been found, by the rules of RFC 9110: coding,
// preconditions, ranges, body. The common request, for a small file and without any of these
// fields, is one look at the names of its fields and one copy.
//
//   coding by Accept-Encoding (12.5.3) -> preconditions (13.2.2) -> Range (14) -> bytes or source

import { randomBytes } from "node:crypto";
import { METHOD_GET, METHOD_HEAD } from "../http/methods.ts";
import { reasonPhrase } from "../http/status.ts";
import type { Reactor } from "../net/reactor.ts";
import { answerStatus } from "./answer.ts";
import type { HttpRequest } from "./http-request.ts";
import type { HttpResponse } from "./http-response.ts";
import { CODING_IDENTITY, CodingPreferences, IDENTITY_ONLY } from "./static-codings.ts";
import { Compressor } from "./static-compression.ts";
import {
  checkPreconditions,
  HAS_ACCEPT_ENCODING,
  HAS_IF_RANGE,
  HAS_PRECONDITION,
  HAS_RANGE,
  rangeApplies,
  scanFields,
} from "./static-conditions.ts";
import { OPEN_ABSENT, OpenFile, type OpenFailure } from "./static-open.ts";
import {
  type ByteRange,
  contentRange,
  frameRanges,
  parseRanges,
  RANGES_IGNORED,
  RANGES_UNSATISFIABLE,
} from "./static-ranges.ts";
import { Representation } from "./static-representation.ts";
import { INLINE_BYTES_MAX, readWhole, type StaticSite, statusOfFailure } from "./static-site.ts";
import {
  EFFORT_ANY,
  EFFORT_BEGUN,
  EFFORT_NONE,
  NOTHING_ACCEPTABLE,
  type SiteFile,
} from "./static-site-file.ts";
import { cachedSource, emptySource, FileSource } from "./static-source.ts";

/** False, or a promise of it: the file is not what it was; nothing has been sent. */
type Answered = unknown;

export class StaticResponder {
  private readonly site: StaticSite;
  private readonly reactor: Reactor;
  private readonly preferences: CodingPreferences = new CodingPreferences();
  private readonly compressor: Compressor = new Compressor();
  /** Of multipart answers: random, so that no file holds it; one, so that heads are kept. */
  private readonly boundary: string = `millrace-${randomBytes(18).toString("hex")}`;

  constructor(site: StaticSite, reactor: Reactor) {
    this.site = site;
    this.reactor = reactor;
  }

  answer(file: SiteFile, request: HttpRequest, response: HttpResponse): Answered {
    const found = scanFields(request);
    if (found === 0) return this.sendWhole(file.plain, request, response);
    const accepted =
      (found & HAS_ACCEPT_ENCODING) === 0
        ? IDENTITY_ONLY
        : this.preferences.of(request.header("accept-encoding")!);
    const wantsRange = (found & HAS_RANGE) !== 0 && request.parser.method === METHOD_GET;
    const effort = this.compressor.isBusy ? EFFORT_BEGUN : EFFORT_ANY;
    const coding = file.choose(accepted, wantsRange ? EFFORT_NONE : effort);
    if (coding === NOTHING_ACCEPTABLE) {
      return sendStatus(response, 406, "Vary: Accept-Encoding\r\n");
    }
    const stored = coding === CODING_IDENTITY ? file.plain : file.siblings[coding]!;
    const representation = stored ?? this.derivedOf(file, coding);
    if ((found & HAS_PRECONDITION) !== 0) {
      const status = checkPreconditions(request, found, representation, this.reactor.wallMs);
      if (status === 412) return answerStatus(response, 412);
      if (status === 304) return sendUnchanged(representation, response);
    }
    if (stored === null) return this.sendDerived(file, representation, request, response);
    if (wantsRange && this.takesRange(request, found, representation)) {
      return this.sendRanges(request.header("range")!, representation, request, response);
    }
    return this.sendWhole(representation, request, response);
  }

  // ---- whole --------------------------------------------------------------------------------

  private sendWhole(
    representation: Representation,
    request: HttpRequest,
    response: HttpResponse,
  ): Answered {
    const { body, size } = representation;
    if (body !== null) {
      begin(representation, response);
      if (size <= INLINE_BYTES_MAX) return response.send(body.bytes);
      return response.source(cachedSource(body));
    }
    if (request.parser.method === METHOD_HEAD || size === 0) {
      begin(representation, response);
      return response.source(emptySource(size));
    }
    const content = this.contentOf(representation);
    if (typeof content === "number") return fail(content, response);
    begin(representation, response);
    if (!(content instanceof OpenFile)) return response.send(content);
    return response.source(FileSource.ofRange(this.reactor.pool, content, { start: 0, end: size }));
  }

  /** The content of a small file, or a large one open: then the caller releases it. */
  private contentOf(representation: Representation): Buffer | OpenFile | OpenFailure {
    if (representation.body !== null) return representation.body.bytes;
    const opened = this.site.open(representation);
    if (typeof opened === "number" || representation.size > INLINE_BYTES_MAX) return opened;
    const content = readWhole(opened);
    opened.release();
    return content ?? OPEN_ABSENT;
  }

  // ---- ranges -------------------------------------------------------------------------------

  private takesRange(request: HttpRequest, found: number, representation: Representation): boolean {
    if ((found & HAS_IF_RANGE) === 0) return true;
    return rangeApplies(request.header("if-range")!, representation, this.reactor.wallMs);
  }

  private sendRanges(
    field: string,
    representation: Representation,
    request: HttpRequest,
    response: HttpResponse,
  ): Answered {
    const { size } = representation;
    const ranges = parseRanges(field, size);
    if (ranges === RANGES_IGNORED) return this.sendWhole(representation, request, response);
    if (ranges === RANGES_UNSATISFIABLE) {
      return sendStatus(response, 416, `Content-Range: ${contentRange(null, size)}\r\n`);
    }
    const content = this.contentOf(representation);
    if (typeof content === "number") return fail(content, response);
    begin(representation, response);
    response.code = 206;
    if (ranges.length > 1) return this.sendParts(content, ranges, representation, response);
    const range = ranges[0]!;
    response.fields += `Content-Range: ${contentRange(range, size)}\r\n`;
    if (content instanceof OpenFile) {
      return response.source(FileSource.ofRange(this.reactor.pool, content, range));
    }
    return response.send(content.subarray(range.start, range.end));
  }

  private sendParts(
    content: Buffer | OpenFile,
    ranges: readonly ByteRange[],
    representation: Representation,
    response: HttpResponse,
  ): void {
    const frame = frameRanges(ranges, representation.size, representation.type, this.boundary);
    response.type = `multipart/byteranges; boundary=${this.boundary}`;
    if (content instanceof OpenFile) {
      return response.source(FileSource.ofRanges(this.reactor.pool, content, ranges, frame));
    }
    const pieces = ranges.flatMap(({ start, end }, index) => [
      frame.heads[index]!,
      content.subarray(start, end),
    ]);
    return response.send(Buffer.concat([...pieces, frame.tail], frame.length));
  }

  // ---- compressed on the fly ----------------------------------------------------------------

  /** What we have compressed, or its validators while we have not: they follow from the file. */
  private derivedOf(file: SiteFile, coding: number): Representation {
    return file.compressed[coding] ?? this.describe(file, coding, 0);
  }

  private describe(file: SiteFile, coding: number, size: number): Representation {
    const { filePath: path, cacheControl } = file;
    const { stats, type } = file.plain;
    const nowMs = this.reactor.wallMs;
    const derived = true;
    const varies = true;
    return new Representation(
      { path, stats, coding, derived, type, varies, cacheControl, nowMs },
      size,
    );
  }

  private sendDerived(
    file: SiteFile,
    representation: Representation,
    request: HttpRequest,
    response: HttpResponse,
  ): Answered {
    if (representation.body !== null) return this.sendWhole(representation, request, response);
    return this.compress(file, representation.coding, request, response);
  }

  private async compress(
    file: SiteFile,
    coding: number,
    request: HttpRequest,
    response: HttpResponse,
  ): Promise<Answered> {
    let pending = file.compressing[coding] ?? null;
    if (pending === null) {
      const content = this.contentToCompress(file.plain);
      if (content === null) return false;
      pending = this.compressor.compress(content, coding);
      file.compressing[coding] = pending;
    }
    const result = await pending;
    if (file.compressing[coding] === pending) {
      file.compressing[coding] = null;
      if (result === null) file.useless |= 1 << coding;
      else this.keep(file, coding, result);
    }
    if (response.session === null) return; // the peer has left
    if (result === null) return this.answer(file, request, response);
    begin(this.describe(file, coding, result.length), response);
    return response.send(result);
  }

  private contentToCompress(plain: Representation): Buffer | null {
    if (plain.body !== null) return Buffer.from(plain.body.bytes); // it may be evicted meanwhile
    const opened = this.site.open(plain);
    if (typeof opened === "number") return null;
    const content = readWhole(opened);
    opened.release();
    return content;
  }

  /** Puts a result into the cache, if its file is still there when room has been made. */
  private keep(file: SiteFile, coding: number, result: Buffer): void {
    if (!file.cached || file.compressed[coding] !== null) return;
    const body = this.site.cache.store(result);
    if (body === null) return;
    if (!file.cached) return body.release();
    const representation = this.describe(file, coding, result.length);
    representation.body = body;
    file.compressed[coding] = representation;
  }
}

function begin(representation: Representation, response: HttpResponse): void {
  response.type = representation.type;
  response.fields = representation.fields;
}

/** False where the file is gone or another; an answer where the system is at fault. */
function fail(failure: OpenFailure, response: HttpResponse): false | void {
  if (failure === OPEN_ABSENT) return false;
  answerStatus(response, statusOfFailure(failure));
}

function sendUnchanged(representation: Representation, response: HttpResponse): void {
  response.code = 304;
  response.fields = representation.fieldsUnchanged;
  response.empty();
}

function sendStatus(response: HttpResponse, status: number, fields: string): void {
  response.code = status;
  response.fields = fields;
  response.text(`${status} ${reasonPhrase(status)}\n`);
}
