// A URL as a load tester reads it: where to connect, and what to ask for there. Wrong ones are the
// user's error, with the reason.

import { isIP } from "node:net";
import { MillraceError } from "../core/errors.ts";

const URL_CHARACTERS_MAX = 8000;
const WEIGHT_MAX = 10_000;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443, "tcp:": 0 };

export interface Target {
  readonly url: string;
  readonly protocol: "http" | "https" | "tcp";
  readonly weight: number;
  /** Without the brackets of IPv6. */
  readonly hostname: string;
  readonly port: number;
  /** As Host carries it: without the port where it is the scheme's own. */
  readonly authority: string;
  /** Path and query; "" for tcp. */
  readonly path: string;
  /** "Basic ..." of a user and a password in the URL, or null. */
  readonly authorization: string | null;
}

/** "http://host/path" or, with a weight, "3=http://host/path". */
export function parseTarget(text: string): Target {
  const weighted = /^(\d{1,9})=(.+)$/.exec(text);
  const weight = weighted === null ? 1 : Number(weighted[1]);
  if (weight < 1 || weight > WEIGHT_MAX) {
    throw refuse(text, `a weight is a number between 1 and ${WEIGHT_MAX}`);
  }
  const url = weighted === null ? text : weighted[2]!;
  if (url.length > URL_CHARACTERS_MAX) {
    throw refuse(`${url.slice(0, 40)}...`, `longer than ${URL_CHARACTERS_MAX} characters`);
  }
  if (!url.includes("://")) throw refuse(url, 'it has no scheme, such as "http://"');
  if (/[\s\u0000-\u001f\u007f]/.test(url)) throw refuse(url, "a blank or control character in it");
  return targetOf(url, weight);
}

function targetOf(url: string, weight: number): Target {
  // The runtime parses hosts only of the schemes it knows: tcp is read as http is.
  const isTcp = /^tcp:\/\//i.test(url);
  if (!isTcp && !/^https?:\/\//i.test(url)) throw refuse(url, "only http, https and tcp are known");
  const parsed = URL.parse(isTcp ? url.replace(/^tcp/i, "http") : url);
  if (parsed === null) throw refuse(url, "it is malformed");
  const protocol = isTcp ? "tcp" : parsed.protocol === "https:" ? "https" : "http";
  const port = portOf(url, parsed, protocol);
  const hostname = parsed.hostname.replace(/^\[(.*)\]$/, "$1");
  const path = protocol === "tcp" ? "" : `${parsed.pathname}${parsed.search}`;
  const authority = `${parsed.hostname}${port === DEFAULT_PORTS[`${protocol}:`] ? "" : `:${port}`}`;
  return { url, protocol, weight, hostname, port, authority, path, authorization: basic(parsed) };
}

function portOf(url: string, parsed: URL, protocol: string): number {
  if (protocol === "tcp") {
    // Port 80 is what the parser leaves out.
    const port = parsed.port === "" ? (/:0*80(?:\/|$)/.test(url) ? 80 : 0) : Number(parsed.port);
    if (port === 0) throw refuse(url, "tcp needs a port above 0");
    return port;
  }
  const port = parsed.port === "" ? DEFAULT_PORTS[`${protocol}:`]! : Number(parsed.port);
  if (port === 0) throw refuse(url, "a port is above 0");
  return port;
}

function basic({ username, password }: URL): string | null {
  if (username === "" && password === "") return null;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

function refuse(url: string, reason: string): MillraceError {
  return new MillraceError("ERR_USAGE", `Cannot use the URL "${url}": ${reason}`);
}

/** Whether a host name needs no resolver. */
export function isAddress(hostname: string): boolean {
  return isIP(hostname) !== 0;
}
