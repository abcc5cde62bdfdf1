// The header of the PROXY protocol (haproxy's proxy-protocol.txt), in which a load balancer says
// for whom it connects. Sans-I/O, both versions; the peer's mistakes are PROXY_ERROR, never thrown.
//
//   v1   "PROXY" SP "TCP4" | "TCP6" SP source SP destination SP port SP port CRLF    <= 107 bytes
//        "PROXY UNKNOWN" anything CRLF
//   v2   | signature 12 | version 4 bits, command 4 | family 4, transport 4 | length 2 |
//        | source | destination | port 2 | port 2 | TLVs, skipped |      all of it `length` bytes
//
// Invariant: no byte beyond the header is consumed, and a first byte that cannot be right is
// refused at once, without waiting for more.

import { isIPv4, isIPv6 } from "node:net";
import { formatIPv6 } from "./socket-address.ts";
import { latin1Slice } from "../core/latin1.ts";
import { PROXY_HEADER_BYTES_MAX } from "../core/limits.ts";
import type { PeerAddress } from "./protocol.ts";

/** The header is not complete: come again with the same bytes and more behind them. */
export const PROXY_MORE = 0;
/** `origin` and `position` are set. */
export const PROXY_READY = 1;
/** This is no header; nothing after it makes sense. */
export const PROXY_ERROR = 2;

/** Which versions are understood; true is both. */
export type ProxyProtocol = true | "v1" | "v2";

const V1_PREFIX: Buffer = Buffer.from("PROXY ");
const V1_BYTES_MAX = 107; // with CRLF, by the specification
const V2_SIGNATURE: Buffer = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
const V2_HEAD_BYTES = 16;

const COMMAND_LOCAL = 0x20; // with the version, 2, in the high bits
const COMMAND_PROXY = 0x21;
const FAMILY_UNSPEC = 0x00;
const FAMILY_TCP4 = 0x11;
const FAMILY_TCP6 = 0x21;
/** What an address block must hold at least, by family and transport; all else is no header. */
const BLOCK_BYTES: ReadonlyMap<number, number> = new Map([
  [FAMILY_UNSPEC, 0],
  [FAMILY_TCP4, 12],
  [0x12, 12],
  [FAMILY_TCP6, 36],
  [0x22, 36],
  [0x31, 216],
  [0x32, 216],
]);

const CR = 0x0d;
const LF = 0x0a;

export class ProxyHeader {
  /** After PROXY_READY: who is behind the proxy; null when it speaks for itself or does not say. */
  origin: PeerAddress | null = null;
  /** After PROXY_READY: where the stream proper begins. */
  position = 0;
  private readonly version: ProxyProtocol;

  constructor(version: ProxyProtocol = true) {
    this.version = version;
  }

  /** Looks for the header in bytes[start, end): all that has come of it so far. */
  next(bytes: Buffer, start: number, end: number): number {
    if (start === end) return PROXY_MORE;
    if (this.version !== "v2" && startsLike(bytes, start, end, V1_PREFIX)) {
      return this.nextText(bytes, start, end);
    }
    if (this.version !== "v1" && startsLike(bytes, start, end, V2_SIGNATURE)) {
      return this.nextBinary(bytes, start, end);
    }
    return PROXY_ERROR;
  }

  private nextText(bytes: Buffer, start: number, end: number): number {
    const last = Math.min(end, start + V1_BYTES_MAX);
    let at = start;
    while (at < last && bytes[at] !== LF) at++;
    if (at === last) return last === end && end - start < V1_BYTES_MAX ? PROXY_MORE : PROXY_ERROR;
    if (at === start || bytes[at - 1] !== CR) return PROXY_ERROR;
    this.position = at + 1;
    return this.readText(latin1Slice(bytes, start, at - 1));
  }

  private readText(line: string): number {
    const [, family, source, destination, port, destinationPort, ...rest] = line.split(" ");
    if (family === "UNKNOWN") return PROXY_READY;
    const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isPlainIPv6 : () => false;
    if (source === undefined || !isAddress(source) || !isAddress(destination ?? "")) {
      return PROXY_ERROR;
    }
    if (!isPort(port) || !isPort(destinationPort) || rest.length > 0) return PROXY_ERROR;
    this.origin = { address: source.toLowerCase(), port: Number(port) };
    return PROXY_READY;
  }

  private nextBinary(bytes: Buffer, start: number, end: number): number {
    const count = end - start;
    const command = bytes[start + 12]!;
    if (count > 12 && command !== COMMAND_LOCAL && command !== COMMAND_PROXY) return PROXY_ERROR;
    const family = bytes[start + 13]!;
    const least = BLOCK_BYTES.get(family);
    if (count > 13 && command === COMMAND_PROXY && least === undefined) return PROXY_ERROR;
    if (count < V2_HEAD_BYTES) return PROXY_MORE;
    const length = bytes.readUInt16BE(start + 14);
    if (V2_HEAD_BYTES + length > PROXY_HEADER_BYTES_MAX) return PROXY_ERROR;
    if (command === COMMAND_PROXY && length < least!) return PROXY_ERROR;
    if (count < V2_HEAD_BYTES + length) return PROXY_MORE;
    this.position = start + V2_HEAD_BYTES + length;
    if (command === COMMAND_PROXY) this.readBlock(bytes, start + V2_HEAD_BYTES, family);
    return PROXY_READY;
  }

  /** What is not TCP over IP is valid, but says nothing that is of use here. */
  private readBlock(bytes: Buffer, at: number, family: number): void {
    if (family === FAMILY_TCP4) {
      const address = `${bytes[at]!}.${bytes[at + 1]!}.${bytes[at + 2]!}.${bytes[at + 3]!}`;
      this.origin = { address, port: bytes.readUInt16BE(at + 8) };
    } else if (family === FAMILY_TCP6) {
      this.origin = { address: formatIPv6(bytes, at), port: bytes.readUInt16BE(at + 32) };
    }
  }
}

/** Whether bytes[start, end) and `prefix` agree as far as both go. */
function startsLike(bytes: Buffer, start: number, end: number, prefix: Buffer): boolean {
  const count = Math.min(end - start, prefix.length);
  for (let index = 0; index < count; index++) {
    if (bytes[start + index] !== prefix[index]) return false;
  }
  return true;
}

function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes("%"); // a scope means nothing on another machine
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}
