import { describe, expect, test } from "bun:test";
import {
  decodePort,
  encodeSocketAddress,
  formatAddress,
  parseHostPort,
  UNIX_PATH_BYTES_MAX,
} from "../../src/net/socket-address.ts";

const inet = (host: string, port = 80) => ({ kind: "inet", host, port, ipv6Only: false }) as const;
const unix = (path: string) => ({ kind: "unix", path }) as const;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("encodeSocketAddress", () => {
  test("lays out a sockaddr_in", () => {
    const bytes = encodeSocketAddress(inet("127.0.0.1", 8080));
    expect(hex(bytes)).toBe("02001f907f0000010000000000000000");
    expect(decodePort(bytes)).toBe(8080);
  });

  test.each([
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["1::", "00010000000000000000000000000000"],
    ["2001:db8::ff00:42:8329", "20010db8000000000000ff0000428329"],
    ["::ffff:192.0.2.128", "00000000000000000000ffffc0000280"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"],
  ])("lays out a sockaddr_in6 for %s", (host, address) => {
    const bytes = encodeSocketAddress(inet(host, 0x1234));
    expect(bytes.length).toBe(28);
    expect(hex(bytes.subarray(0, 8))).toBe("0a00123400000000");
    expect(hex(bytes.subarray(8, 24))).toBe(address);
  });

  test("stores a numeric scope", () => {
    const bytes = encodeSocketAddress(inet("fe80::1%7", 1));
    expect(hex(bytes.subarray(24))).toBe("07000000");
  });

  test("refuses a scope that is no interface", () => {
    expect(() => encodeSocketAddress(inet("fe80::1%nosuch0"))).toThrow(RangeError);
  });

  test.each([-1, 65_536, 1.5, Number.NaN])("refuses port %p", (port) => {
    expect(() => encodeSocketAddress(inet("127.0.0.1", port))).toThrow("port must be 0..65535");
  });

  test.each(["", "localhost", "1.2.3", "256.1.1.1", "::g", "[::1]"])("refuses host %p", (host) => {
    expect(() => encodeSocketAddress(inet(host))).toThrow("is not an IP address");
  });

  test("lays out a sockaddr_un with its NUL", () => {
    expect(hex(encodeSocketAddress(unix("/a")))).toBe("01002f6100");
  });

  test("takes the longest path and refuses a longer one", () => {
    const longest = "/".padEnd(UNIX_PATH_BYTES_MAX, "x");
    expect(encodeSocketAddress(unix(longest)).length).toBe(2 + UNIX_PATH_BYTES_MAX + 1);
    expect(() => encodeSocketAddress(unix(`${longest}x`))).toThrow("longer than 107 bytes");
    expect(() => encodeSocketAddress(unix("é".repeat(54)))).toThrow("longer than 107 bytes");
  });

  test("refuses an empty path and one with a NUL", () => {
    expect(() => encodeSocketAddress(unix(""))).toThrow("empty");
    expect(() => encodeSocketAddress(unix("/a\0b"))).toThrow("NUL");
  });
});

describe("formatAddress", () => {
  test("puts IPv6 in brackets", () => {
    expect(formatAddress(inet("::1"))).toBe("[::1]:80");
    expect(formatAddress(inet("127.0.0.1"))).toBe("127.0.0.1:80");
    expect(formatAddress(unix("/run/a.sock"))).toBe("unix:/run/a.sock");
  });
});

describe("parseHostPort", () => {
  test.each([
    ["127.0.0.1:90", "127.0.0.1", 90],
    ["[::1]:90", "::1", 90],
    [":90", "fallback", 90],
    ["90", "fallback", 90],
    ["localhost:0", "localhost", 0],
  ])("reads %p", (text, host, port) => {
    expect(parseHostPort(text, "fallback")).toEqual({ host, port });
  });

  test.each(["", ":", "host", "host:", "host:x", "a:65536", "a:-1", "::1:80", "[::1]", "[x]:1"])(
    "refuses %p",
    (text) => expect(parseHostPort(text, "fallback")).toBeNull(),
  );
});
