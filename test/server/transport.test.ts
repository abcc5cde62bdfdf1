import { describe, expect, test } from "bun:test";
import { MillraceError } from "../../src/core/errors.ts";
import { createLog, silentLog } from "../../src/core/log.ts";
import type { Protocol } from "../../src/net/protocol.ts";
import { ProxyPreamble } from "../../src/net/proxy-preamble.ts";
import { TlsHandshake } from "../../src/net/tls-handshake.ts";
import { http } from "../../src/server/service.ts";
import { tcp } from "../../src/server/tcp-service.ts";
import {
  checkTransport,
  openTransport,
  secureMain,
  type TransportOptions,
} from "../../src/server/transport.ts";
import * as pem from "../net/tls-certificates.ts";

const tls = { cert: pem.FIRST_CERT, key: pem.FIRST_KEY };
const protocol: Protocol = {
  open() {
    throw new Error("not opened here");
  },
};
const fetch = () => new Response("");

describe("checkTransport", () => {
  test("takes tls, a PROXY header, or neither", () => {
    for (const options of [{}, { tls }, { proxyProtocol: true }, { proxyProtocol: "v2" }]) {
      expect(() => checkTransport("tcp", options as TransportOptions)).not.toThrow();
    }
  });

  test("is asked by http() and tcp()", () => {
    const both = { tls, proxyProtocol: true } as const;
    const why = "proxyProtocol and tls exclude each other: let the load balancer end TLS";
    expect(() => http({ fetch, ...both })).toThrow(`Cannot make an http listener: ${why}`);
    expect(() => tcp(both)).toThrow(`Cannot make a tcp listener: ${why}`);
  });

  test("refuses what is no such option", () => {
    const wrong = (options: object) => () => checkTransport("tcp", options as TransportOptions);
    expect(wrong({ proxyProtocol: "v3" })).toThrow('proxyProtocol must be true, "v1" or "v2"');
    expect(wrong({ proxyProtocol: false })).toThrow(TypeError);
    expect(wrong({ tls: { cert: tls.cert } })).toThrow("tls.key must be a path or PEM text");
    expect(wrong({ tls: { key: tls.key, cert: 1 } })).toThrow("tls.cert must be");
    expect(wrong({ tls: {} })).toThrow(TypeError);
  });
});

describe("openTransport", () => {
  test("leaves a plain listener as it is", () => {
    const transport = openTransport({}, 1_000, silentLog);
    expect(transport.tls).toBeNull();
    expect(transport.wrap(protocol)).toBe(protocol);
  });

  test("puts a handshake in front, which needs a certificate where a CA is named", () => {
    const open = openTransport({ tls }, 1_000, silentLog);
    expect(open.tls).toEqual(tls);
    expect((open.wrap(protocol) as TlsHandshake).needsCertificate).toBe(false);
    const strict = openTransport({ tls: { ...tls, ca: pem.CLIENT_CA } }, 1_000, silentLog);
    expect((strict.wrap(protocol) as TlsHandshake).needsCertificate).toBe(true);
  });

  test("puts a PROXY header in front, within the time for a head; 0 is no limit", () => {
    for (const [timeoutMs, expected] of [
      [1_000, 1_000],
      [0, Infinity],
    ] as const) {
      const wrapped = openTransport({ proxyProtocol: "v1" }, timeoutMs, silentLog).wrap(protocol);
      expect((wrapped as ProxyPreamble).timeoutMs).toBe(expected);
      expect((wrapped as ProxyPreamble).version).toBe("v1");
    }
  });

  test("refuses a certificate that cannot be used, and tls that came by the command line", () => {
    const missing = { tls: { cert: "/no/such/file", key: "/no/such/file" } };
    expect(() => openTransport(missing, 0, silentLog)).toThrow(MillraceError);
    const both = { tls, proxyProtocol: true } as const;
    expect(() => openTransport(both, 0, silentLog)).toThrow("tls: proxyProtocol and tls exclude");
  });

  test("is silent about a certificate that lasts", () => {
    const lines: string[] = [];
    openTransport({ tls }, 0, createLog({ write: (line) => void lines.push(line) }));
    expect(lines).toEqual([]);
  });
});

describe("secureMain", () => {
  test("makes the first http listener speak TLS, or else the first of all", () => {
    const echo = tcp({ port: 1 });
    const site = http({ port: 2, fetch });
    const tlsOf = (listeners: readonly (typeof echo | typeof site)[]) =>
      secureMain({ listeners }, tls).listeners.map((listener) => listener.tls !== undefined);
    expect(tlsOf([echo, site, site])).toEqual([false, true, false]);
    expect(tlsOf([echo, echo])).toEqual([true, false]);
  });

  test("changes nothing without a certificate, and never the service it was given", () => {
    const service = { listeners: [http({ fetch })] };
    expect(secureMain(service, undefined)).toBe(service);
    secureMain(service, tls);
    expect(service.listeners[0]!.tls).toBeUndefined();
  });
});
