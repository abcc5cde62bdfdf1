import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MillraceError } from "../../src/core/errors.ts";
import { expiryMs, isTlsError, loadTls, type TlsOptions } from "../../src/net/tls.ts";
import * as pem from "./tls-certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-tls-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

function refusal(options: TlsOptions): string {
  try {
    loadTls(options);
  } catch (error) {
    if (error instanceof MillraceError) return `${error.code} ${error.message}`;
    return String(error);
  }
  return "";
}

const cert = pem.FIRST_CERT;
const key = pem.FIRST_KEY;

describe("loadTls", () => {
  test("takes PEM text and paths of files, and gives PEM text", () => {
    expect(loadTls({ cert, key })).toEqual({ cert, key });
    const paths = { cert: file("cert.pem", cert), key: file("key.pem", key) };
    expect(loadTls(paths)).toEqual({ cert, key });
  });

  test("takes an encrypted key with its passphrase", () => {
    const encrypted = { cert, key: pem.FIRST_KEY_ENCRYPTED };
    const { passphrase } = loadTls({ ...encrypted, passphrase: pem.PASSPHRASE });
    expect(passphrase).toBe(pem.PASSPHRASE);
    expect(refusal(encrypted)).toStartWith("ERR_TLS Cannot use the given key: ");
    expect(refusal({ ...encrypted, passphrase: "no" })).toStartWith("ERR_TLS Cannot use the given");
  });

  test("asks clients for a certificate when it is told whose", () => {
    const material = loadTls({ cert, key, ca: pem.CLIENT_CA });
    expect(material).toEqual({
      ...{ cert, key, ca: pem.CLIENT_CA },
      ...{ requestCert: true, rejectUnauthorized: true },
    });
  });

  test("names the file that cannot be read or is something else", () => {
    const missing = join(folder, "missing.pem");
    const nonsense = file("nonsense.pem", "-----BEGIN nothing");
    const plain = file("plain.txt", "plain");
    expect(refusal({ cert: missing, key })).toBe(
      `ERR_TLS Cannot use the certificate "${missing}": no such file`,
    );
    expect(refusal({ cert, key: missing })).toBe(
      `ERR_TLS Cannot use the key "${missing}": no such file`,
    );
    expect(refusal({ cert: folder, key })).toBe(
      `ERR_TLS Cannot use the certificate "${folder}": it is a folder`,
    );
    for (const source of [nonsense, plain]) {
      const start = (what: string) =>
        `ERR_TLS Cannot use the ${what} "${source}": it is not valid PEM`;
      expect(refusal({ cert: source, key })).toStartWith(start("certificate"));
      expect(refusal({ cert, key: source })).toStartWith(start("key"));
      expect(refusal({ cert, key, ca: source })).toStartWith(start("CA certificate"));
    }
  });

  test("refuses a key of another certificate, and the two in each other's place", () => {
    expect(refusal({ cert, key: pem.SECOND_KEY })).toBe(
      "ERR_TLS Cannot use the given key: it does not fit the given certificate",
    );
    expect(refusal({ cert: key, key: cert })).toStartWith("ERR_TLS Cannot use the given cert");
  });

  test("refuses what is no text", () => {
    expect(refusal({ cert } as unknown as TlsOptions)).toContain("key must be a path or PEM text");
    expect(refusal({ cert: "", key })).toContain("cert must be a path or PEM text");
  });
});

test("expiryMs is the end of the certificate", () => {
  expect(expiryMs({ cert, key })).toBeGreaterThan(Date.UTC(2100, 0, 1));
});

test("isTlsError tells a broken record from an error of ours", () => {
  expect(isTlsError(Object.assign(new Error("SSL"), { code: "EPROTO" }))).toBe(true);
  expect(isTlsError(new Error("EPROTO"))).toBe(false);
  expect(isTlsError(Object.assign(new Error(), { code: "ECONNRESET" }))).toBe(false);
});
