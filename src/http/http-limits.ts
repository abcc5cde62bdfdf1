// The limits that the codecs need, as plain objects read once: the defaults of core/limits.ts,
// any of which a listener may replace.

import {
  BODY_BYTES_MAX_DEFAULT,
  CHUNK_EXTENSION_BYTES_MAX,
  CHUNK_LINE_BYTES_MAX,
  EMPTY_LINES_MAX,
  HEAD_BYTES_LIMIT_MAX,
  HEAD_BYTES_MAX,
  HEADER_BYTES_MAX,
  HEADERS_LIMIT_MAX,
  HEADERS_MAX,
  METHOD_BYTES_MAX,
  TARGET_BYTES_MAX,
  TRAILER_BYTES_MAX,
} from "../core/limits.ts";

export interface FieldLimits {
  /** Bytes of the whole head (or trailer section), with its blank line: 431. */
  readonly headBytesMax: number;
  /** Bytes of one field line, without its CRLF: 431. */
  readonly headerBytesMax: number;
  /** Field lines: 431. */
  readonly headersMax: number;
}

export interface RequestLimits extends FieldLimits {
  /** Bytes of the request-target: 414. */
  readonly targetBytesMax: number;
  /** Bytes of the method: 501. */
  readonly methodBytesMax: number;
  /** Empty lines before a request line: 400. */
  readonly emptyLinesMax: number;
}

export interface BodyLimits extends Pick<FieldLimits, "headerBytesMax" | "headersMax"> {
  /** Bytes of a body after decoding: 413. */
  readonly bodyBytesMax: number;
  /** Bytes of one chunk-size line with its extensions, without its CRLF: 400. */
  readonly chunkLineBytesMax: number;
  /** Bytes of all chunk extensions of one body: 400. */
  readonly chunkExtensionBytesMax: number;
  /** Bytes of the trailer section, with its blank line: 431. Its lines are as those of a head. */
  readonly trailerBytesMax: number;
}

export const REQUEST_LIMITS_DEFAULT: RequestLimits = {
  headBytesMax: HEAD_BYTES_MAX,
  headerBytesMax: HEADER_BYTES_MAX,
  headersMax: HEADERS_MAX,
  targetBytesMax: TARGET_BYTES_MAX,
  methodBytesMax: METHOD_BYTES_MAX,
  emptyLinesMax: EMPTY_LINES_MAX,
};

export const BODY_LIMITS_DEFAULT: BodyLimits = {
  bodyBytesMax: BODY_BYTES_MAX_DEFAULT,
  chunkLineBytesMax: CHUNK_LINE_BYTES_MAX,
  chunkExtensionBytesMax: CHUNK_EXTENSION_BYTES_MAX,
  trailerBytesMax: TRAILER_BYTES_MAX,
  headerBytesMax: HEADER_BYTES_MAX,
  headersMax: HEADERS_MAX,
};

/** Lets every head through that any listener has let through. */
export const REQUEST_LIMITS_WIDEST: RequestLimits = {
  ...REQUEST_LIMITS_DEFAULT,
  headBytesMax: HEAD_BYTES_LIMIT_MAX,
  headerBytesMax: HEAD_BYTES_LIMIT_MAX,
  headersMax: HEADERS_LIMIT_MAX,
  targetBytesMax: HEAD_BYTES_LIMIT_MAX,
};
