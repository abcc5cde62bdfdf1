// A second reading of RFC 9110 and 9112, for comparison only: regular expressions over a whole text
// in place of a state machine over pieces, slow and plain. It says what a request head or a chunked
// body means, or null if it is malformed, incomplete or beyond a limit.

import { isIPv6 } from "node:net";

import { REQUEST_LIMITS_DEFAULT } from "../../src/http/http-limits.ts";

export interface ReferenceHead {
  method: string;
  target: string;
  path: string;
  query: string;
  versionMinor: number;
  host: string | null;
  headers: [string, string][];
  bodyKind: number;
  contentLength: number;
  keepAlive: boolean;
  expectContinue: boolean;
  upgrade: boolean;
  headBytes: number;
}

const TCHAR = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const TEXT = "[\\t\\x20-\\x7e\\x80-\\xff]";
const HEAD = new RegExp(
  `^(?:\\r\\n){0,8}(${TCHAR}{1,32}) ([\\x21-\\x7e]+) HTTP/1\\.([0-9])\\r\\n` +
    `((?:${TCHAR}+:${TEXT}*\\r\\n)*)\\r\\n`,
);
const REG_NAME = /^(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+$/;
const ORIGIN = /^(\/[^?#]*)(?:\?([^#]*))?(?:#.*)?$/;
const ABSOLUTE = /^https?:\/\/(?:[^/?#]*@)?([^/?#@]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?$/i;

/** The head at the beginning of `text`, or null. Anything may follow it. */
export function referenceHead(text: string): ReferenceHead | null {
  const match = HEAD.exec(text);
  if (match === null) return null;
  const [whole, method, target, minor, section] = match as unknown as string[];
  const versionMinor = minor === "0" ? 0 : 1;
  const headers = fieldsOf(section!);
  const parts = partsOf(method!, target!);
  const host = effectiveHost(headers, parts?.host ?? null, versionMinor);
  const body = framingOf(headers, versionMinor);
  if (isBeyondLimits(whole!, target!, section!)) return null;
  if (parts === null || host === undefined || body === null) return null;
  const expectation = membersOf(headers, "expect");
  if (expectation.some((member) => member !== "100-continue")) return null;
  const options = membersOf(headers, "connection");
  const isClosed = options.includes("close");
  return {
    method: method!,
    target: target!,
    path: parts.path,
    query: parts.query,
    versionMinor,
    host,
    headers,
    ...body,
    keepAlive: !isClosed && (versionMinor === 1 || options.includes("keep-alive")),
    expectContinue: versionMinor === 1 && expectation.length > 0 && body.bodyKind !== 0,
    upgrade:
      versionMinor === 1 && options.includes("upgrade") && valuesOf(headers, "upgrade").length > 0,
    headBytes: whole!.length,
  };
}

function fieldsOf(section: string): [string, string][] {
  const lines = section.split("\r\n").slice(0, -1);
  return lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")];
  });
}

function isBeyondLimits(whole: string, target: string, section: string): boolean {
  const limits = REQUEST_LIMITS_DEFAULT;
  const lines = section.split("\r\n").slice(0, -1);
  const isLong = lines.some((line) => line.length > limits.headerBytesMax);
  const isMany = lines.length > limits.headersMax;
  return (
    isLong || isMany || whole.length > limits.headBytesMax || target.length > limits.targetBytesMax
  );
}

function partsOf(
  method: string,
  target: string,
): { host: string | null; path: string; query: string } | null {
  if (target.startsWith("/")) {
    const [, path, query] = ORIGIN.exec(target)!;
    return { host: null, path: path!, query: query ?? "" };
  }
  if (method === "CONNECT") {
    return isAuthority(target) && /:[0-9]+$/.test(target)
      ? { host: target, path: "", query: "" }
      : null;
  }
  if (target === "*")
    return !/^(?:GET|HEAD|POST|PUT|DELETE|PATCH|TRACE)$/.test(method)
      ? { host: null, path: "*", query: "" }
      : null;
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null || !isAuthority(absolute[1]!)) return null;
  return { host: absolute[1]!, path: absolute[2] || "/", query: absolute[3] ?? "" };
}

function isAuthority(text: string): boolean {
  const match = /^(.*?)(?::([0-9]*))?$/s.exec(text.startsWith("[") ? text.slice(1) : text)!;
  const port = text.startsWith("[") ? /\](?::([0-9]*))?$/.exec(text)?.[1] : match[2];
  if (Number(port ?? 0) > 65_535) return false;
  if (!text.startsWith("[")) return REG_NAME.test(match[1]!);
  const literal = /^\[([0-9A-Fa-f:.]*)\](?::[0-9]*)?$/.exec(text);
  return literal !== null && isIPv6(literal[1]!);
}

function valuesOf(headers: [string, string][], name: string): string[] {
  return headers.filter(([found]) => found.toLowerCase() === name).map(([, value]) => value);
}

function membersOf(headers: [string, string][], name: string): string[] {
  return valuesOf(headers, name)
    .flatMap((value) => value.split(","))
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase())
    .filter((member) => member !== "");
}

// The authority, null if there is none and none is needed, undefined if it is wrong.
function effectiveHost(
  headers: [string, string][],
  fromTarget: string | null,
  versionMinor: number,
): string | null | undefined {
  const hosts = valuesOf(headers, "host");
  if (hosts.length > 1 || hosts.some((host) => !isAuthority(host))) return undefined;
  if (hosts.length === 0 && versionMinor === 1) return undefined;
  return fromTarget ?? hosts[0] ?? null;
}

function framingOf(
  headers: [string, string][],
  versionMinor: number,
): { bodyKind: number; contentLength: number } | null {
  const lengths = valuesOf(headers, "content-length");
  const codings = valuesOf(headers, "transfer-encoding");
  if (lengths.length + codings.length > 1) return null;
  if (codings.length === 1) {
    const isChunked = versionMinor === 1 && codings[0]!.toLowerCase() === "chunked";
    return isChunked ? { bodyKind: 2, contentLength: 0 } : null;
  }
  if (lengths.length === 0) return { bodyKind: 0, contentLength: 0 };
  if (!/^[0-9]+$/.test(lengths[0]!)) return null;
  const contentLength = BigInt(lengths[0]!);
  if (contentLength > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return { bodyKind: contentLength > 0n ? 1 : 0, contentLength: Number(contentLength) };
}

const QUOTED =
  '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*"';
const SPACE = "[ \\t]*";
const EXTENSION = `${SPACE};${SPACE}${TCHAR}+` + `(?:${SPACE}=${SPACE}(?:${TCHAR}+|${QUOTED}))?`;
const SIZE_LINE = new RegExp(`^0*([0-9A-Fa-f]+)(?:${EXTENSION})*\\r\\n`);
const TRAILERS = new RegExp(`^((?:${TCHAR}+:${TEXT}*\\r\\n)*)\\r\\n`);

/** A complete chunked body at the beginning of `text`, limits aside, or null. */
export function referenceChunked(text: string): { body: string; consumed: number } | null {
  let body = "";
  let at = 0;
  for (;;) {
    const line = SIZE_LINE.exec(text.slice(at));
    if (line === null) return null;
    const size = Number.parseInt(line[1]!, 16);
    at += line[0].length;
    if (size === 0) break;
    if (at + size + 2 > text.length || text.slice(at + size, at + size + 2) !== "\r\n") return null;
    body += text.slice(at, at + size);
    at += size + 2;
  }
  const trailers = TRAILERS.exec(text.slice(at));
  return trailers === null ? null : { body, consumed: at + trailers[0].length };
}
