// What lies between a listener's socket and its protocol: nothing, a TLS handshake, or a PROXY
// header. Both kinds of listeners take these options; they are checked when a listener is made, and
// certificates are read when a worker loads.

import { MillraceError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Protocol } from "../net/protocol.ts";
import { ProxyPreamble } from "../net/proxy-preamble.ts";
import type { ProxyProtocol } from "../net/proxy-protocol.ts";
import { expiryMs, loadTls, type TlsMaterial, type TlsOptions } from "../net/tls.ts";
import { TlsHandshake } from "../net/tls-handshake.ts";
import type { Service } from "./service.ts";

const DAY_MS = 86_400_000;
const EXPIRY_NEWS_DAYS = 14;

export interface TransportOptions {
  /** Speaks TLS: `cert` and `key` as paths or PEM text. SIGHUP and reload() read them again. */
  readonly tls?: TlsOptions;
  /**
   * Every connection begins with a PROXY header, v1, v2 or either (true), and `remoteAddress` is
   * what it says. Only for a listener that nobody but the load balancer can reach. Not with tls.
   */
  readonly proxyProtocol?: ProxyProtocol;
}

export interface Transport {
  readonly tls: TlsMaterial | null;
  wrap(protocol: Protocol): Protocol;
}

/** Throws a TypeError for what cannot be; `kind` is "http" or "tcp". */
export function checkTransport(kind: string, options: TransportOptions): void {
  const { tls, proxyProtocol } = options;
  const refuse = (why: string) => new TypeError(`Cannot make ${article(kind)} listener: ${why}`);
  const known: readonly unknown[] = [undefined, true, "v1", "v2"];
  if (!known.includes(proxyProtocol)) throw refuse('proxyProtocol must be true, "v1" or "v2"');
  if (tls === undefined) return;
  if (proxyProtocol !== undefined) throw refuse(CONFLICT);
  for (const name of ["cert", "key"] as const) {
    if (typeof tls[name] !== "string" || tls[name] === "") {
      throw refuse(`tls.${name} must be a path or PEM text`);
    }
  }
}

/** Whether every connection begins with a header of the proxy's. */
export function wantsProxyHeader(options: TransportOptions): boolean {
  return options.proxyProtocol !== undefined;
}

/** Reads the certificates; throws MillraceError ERR_TLS, ERR_USAGE for tls with PROXY headers.
 *  What comes before the protocol may take `openingMs`; 0 is no limit. */
export function openTransport(options: TransportOptions, openingMs: number, log: Log): Transport {
  const { tls, proxyProtocol } = options;
  const timeoutMs = openingMs || Infinity;
  if (tls !== undefined) {
    if (proxyProtocol !== undefined) throw new MillraceError("ERR_USAGE", `tls: ${CONFLICT}`);
    const material = loadTls(tls);
    tellExpiry(material, log);
    const needsCertificate = tls.ca !== undefined;
    const wrap = (protocol: Protocol) => new TlsHandshake(protocol, needsCertificate, timeoutMs);
    return { tls: material, wrap };
  }
  if (proxyProtocol === undefined) return { tls: null, wrap: (protocol) => protocol };
  return { tls: null, wrap: (protocol) => new ProxyPreamble(protocol, proxyProtocol, timeoutMs) };
}

const CONFLICT = "proxyProtocol and tls exclude each other: let the load balancer end TLS";

/** The service with TLS on its main listener: its first HTTP listener, or else its first. */
export function secureMain(service: Service, tls: TlsOptions | undefined): Service {
  if (tls === undefined) return service;
  const main = Math.max(
    service.listeners.findIndex(({ kind }) => kind === "http"),
    0,
  );
  const listeners = service.listeners.map((listener, index) =>
    index === main ? { ...listener, tls } : listener,
  );
  return { ...service, listeners };
}

function tellExpiry(material: TlsMaterial, log: Log): void {
  const days = Math.floor((expiryMs(material) - Date.now()) / DAY_MS);
  if (days < 0) log.warn("the TLS certificate has expired");
  else if (days < EXPIRY_NEWS_DAYS) log.warn(`the TLS certificate expires in ${days} days`);
}

function article(kind: string): string {
  return kind === "http" ? "an http" : `a ${kind}`;
}
