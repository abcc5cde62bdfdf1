// What is noted about requests beyond the counters: the access log, ids, slow ones. All of it is
// off by default. A listener's options say it for that listener; the command line and the options
// of serve() say it for all and go before them.

import { isAbsolute, resolve } from "node:path";

export const ACCESS_LOG_FORMATS = ["combined", "json"] as const;
export type AccessLogFormat = (typeof ACCESS_LOG_FORMATS)[number];

export interface AccessLogOptions {
  /** A path, or "-" for standard output. The workers append to it together, in whole lines. */
  readonly file: string;
  /** "combined", the default: a line as nginx writes it and the seconds behind it; or "json". */
  readonly format?: AccessLogFormat | undefined;
}

/** What a listener may be told about it; see http(). */
export interface RequestLogOptions {
  /**
   * A line for each request, answered or refused: the path of a file, or that and a format. SIGHUP
   * and reload() open it anew. Default: none.
   */
  readonly accessLog?: string | AccessLogOptions | undefined;
  /**
   * Puts an X-Request-Id into every answer: the request's own if it has a sane one (at most 64
   * letters, digits and -_.:+/=~), or else a new one. Default false.
   */
  readonly requestId?: boolean | undefined;
  /** A request whose answer begins so many milliseconds after its head was read, or later, is
   *  reported as a warning. Default 0: none is. */
  readonly slowRequestMs?: number | undefined;
}

const SLOW_REQUEST_MS_MAX: number = 2 ** 31 - 1;

/** What is wrong with them, as the end of a message, or null. */
export function requestLogProblem(options: RequestLogOptions): string | null {
  const { accessLog, requestId, slowRequestMs } = options;
  if (accessLog !== undefined) {
    const { file, format }: Partial<AccessLogOptions> =
      typeof accessLog === "object" && accessLog !== null ? accessLog : { file: accessLog };
    if (typeof file !== "string" || file === "" || file.includes("\0")) {
      return 'accessLog must be a path or "-", or { file, format }';
    }
    if (format !== undefined && !ACCESS_LOG_FORMATS.includes(format)) {
      return `accessLog.format must be one of ${ACCESS_LOG_FORMATS.join(", ")}`;
    }
  }
  if (requestId !== undefined && typeof requestId !== "boolean") {
    return "requestId must be true or false";
  }
  if (slowRequestMs === undefined) return null;
  const isTime =
    Number.isInteger(slowRequestMs) && slowRequestMs >= 0 && slowRequestMs <= SLOW_REQUEST_MS_MAX;
  return isTime ? null : `slowRequestMs: ${slowRequestMs} is not between 0 and 2147483647`;
}

/** With an absolute path and a format, so that it means the same in every worker. */
export function resolveAccessLog(
  accessLog: string | AccessLogOptions,
): AccessLogOptions & { readonly format: AccessLogFormat } {
  const { file, format }: AccessLogOptions =
    typeof accessLog === "string" ? { file: accessLog } : accessLog;
  const path = file === "-" || isAbsolute(file) ? file : resolve(file);
  return { file: path, format: format ?? "combined" };
}
