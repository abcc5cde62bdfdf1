// The limits of one http listener: their names, their ranges, and which of those who may set them
// goes before the others: the command line or serve(), then the listener, then the default.
//
// Invariant: whatever passes the check here, the parsers, the timers and the buffers can keep.

import { HEAD_BYTES_LIMIT_MAX, HEAD_BYTES_LIMIT_MIN, HEADERS_LIMIT_MAX } from "../core/limits.ts";

/** What a listener may be told about limits; see http(). Milliseconds and bytes. */
export interface HttpLimitOptions {
  /** A keep-alive connection silent for so long is closed; 0 is never. Default 60 s. */
  readonly idleTimeoutMs?: number | undefined;
  /** For a whole request head, from its first byte: 408. The same for a TLS handshake and for a
   *  PROXY header: close. 0 is no limit but the idle timeout. Default 10 s. */
  readonly headTimeoutMs?: number | undefined;
  /** In each such stretch of a request body `bodyBytesMin` must arrive: 408. 0 is no limit.
   *  Default 10 s. */
  readonly bodyTimeoutMs?: number | undefined;
  /** Default 10 KiB. */
  readonly bodyBytesMin?: number | undefined;
  /** Bytes of a request body, decoded: 413. Default 16 MiB. */
  readonly bodyBytesMax?: number | undefined;
  /** Bytes of the request-target: 414. Default 8 KiB. */
  readonly targetBytesMax?: number | undefined;
  /** Bytes of a whole head, 256 to 1 MiB: 431, or 414 if the target fills it. Default 32 KiB. */
  readonly headBytesMax?: number | undefined;
  /** Bytes of one field line of a head or a trailer section: 431. Default 16 KiB. */
  readonly headerBytesMax?: number | undefined;
  /** Field lines of a head or a trailer section, up to 10,000: 431. Default 100. */
  readonly headersMax?: number | undefined;
  /** Bytes of a trailer section with its blank line: 431. 0 refuses trailers. Default 8 KiB. */
  readonly trailerBytesMax?: number | undefined;
}

export type HttpLimitName = keyof HttpLimitOptions;
export type HttpLimits = { readonly [Name in HttpLimitName]: number };

export const MAX_DELAY_MS: number = 2 ** 31 - 1; // the longest a timer can wait

/** The least and the most that each may be. */
export const HTTP_LIMIT_RANGES: { readonly [Name in HttpLimitName]: readonly [number, number] } = {
  idleTimeoutMs: [0, MAX_DELAY_MS],
  headTimeoutMs: [0, MAX_DELAY_MS],
  bodyTimeoutMs: [0, MAX_DELAY_MS],
  bodyBytesMin: [1, Number.MAX_SAFE_INTEGER],
  bodyBytesMax: [0, Number.MAX_SAFE_INTEGER],
  targetBytesMax: [1, HEAD_BYTES_LIMIT_MAX],
  headBytesMax: [HEAD_BYTES_LIMIT_MIN, HEAD_BYTES_LIMIT_MAX],
  headerBytesMax: [1, HEAD_BYTES_LIMIT_MAX],
  headersMax: [1, HEADERS_LIMIT_MAX],
  trailerBytesMax: [0, HEAD_BYTES_LIMIT_MAX],
};

export const HTTP_LIMIT_NAMES: readonly HttpLimitName[] = Object.keys(
  HTTP_LIMIT_RANGES,
) as HttpLimitName[];

/** What is wrong with them, as the end of a message, or null. */
export function httpLimitProblem(options: HttpLimitOptions): string | null {
  for (const name of HTTP_LIMIT_NAMES) {
    const value: unknown = options[name];
    const [least, most] = HTTP_LIMIT_RANGES[name];
    if (value !== undefined && !isBetween(value, least, most)) {
      return `${name}: ${String(value)} is not between ${least} and ${most}`;
    }
  }
  return null;
}

/** Those of a listener. Of `all`, which is complete, the ones in `asked` go before its own. */
export function httpLimitsOf(
  listener: HttpLimitOptions,
  all: HttpLimits,
  asked: readonly string[],
): HttpLimits {
  const limits: Partial<Record<HttpLimitName, number>> = {};
  for (const name of HTTP_LIMIT_NAMES) {
    limits[name] = asked.includes(name) ? all[name] : (listener[name] ?? all[name]);
  }
  return limits as HttpLimits;
}

export function isBetween(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
