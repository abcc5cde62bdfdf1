// Where a socket listens: an Internet address with a port, or a path of the file system. Names are
// resolved before (resolve-host.ts); here a host is an IP literal. Encoding is Linux's:
//
//   sockaddr_in   | family 2 | port 2, big endian | address 4 | zero 8 |                   16
//   sockaddr_in6  | family 2 | port 2, big endian | flow 4 | address 16 | scope 4 |         28
//   sockaddr_un   | family 2 | path, NUL |                                          at most 110

import { isIPv4, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

export interface InetAddress {
  readonly kind: "inet";
  /** An IPv4 or IPv6 literal, without brackets; a scope may follow: fe80::1%eth0. */
  readonly host: string;
  readonly port: number;
  /** "::" takes IPv4 connections too unless this is set. */
  readonly ipv6Only: boolean;
}

export interface UnixAddress {
  readonly kind: "unix";
  readonly path: string;
}

export type SocketAddress = InetAddress | UnixAddress;

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const PORT_MAX = 65_535;
export const UNIX_PATH_BYTES_MAX = 107; // sun_path is 108 bytes with its NUL

export function familyOf(address: SocketAddress): number {
  if (address.kind === "unix") return AF_UNIX;
  return isIPv4(address.host) ? AF_INET : AF_INET6;
}

/** "127.0.0.1:80", "[::1]:80" or "unix:/run/app.sock": for messages and for URLs. */
export function formatAddress(address: SocketAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return formatHostPort(address.host, address.port);
}

export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reads "host:port", "[v6]:port", ":port" or "port"; null if it is none of them. */
export function parseHostPort(
  text: string,
  hostDefault: string,
): { host: string; port: number } | null {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const port = Number(match[3]);
  if (port > PORT_MAX) return null;
  if (match[1] !== undefined && !isIPv6(match[1])) return null;
  return { host: match[1] ?? (match[2] || hostDefault), port };
}

/** The bytes of a struct sockaddr; throws RangeError where no such address can be. */
export function encodeSocketAddress(address: SocketAddress): Uint8Array {
  if (address.kind === "unix") return encodeUnix(address.path);
  requirePort(address.port);
  if (isIPv4(address.host)) return encodeInet(address.host, address.port);
  if (isIPv6(address.host)) return encodeInet6(address.host, address.port);
  throw new RangeError(`"${address.host}" is not an IP address`);
}

/** The port of an encoded Internet address. */
export function decodePort(bytes: Uint8Array): number {
  return wordAt(bytes, 2);
}

/** Who is at the other end, of an encoded address; nobody's name for a Unix socket. */
export function decodeAddress(bytes: Uint8Array): { address: string; port: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const family = view.getUint16(0, isLittle());
  if (family === AF_INET)
    return { address: bytes.subarray(4, 8).join("."), port: decodePort(bytes) };
  if (family !== AF_INET6) return { address: "", port: 0 };
  return { address: formatIPv6(bytes, 8), port: decodePort(bytes) };
}

/** The text of 16 bytes as RFC 5952 has it: the longest run of zero groups is "::". */
export function formatIPv6(bytes: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => wordAt(bytes, at + 2 * index));
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return `::ffff:${bytes.subarray(at + 12, at + 16).join(".")}`;
  const text = groups.map((group) => group.toString(16)).join(":");
  const runs = text.match(/\b0(?::0)+\b/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest === "") return text;
  const start = text.search(new RegExp(`\\b${longest}\\b`));
  const [before, after] = [text.slice(0, start), text.slice(start + longest.length)];
  return `${before.replace(/:$/, "")}::${after.replace(/^:/, "")}`;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function requirePort(port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= PORT_MAX) return;
  throw new RangeError(`port must be 0..${PORT_MAX}`);
}

function encodeUnix(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  if (name.length === 0) throw new RangeError("the path is empty");
  if (name.includes(0)) throw new RangeError("the path holds a NUL");
  if (name.length > UNIX_PATH_BYTES_MAX) {
    throw new RangeError(`the path is longer than ${UNIX_PATH_BYTES_MAX} bytes`);
  }
  const bytes = new Uint8Array(2 + name.length + 1);
  setFamily(bytes, AF_UNIX);
  bytes.set(name, 2);
  return bytes;
}

function encodeInet(host: string, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  setFamily(bytes, AF_INET);
  setPort(bytes, port);
  bytes.set(host.split(".").map(Number), 4);
  return bytes;
}

function encodeInet6(host: string, port: number): Uint8Array {
  const [literal = "", scope] = host.split("%");
  const bytes = new Uint8Array(28);
  setFamily(bytes, AF_INET6);
  setPort(bytes, port);
  const words = expandIpv6(literal);
  words.forEach((word, index) => bytes.set([word >> 8, word & 0xff], 8 + 2 * index));
  if (scope !== undefined) new DataView(bytes.buffer).setUint32(24, scopeId(scope), isLittle());
  return bytes;
}

function setFamily(bytes: Uint8Array, family: number): void {
  new DataView(bytes.buffer).setUint16(0, family, isLittle());
}

function setPort(bytes: Uint8Array, port: number): void {
  new DataView(bytes.buffer).setUint16(2, port, false);
}

function isLittle(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
}

/** The eight words of a literal that isIPv6 has passed. */
function expandIpv6(literal: string): number[] {
  const [head = "", tail] = literal.split("::");
  const before = ipv6Words(head);
  if (tail === undefined) return before;
  const after = ipv6Words(tail);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function ipv6Words(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function scopeId(scope: string): number {
  if (/^\d+$/.test(scope)) return Number(scope);
  const found = networkInterfaces()[scope]?.find((entry) => entry.family === "IPv6");
  if (found?.scopeid === undefined) throw new RangeError(`there is no interface "${scope}"`);
  return found.scopeid;
}
