// One form in which a file of the site is sent: as it is, as a precompressed sibling, or compressed
// by us. It knows its validators and its fields, ready to be copied into a head, and may hold its
// content in memory or its file open. Owned by one SiteFile.
//
// An entity tag is strong when the file has been left alone for a while: a second change within the
// grain of the file system's clock could otherwise hide behind the same time (RFC 9110 8.8.1). What
// we compress ourselves is weak: another version of the compressor makes other bytes of it.

import type { Stats } from "node:fs";
import { formatHttpDate } from "../http/date.ts";
import { CODING_IDENTITY, CODING_NAMES } from "./static-codings.ts";
import type { CachedBytes } from "./static-cache.ts";
import type { Validators } from "./static-conditions.ts";
import type { OpenFile } from "./static-open.ts";

/** A file changed less than so long ago may change again unseen. */
export const SETTLED_MS = 2_000;

export interface RepresentationOptions {
  /** Of the file that holds the bytes, or from which they are made; below the root. */
  readonly path: string;
  readonly stats: Stats;
  readonly coding: number;
  /** Made by us from the file rather than read from it. */
  readonly derived: boolean;
  readonly type: string;
  /** Whether the site has the file in more than one coding. */
  readonly varies: boolean;
  readonly cacheControl: string | null;
  /** Time of day. */
  readonly nowMs: number;
}

export class Representation implements Validators {
  readonly path: string;
  readonly stats: Stats;
  readonly coding: number;
  readonly type: string;
  readonly size: number;
  readonly etag: string;
  readonly modifiedMs: number;
  /** Field lines of a 200 or 206, and of a 304. */
  readonly fields: string;
  readonly fieldsUnchanged: string;
  body: CachedBytes | null = null;
  file: OpenFile | null = null;

  constructor(options: RepresentationOptions, size: number = options.stats.size) {
    const { path, stats, coding, derived, type, varies, cacheControl, nowMs } = options;
    this.path = path;
    this.stats = stats;
    this.coding = coding;
    this.type = type;
    this.size = size;
    this.etag = entityTag(stats, coding, derived || !isSettled(stats, nowMs));
    // A date in the future must not be sent (RFC 9110 8.8.2.1).
    const seconds = Math.floor(stats.mtimeMs / 1000);
    this.modifiedMs = stats.mtimeMs > nowMs || seconds < 0 ? NaN : seconds * 1000;
    const modified = Number.isNaN(this.modifiedMs)
      ? ""
      : `Last-Modified: ${formatHttpDate(this.modifiedMs)}\r\n`;
    const common =
      `ETag: ${this.etag}\r\n` +
      (varies ? "Vary: Accept-Encoding\r\n" : "") +
      (cacheControl === null ? "" : `Cache-Control: ${cacheControl}\r\n`);
    this.fieldsUnchanged = modified + common;
    this.fields =
      modified +
      common +
      (coding === CODING_IDENTITY ? "" : `Content-Encoding: ${CODING_NAMES[coding]!}\r\n`) +
      (derived ? "" : "Accept-Ranges: bytes\r\n") +
      "X-Content-Type-Options: nosniff\r\n";
  }

  /** Lets go of what it holds; answers on their way keep theirs. */
  release(): void {
    this.body?.release();
    this.file?.release();
    this.body = null;
    this.file = null;
  }
}

/** A time that lies ahead cannot be that of a change to come: such a file counts as settled. */
export function isSettled(stats: Stats, nowMs: number): boolean {
  return Math.abs(nowMs - stats.mtimeMs) >= SETTLED_MS;
}

/** From the time of change in microseconds and the size: the same on every machine with a copy. */
function entityTag(stats: Stats, coding: number, weak: boolean): string {
  const time = Math.round(stats.mtimeMs * 1000).toString(36);
  const suffix = coding === CODING_IDENTITY ? "" : `-${CODING_NAMES[coding]!}`;
  return `${weak ? "W/" : ""}"${time}-${stats.size.toString(36)}${suffix}"`;
}
