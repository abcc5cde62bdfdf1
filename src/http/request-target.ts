// The forms of a request-target (RFC 9112 3.2) other than origin-form, which the parser's own loop
// handles: absolute-form, authority-form and asterisk-form. Runs once a request has such a target,
// never on the common path.
//
//   http://user@host:80/path?query#fragment
//          ^    ^host   ^path ^pathEnd

import { authorityError } from "./authority.ts";
import { HTTP_OK, HTTP_TARGET_AUTHORITY, HTTP_TARGET_FORM } from "./http-error.ts";
import { METHOD_CONNECT, METHOD_OPTIONS, METHOD_OTHER } from "./methods.ts";
import { ascii, CLASSES, equalsFolded, PATH, QUERY } from "./syntax.ts";

export const TARGET_ORIGIN = 0;
export const TARGET_ABSOLUTE = 1;
export const TARGET_AUTHORITY = 2;
export const TARGET_ASTERISK = 3;

const SLASH = 0x2f;
const ASTERISK = 0x2a;
const SCHEMES: readonly Uint8Array[] = [ascii("http://"), ascii("https://")];

/** Where the parts of a target stand, absolute positions; the caller copies what it needs. */
export class TargetParts {
  form: number = TARGET_ORIGIN;
  hostStart = -1;
  hostEnd = -1;
  pathStart = 0;
  pathEnd = 0;
  queryStart = 0;
  queryEnd = 0;

  /** Splits bytes[start, end), which is not empty and does not begin with "/". */
  split(bytes: Uint8Array, start: number, end: number, method: number): number {
    this.hostStart = -1;
    this.hostEnd = -1;
    if (method === METHOD_CONNECT) return this.splitAuthority(bytes, start, end);
    if (bytes[start] !== ASTERISK) return this.splitAbsolute(bytes, start, end);
    // For OPTIONS; who knows what other methods do with it ("M-SEARCH *", HTTP/2's "PRI *").
    const mayBeAsterisk = method === METHOD_OPTIONS || method === METHOD_OTHER;
    if (end - start !== 1 || !mayBeAsterisk) return HTTP_TARGET_FORM;
    this.form = TARGET_ASTERISK;
    this.pathStart = start;
    this.pathEnd = end;
    this.queryStart = end;
    this.queryEnd = end;
    return HTTP_OK;
  }

  // CONNECT host:port. There is no path: its range is empty. The port is not optional.
  private splitAuthority(bytes: Uint8Array, start: number, end: number): number {
    if (authorityError(bytes, start, end) !== HTTP_OK) return HTTP_TARGET_AUTHORITY;
    let at = end;
    while (at > start && bytes[at - 1]! >= 0x30 && bytes[at - 1]! <= 0x39) at--;
    if (at === end || bytes[at - 1] !== 0x3a) return HTTP_TARGET_AUTHORITY;
    this.form = TARGET_AUTHORITY;
    this.hostStart = start;
    this.hostEnd = end;
    this.pathStart = end;
    this.pathEnd = end;
    this.queryStart = end;
    this.queryEnd = end;
    return HTTP_OK;
  }

  private splitAbsolute(bytes: Uint8Array, start: number, end: number): number {
    const authority = endOfScheme(bytes, start, end);
    if (authority < 0) return HTTP_TARGET_FORM;
    let host = authority;
    let at = authority;
    // The authority ends at the first "/", "?" or "#"; userinfo before its last "@" is skipped.
    while (at < end && bytes[at] !== SLASH && (CLASSES[bytes[at]!]! & PATH) !== 0) {
      if (bytes[at++] === 0x40) host = at;
    }
    if (authorityError(bytes, host, at) !== HTTP_OK) return HTTP_TARGET_AUTHORITY;
    this.form = TARGET_ABSOLUTE;
    this.hostStart = host;
    this.hostEnd = at;
    this.splitPath(bytes, authority, at, end);
    return HTTP_OK;
  }

  // An empty path means "/" (RFC 9110 4.2.3): the last slash of "://" serves as its one byte.
  private splitPath(bytes: Uint8Array, authority: number, start: number, end: number): void {
    let at = start;
    while (at < end && (CLASSES[bytes[at]!]! & PATH) !== 0) at++;
    this.pathStart = at > start ? start : authority - 1;
    this.pathEnd = at > start ? at : authority;
    this.queryStart = at < end && bytes[at] === 0x3f ? at + 1 : at;
    at = this.queryStart;
    while (at < end && (CLASSES[bytes[at]!]! & QUERY) !== 0) at++;
    this.queryEnd = at;
  }
}

// The position after "http://" or "https://", or -1.
function endOfScheme(bytes: Uint8Array, start: number, end: number): number {
  for (const scheme of SCHEMES) {
    const after = start + scheme.length;
    if (after <= end && equalsFolded(bytes, start, after, scheme)) return after;
  }
  return -1;
}
