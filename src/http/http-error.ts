// What can be wrong with HTTP bytes: one small integer for each kind, 0 for nothing. The peer's
// errors are never thrown; a parser reports a code, and this table says what it is called, which
// status answers it, and whether the connection may live on. After a framing error it may not:
// nobody knows where the next message begins.

export interface HttpErrorKind {
  /** Stable, for logs and counters. */
  readonly name: string;
  /** The status of the answer; 0 where there is none to give (the response side). */
  readonly status: number;
  readonly close: boolean;
}

export const HTTP_OK = 0;

// The request line
export const HTTP_EMPTY_LINES_TOO_MANY = 1;
export const HTTP_METHOD_INVALID = 2;
export const HTTP_METHOD_TOO_LONG = 3;
export const HTTP_REQUEST_LINE_SPACING = 4;
export const HTTP_TARGET_CHARACTER = 5;
export const HTTP_TARGET_FORM = 6;
export const HTTP_TARGET_AUTHORITY = 7;
export const HTTP_TARGET_TOO_LONG = 8;
export const HTTP_VERSION_MISSING = 9;
export const HTTP_VERSION_INVALID = 10;
export const HTTP_VERSION_UNSUPPORTED = 11;

// Lines and fields, of heads and of trailers
export const HTTP_BARE_CR = 12;
export const HTTP_BARE_LF = 13;
export const HTTP_FIELD_NAME_EMPTY = 14;
export const HTTP_FIELD_NAME_CHARACTER = 15;
export const HTTP_FIELD_NAME_SPACE = 16;
export const HTTP_FIELD_COLON_MISSING = 17;
export const HTTP_FIELD_FOLDED = 18;
export const HTTP_FIELD_SPACE_FIRST = 19;
export const HTTP_FIELD_VALUE_CHARACTER = 20;
export const HTTP_FIELD_TOO_LONG = 21;
export const HTTP_FIELDS_TOO_MANY = 22;
export const HTTP_HEAD_TOO_LARGE = 23;

// The fields that decide routing and framing
export const HTTP_HOST_MISSING = 24;
export const HTTP_HOST_REPEATED = 25;
export const HTTP_HOST_EMPTY = 26;
export const HTTP_HOST_INVALID = 27;
export const HTTP_LENGTH_INVALID = 28;
export const HTTP_LENGTH_REPEATED = 29;
export const HTTP_LENGTH_OVERFLOW = 30;
export const HTTP_CODING_INVALID = 31;
export const HTTP_CODING_REPEATED = 32;
export const HTTP_CODING_NOT_FINAL = 33;
export const HTTP_CODING_UNKNOWN = 34;
export const HTTP_CODING_BEFORE_1_1 = 35;
export const HTTP_CODING_WITH_LENGTH = 36;
export const HTTP_EXPECTATION_UNKNOWN = 37;

// The body
export const HTTP_BODY_TOO_LARGE = 38;
export const HTTP_CHUNK_SIZE_INVALID = 39;
export const HTTP_CHUNK_SIZE_OVERFLOW = 40;
export const HTTP_CHUNK_EXTENSION_INVALID = 41;
export const HTTP_CHUNK_LINE_TOO_LONG = 42;
export const HTTP_CHUNK_EXTENSIONS_TOO_LARGE = 43;
export const HTTP_CHUNK_END_MISSING = 44;
export const HTTP_TRAILERS_TOO_LARGE = 45;

// The response side: what a client finds in a server's answer
export const HTTP_STATUS_LINE_INVALID = 46;
export const HTTP_STATUS_INVALID = 47;
export const HTTP_LENGTH_CONFLICT = 48;

/** By code. Index 0 is "no error" and is never answered. */
export const HTTP_ERRORS: readonly HttpErrorKind[] = [
  kind("HTTP_OK", 0),
  kind("HTTP_EMPTY_LINES_TOO_MANY", 400),
  kind("HTTP_METHOD_INVALID", 400),
  kind("HTTP_METHOD_TOO_LONG", 501),
  kind("HTTP_REQUEST_LINE_SPACING", 400),
  kind("HTTP_TARGET_CHARACTER", 400),
  kind("HTTP_TARGET_FORM", 400),
  kind("HTTP_TARGET_AUTHORITY", 400),
  kind("HTTP_TARGET_TOO_LONG", 414),
  kind("HTTP_VERSION_MISSING", 400),
  kind("HTTP_VERSION_INVALID", 400),
  kind("HTTP_VERSION_UNSUPPORTED", 505),
  kind("HTTP_BARE_CR", 400),
  kind("HTTP_BARE_LF", 400),
  kind("HTTP_FIELD_NAME_EMPTY", 400),
  kind("HTTP_FIELD_NAME_CHARACTER", 400),
  kind("HTTP_FIELD_NAME_SPACE", 400),
  kind("HTTP_FIELD_COLON_MISSING", 400),
  kind("HTTP_FIELD_FOLDED", 400),
  kind("HTTP_FIELD_SPACE_FIRST", 400),
  kind("HTTP_FIELD_VALUE_CHARACTER", 400),
  kind("HTTP_FIELD_TOO_LONG", 431),
  kind("HTTP_FIELDS_TOO_MANY", 431),
  kind("HTTP_HEAD_TOO_LARGE", 431),
  kind("HTTP_HOST_MISSING", 400),
  kind("HTTP_HOST_REPEATED", 400),
  kind("HTTP_HOST_EMPTY", 400),
  kind("HTTP_HOST_INVALID", 400),
  kind("HTTP_LENGTH_INVALID", 400),
  kind("HTTP_LENGTH_REPEATED", 400),
  kind("HTTP_LENGTH_OVERFLOW", 400),
  kind("HTTP_CODING_INVALID", 400),
  kind("HTTP_CODING_REPEATED", 400),
  kind("HTTP_CODING_NOT_FINAL", 400),
  kind("HTTP_CODING_UNKNOWN", 501),
  kind("HTTP_CODING_BEFORE_1_1", 400),
  kind("HTTP_CODING_WITH_LENGTH", 400),
  kind("HTTP_EXPECTATION_UNKNOWN", 417),
  kind("HTTP_BODY_TOO_LARGE", 413),
  kind("HTTP_CHUNK_SIZE_INVALID", 400),
  kind("HTTP_CHUNK_SIZE_OVERFLOW", 400),
  kind("HTTP_CHUNK_EXTENSION_INVALID", 400),
  kind("HTTP_CHUNK_LINE_TOO_LONG", 400),
  kind("HTTP_CHUNK_EXTENSIONS_TOO_LARGE", 400),
  kind("HTTP_CHUNK_END_MISSING", 400),
  kind("HTTP_TRAILERS_TOO_LARGE", 431),
  kind("HTTP_STATUS_LINE_INVALID", 0),
  kind("HTTP_STATUS_INVALID", 0),
  kind("HTTP_LENGTH_CONFLICT", 0),
];

function kind(name: string, status: number): HttpErrorKind {
  return { name, status, close: status !== 0 || name !== "HTTP_OK" };
}

/** The status that answers `code`. */
export function errorStatus(code: number): number {
  return HTTP_ERRORS[code]!.status;
}

export function errorName(code: number): string {
  return HTTP_ERRORS[code]!.name;
}
