// Status codes: reason phrases (RFC 9110 15 and the IANA registry), and status lines as bytes made
// once. An unregistered code gets an empty phrase; the space before it stays (RFC 9112 4).

import { ascii } from "./syntax.ts";

const STATUS_MAX = 999;

const REASONS: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  208: "Already Reported",
  226: "IM Used",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  418: "I'm a teapot",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  424: "Failed Dependency",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  509: "Bandwidth Limit Exceeded",
  510: "Not Extended",
  511: "Network Authentication Required",
};

const LINES: (Uint8Array | null)[] = new Array<Uint8Array | null>(STATUS_MAX + 1).fill(null);

/** The reason phrase of a status; an empty string for an unregistered one. */
export function reasonPhrase(status: number): string {
  return REASONS[status] ?? "";
}

/** "HTTP/1.1 200 OK\r\n" as bytes, the same object each time. `status` is 100..999. */
export function statusLine(status: number): Uint8Array {
  const line = LINES[status];
  if (line !== undefined && line !== null) return line;
  return (LINES[status] = ascii(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`));
}

/** Whether a response of this status never has a body, whatever its fields say (RFC 9112 6.3). */
export function bodyForbidden(status: number): boolean {
  return status < 200 || status === 204 || status === 304;
}
