import { describe, expect, test } from "bun:test";
import { PROXY_HEADER_BYTES_MAX } from "../../src/core/limits.ts";
import {
  PROXY_ERROR,
  PROXY_MORE,
  PROXY_READY,
  ProxyHeader,
  type ProxyProtocol,
} from "../../src/net/proxy-protocol.ts";
import { Random } from "../support/random.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";

/** A v2 header: command and family as hex, then the block; the length is right if not given. */
function binary(start: string, block: string, length: number = block.length / 2): Buffer {
  const size = length.toString(16).padStart(4, "0");
  return Buffer.from(`${SIGNATURE}${start}${size}${block}`, "hex");
}
const text = (line: string): Buffer => Buffer.from(line, "latin1");
const zeros = (bytes: number): string => "00".repeat(bytes);
const PORTS = "dd5001bb"; // 56656 and 443
const TCP4 = `c0000201c6336402${PORTS}`;
const SIX = "20010db8000000000000000000000001";
const TCP6 = `${SIX}${zeros(16)}${PORTS}`;

/** What the header says: "address port", "-" for nobody, and how many bytes it took. */
function outcome(bytes: Buffer, version: ProxyProtocol = true): string {
  const header = new ProxyHeader(version);
  const result = header.next(bytes, 0, bytes.length);
  if (result === PROXY_MORE) return "more";
  if (result !== PROXY_READY) return "error";
  const { origin } = header;
  return origin === null ? `- ${header.position}` : `${origin.address} ${origin.port}`;
}

const VALID: readonly (readonly [string, Buffer, string])[] = [
  ["v1 TCP4", text("PROXY TCP4 192.0.2.1 198.51.100.2 56656 443\r\n"), "192.0.2.1 56656"],
  [
    "v1 TCP4 extremes",
    text("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"),
    "255.255.255.255 65535",
  ],
  ["v1 TCP6", text("PROXY TCP6 2001:DB8::1 ::1 1 2\r\n"), "2001:db8::1 1"],
  ["v1 UNKNOWN", text("PROXY UNKNOWN\r\n"), "- 15"],
  ["v1 UNKNOWN with a tail", text(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`), "- 107"],
  ["v2 TCP4", binary("2111", TCP4), "192.0.2.1 56656"],
  ["v2 TCP6", binary("2121", TCP6), "2001:db8::1 56656"],
  ["v2 TLVs are skipped", binary("2111", `${TCP4}040003000000ff0001aa`), "192.0.2.1 56656"],
  ["v2 LOCAL", binary("2000", ""), "- 16"],
  ["v2 LOCAL with an address", binary("2011", TCP4), "- 28"],
  ["v2 LOCAL of a family that is none", binary("20ff", zeros(5)), "- 21"],
  ["v2 UNSPEC", binary("2100", ""), "- 16"],
  ["v2 UNSPEC with a tail", binary("2100", zeros(9)), "- 25"],
  ["v2 UNIX stream", binary("2131", zeros(216)), "- 232"],
  ["v2 UNIX datagram", binary("2132", zeros(216)), "- 232"],
  ["v2 UDP4", binary("2112", TCP4), "- 28"],
  ["v2 UDP6", binary("2122", TCP6), "- 52"],
  ["v2 as long as may be", binary("2100", zeros(PROXY_HEADER_BYTES_MAX - 16)), "- 4096"],
];

const MALFORMED: readonly (readonly [string, Buffer])[] = [
  ["an HTTP request", text("GET / HTTP/1.1\r\n\r\n")],
  ["a TLS hello", Buffer.from("160301", "hex")],
  ["lower case", text("proxy TCP4 192.0.2.1 198.51.100.2 56656 443\r\n")],
  ["a family that is none", text("PROXY TCP5 192.0.2.1 198.51.100.2 56656 443\r\n")],
  ["no family", text("PROXY \r\n")],
  ["no address", text("PROXY TCP4\r\n")],
  ["no ports", text("PROXY TCP4 192.0.2.1 198.51.100.2\r\n")],
  ["one port", text("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n")],
  ["a field too many", text("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n")],
  ["two spaces", text("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n")],
  ["a space at the end", text("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n")],
  ["IPv6 as TCP4", text("PROXY TCP4 ::1 ::1 1 2\r\n")],
  ["IPv4 as TCP6", text("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n")],
  ["a short address", text("PROXY TCP4 192.0.2 198.51.100.2 1 2\r\n")],
  ["a large octet", text("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n")],
  ["a name", text("PROXY TCP4 localhost 198.51.100.2 1 2\r\n")],
  ["a wrong destination", text("PROXY TCP4 192.0.2.1 x 1 2\r\n")],
  ["a scope", text("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n")],
  ["a large port", text("PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n")],
  ["a leading zero", text("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n")],
  ["a sign", text("PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n")],
  ["a port in hex", text("PROXY TCP4 192.0.2.1 198.51.100.2 0x1 2\r\n")],
  ["a bare LF", text("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n")],
  ["a bare LF as CR", text("PROXY UNKNOWN\n\r\n")],
  ["108 bytes", text(`PROXY UNKNOWN ${"f".repeat(92)}\r\n`)],
  ["no end", text(`PROXY UNKNOWN ${"f".repeat(200)}`)],
  ["NUL", text("PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n")],
  ["a signature with one bit wrong", Buffer.from("0d0a0d0a000d0a515549540b", "hex")],
  ["version 1 in binary", binary("1111", TCP4)],
  ["version 3", binary("3111", TCP4)],
  ["a command that is none", binary("2211", TCP4)],
  ["a family without transport", binary("2110", TCP4)],
  ["a transport without family", binary("2101", TCP4)],
  ["a family that is none in binary", binary("2141", zeros(216))],
  ["TCP4 too short", binary("2111", TCP4.slice(2))],
  ["TCP6 too short", binary("2121", TCP4)],
  ["UNIX too short", binary("2131", zeros(215))],
  ["longer than may be", binary("2100", zeros(PROXY_HEADER_BYTES_MAX - 15))],
  ["a length of 65535", binary("2111", TCP4, 65_535)],
];

describe("ProxyHeader", () => {
  for (const [name, bytes, expected] of VALID) {
    test(`reads ${name}, whole, cut everywhere, and with a stream behind it`, () => {
      expect(outcome(bytes)).toBe(expected);
      for (let cut = 0; cut < bytes.length; cut++) {
        expect([cut, outcome(bytes.subarray(0, cut))]).toEqual([cut, "more"]);
      }
      const header = new ProxyHeader();
      for (let end = 4; end < bytes.length + 3; end++) {
        header.next(Buffer.concat([text("..."), bytes]), 3, end); // the same bytes, and more
      }
      expect(outcome(Buffer.concat([bytes, bytes, text("GET /")]))).toBe(expected);
      const moved = Buffer.concat([text("..."), bytes, text("rest")]);
      expect(header.next(moved, 3, moved.length)).toBe(PROXY_READY);
      expect(header.position).toBe(3 + bytes.length);
    });
  }

  for (const [name, bytes] of MALFORMED) {
    test(`refuses ${name}, whole and byte by byte`, () => {
      expect(outcome(bytes)).toBe("error");
      let result = PROXY_MORE;
      for (let end = 1; end <= bytes.length && result === PROXY_MORE; end++) {
        result = new ProxyHeader().next(bytes, 0, end);
      }
      expect(result).toBe(PROXY_ERROR);
    });
  }

  test("refuses at the first byte that cannot be right", () => {
    for (const version of [true, "v1", "v2"] as const) {
      expect(outcome(text("G"), version)).toBe("error");
    }
    expect(outcome(text("PROXX"))).toBe("error");
    expect(outcome(binary("2f", "").subarray(0, 13))).toBe("error");
    expect(outcome(binary("21f1", "").subarray(0, 14))).toBe("error");
  });

  test("understands only the version it was made for", () => {
    const [one, two] = [text("PROXY UNKNOWN\r\n"), binary("2000", "")];
    expect([outcome(one, "v1"), outcome(two, "v1")]).toEqual(["- 15", "error"]);
    expect([outcome(one, "v2"), outcome(two, "v2")]).toEqual(["error", "- 16"]);
  });

  test("writes IPv6 addresses as RFC 5952 has it", () => {
    const six = (hex: string): string =>
      outcome(binary("2121", `${hex.replaceAll(":", "")}${zeros(16)}${PORTS}`)).split(" ")[0]!;
    expect(six("0000:0000:0000:0000:0000:0000:0000:0000")).toBe("::");
    expect(six("0000:0000:0000:0000:0000:0000:0000:0001")).toBe("::1");
    expect(six("0001:0000:0000:0000:0000:0000:0000:0000")).toBe("1::");
    expect(six("2001:0db8:0000:0001:0001:0001:0001:0001")).toBe("2001:db8:0:1:1:1:1:1");
    expect(six("2001:0000:0000:0001:0000:0000:0000:0001")).toBe("2001:0:0:1::1");
    expect(six("2001:0db8:0000:0000:0001:0000:0000:0001")).toBe("2001:db8::1:0:0:1");
    expect(six("0010:0000:0000:0100:1000:0000:0000:0010")).toBe("10::100:1000:0:0:10");
    expect(six("0000:0000:0000:0000:0000:ffff:c000:0201")).toBe("::ffff:192.0.2.1");
  });

  test("survives any bytes: never throws, never takes what is not there", () => {
    const seed = Number(process.env["MILLRACE_SEED"] ?? 20_261_123);
    const random = new Random(seed);
    const sources = [...VALID.map(([, bytes]) => bytes), ...MALFORMED.map(([, bytes]) => bytes)];
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(random.pick(sources).subarray(0, 300));
      for (let flips = random.below(4); flips > 0; flips--) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      const header = new ProxyHeader();
      const end = random.below(bytes.length + 1);
      const result = header.next(bytes, 0, end);
      if (result === PROXY_READY && (header.position > end || header.position < 15)) {
        throw new Error(`seed ${seed} round ${round}: took ${header.position} of ${end}`);
      }
    }
  });
});
