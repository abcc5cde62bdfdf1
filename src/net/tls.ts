// TLS as a listener needs it: what the user says, turned into PEM texts that are known to fit each
// other. Read in each worker when it loads, so that a reload brings a new certificate and a wrong
// one ends the reload, not the server.
//
// How Bun 1.4.5 behaves with tls, measured; the socket and the handlers are those of plain TCP:
//   open        at accept, before the handshake: write() takes 0 bytes, remoteAddress is known
//   handshake   once: (true, error) where error is about the client's certificate and always set
//               without one; (false, error) and then close when the peer speaks no TLS, leaves, or
//               is terminated by us; after a reset only close, with the error
//   write       takes all or 0, at most 128 KiB a call; what the kernel refuses of it stays in Bun,
//               leaves before any later byte, and drain follows. A retry may be of other bytes
//   shutdown    close_notify and FIN behind all that was taken; reading goes on; write is -1
//   close       the same, waits up to 12 s for what was taken; after shutdown() at once
//   end         on the peer's close_notify or FIN: a stream that was cut looks the same
//   pause       holds plaintext and FIN back; resume() gives them
//   error       EPROTO without a syscall when a record is broken, then close: not our bug, though
//               what a handler throws comes the same way
//   Bun.listen  throws for what is no PEM or does not fit, but takes a missing key or cert
// After the handshake a socket can be upgraded (upgradeTLS, isServer), but not with bytes that have
// been read already: so there is no PROXY header before TLS.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { messageOf, MillraceError } from "../core/errors.ts";

export interface TlsOptions {
  /** The certificate, with its intermediates behind it: PEM text, or the path of a file. */
  readonly cert: string;
  /** Its private key: PEM text, or the path of a file. */
  readonly key: string;
  /** For a key that is encrypted. */
  readonly passphrase?: string;
  /** PEM text or a path: clients must show a certificate that one of these has signed. */
  readonly ca?: string;
}

/** What Bun.listen takes as `tls`. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string;
  readonly ca?: string;
  readonly requestCert?: boolean;
  readonly rejectUnauthorized?: boolean;
}

/** Reads and checks; throws MillraceError ERR_TLS that names the file. */
export function loadTls(options: TlsOptions): TlsMaterial {
  requireText("cert", options.cert);
  requireText("key", options.key);
  const certificate = nameOf("certificate", options.cert);
  const cert = read(certificate, options.cert);
  const leaf = parse(certificate, () => new X509Certificate(cert));
  const { passphrase } = options;
  const name = nameOf("key", options.key);
  const key = read(name, options.key);
  const secret = parse(name, () => parseKey(key, passphrase));
  if (!leaf.checkPrivateKey(secret)) throw failure(name, `it does not fit the ${certificate}`);
  const material = { cert, key, ...(passphrase === undefined ? {} : { passphrase }) };
  if (options.ca === undefined) return material;
  const authority = nameOf("CA certificate", options.ca);
  const ca = read(authority, options.ca);
  parse(authority, () => new X509Certificate(ca));
  return { ...material, ca, requestCert: true, rejectUnauthorized: true };
}

/** When the certificate ends, in milliseconds since 1970. */
export function expiryMs(material: TlsMaterial): number {
  return Date.parse(new X509Certificate(material.cert).validTo);
}

/** Whether an error of a socket is about its TLS records: the peer's fault. */
export function isTlsError(error: Error): boolean {
  return "code" in error && error.code === "EPROTO";
}

function parseKey(key: string, passphrase: string | undefined): KeyObject {
  return createPrivateKey({
    key,
    format: "pem",
    ...(passphrase === undefined ? {} : { passphrase }),
  });
}

function requireText(name: string, value: unknown): void {
  if (typeof value === "string" && value !== "") return;
  throw new TypeError(`Cannot use tls: ${name} must be a path or PEM text`);
}

function isPem(text: string): boolean {
  return text.includes("-----BEGIN ");
}

function nameOf(what: string, source: string): string {
  return isPem(source) ? `given ${what}` : `${what} "${source}"`;
}

function read(name: string, source: string): string {
  if (isPem(source)) return source;
  try {
    return readFileSync(source, "utf8");
  } catch (error) {
    throw failure(name, reasonOf(error), error);
  }
}

function parse<Result>(name: string, step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    throw failure(name, `it is not valid PEM (${messageOf(error)})`, error);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : "";
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES") return "it may not be read";
  return code === "EISDIR" ? "it is a folder" : messageOf(error);
}

function failure(name: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError("ERR_TLS", `Cannot use the ${name}: ${why}`, cause);
}
