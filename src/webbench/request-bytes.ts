// The bytes of a request, built once and sent as they are. In the classic form they are those of
// webbench 1.5, with the port in Host, which that one leaves out (`compat` leaves it out too).
//
//   GET /path HTTP/1.0 CRLF User-Agent: WebBench 1.5 CRLF Host: host:port CRLF
//   [Pragma: no-cache CRLF] [Connection: close CRLF] CRLF

import { MillraceError } from "../core/errors.ts";
import type { Target } from "./target.ts";

export type HttpVersion = "0.9" | "1.0" | "1.1";

export interface RequestForm {
  readonly method: string;
  readonly version: HttpVersion;
  /** A connection for every request. */
  readonly closes: boolean;
  /** The header lines of webbench 1.5. */
  readonly isClassic: boolean;
  readonly isCompat: boolean;
  readonly reload: boolean;
  /** Through a proxy: the request names the whole URL. */
  readonly viaProxy: boolean;
  /** "Name: value", in their order; one of ours that is named again is left out. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const HEADER = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

export function buildRequest(target: Target, form: RequestForm): Buffer {
  const where = form.viaProxy ? `http://${target.authority}${target.path}` : target.path;
  if (form.version === "0.9") return Buffer.from(`${form.method} ${where}\r\n`, "latin1");
  const given = form.headers.map(parseHeader);
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  const ours = ownHeaders(target, form).filter(([name]) => !names.has(name.toLowerCase()));
  const lines = [...ours, ...given].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = `${form.method} ${where} HTTP/${form.version}\r\n${lines}\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), form.body ?? Buffer.alloc(0)]);
}

/** Throws MillraceError ERR_USAGE. */
export function checkMethod(method: string): string {
  if (TOKEN.test(method)) return method;
  throw new MillraceError("ERR_USAGE", `Cannot use the method "${method}": it is no token`);
}

/** ["Name", "value"] of "Name: value"; throws MillraceError ERR_USAGE. */
export function parseHeader(line: string): [string, string] {
  const match = HEADER.exec(line);
  if (match !== null) return [match[1]!, match[2]!.trimEnd()];
  const reason = 'it must be "Name: value", without control characters';
  throw new MillraceError("ERR_USAGE", `Cannot send the header "${line}": ${reason}`);
}

function ownHeaders(target: Target, form: RequestForm): [string, string][] {
  const headers: [string, string][] = [];
  const agent = form.isClassic ? "WebBench 1.5" : "millrace-webbench";
  const host: [string, string] = ["Host", form.isCompat ? target.hostname : target.authority];
  // The order of the original, and the usual one.
  if (form.isClassic) headers.push(["User-Agent", agent], host);
  else headers.push(host, ["User-Agent", agent]);
  if (form.reload) headers.push(["Pragma", "no-cache"]);
  if (form.closes && form.version === "1.1") headers.push(["Connection", "close"]);
  if (!form.closes && form.version === "1.0") headers.push(["Connection", "keep-alive"]);
  if (target.authorization !== null) headers.push(["Authorization", target.authorization]);
  if (form.body !== null) headers.push(["Content-Length", String(form.body.length)]);
  return headers;
}

/** A payload behind its length, big-endian, in `prefixBytes` bytes. */
export function framePayload(payload: Uint8Array, prefixBytes: number): Buffer {
  if (payload.length >= 256 ** prefixBytes) {
    const text = `a payload of ${payload.length} bytes has no length of ${prefixBytes} bytes`;
    throw new MillraceError("ERR_USAGE", `Cannot frame the payload: ${text}`);
  }
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUIntBE(payload.length, 0, prefixBytes);
  return Buffer.concat([prefix, payload]);
}
