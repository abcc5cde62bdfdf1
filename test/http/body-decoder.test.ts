import { describe, expect, test } from "bun:test";
import { BodyDecoder, DECODE_DONE, DECODE_ERROR } from "../../src/http/body-decoder.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE } from "../../src/http/framing.ts";
import { HTTP_BODY_TOO_LARGE, HTTP_ERRORS } from "../../src/http/http-error.ts";
import { BODY_LIMITS_DEFAULT, type BodyLimits } from "../../src/http/http-limits.ts";
import { decodeBody } from "../support/http-replay.ts";
import { everyCut, latin1 } from "../support/replay.ts";
import { CHUNKED_ACCEPTED, CHUNKED_REFUSED } from "./vectors-body.ts";

const SMALL: BodyLimits = {
  ...BODY_LIMITS_DEFAULT,
  bodyBytesMax: 1024,
  chunkLineBytesMax: 65,
  chunkExtensionBytesMax: 128,
  trailerBytesMax: 4096,
};

function decodeChunked(text: string, limits = SMALL): ReturnType<typeof decodeBody> {
  const bytes = latin1(text);
  const run = (ends: readonly number[]): string => {
    const outcome = decodeBody(bytes, BODY_CHUNKED, 0, ends, limits);
    return JSON.stringify(outcome);
  };
  return JSON.parse(everyCut(bytes, run));
}

describe("BodyDecoder accepts chunked", () => {
  for (const vector of CHUNKED_ACCEPTED) {
    test(vector.name, () => {
      const { body, consumed, trailers } = decodeChunked(vector.text);
      expect(body).toBe(vector.body);
      expect(vector.text.slice(consumed)).toBe(vector.rest);
      expect(trailers).toEqual(vector.trailers as [string, string][]);
    });
  }
});

describe("BodyDecoder refuses chunked", () => {
  for (const vector of CHUNKED_REFUSED) {
    test(`${vector.error}: ${vector.name}`, () => {
      expect(decodeChunked(vector.text).error).toBe(vector.error);
    });
  }
});

describe("BodyDecoder", () => {
  test("has a vector for every code that a body can produce", () => {
    const produced = new Set(CHUNKED_REFUSED.map((vector) => vector.error));
    for (const { name } of HTTP_ERRORS) {
      if (/BODY|CHUNK|TRAILERS/.test(name)) expect(produced).toContain(name);
    }
    expect(CHUNKED_REFUSED.length).toBeGreaterThan(CHUNKED_ACCEPTED.length * 2);
  });

  test("wants more after every proper prefix of a valid body", () => {
    for (const { text, rest } of CHUNKED_ACCEPTED) {
      for (let length = 0; length < text.length - rest.length; length++) {
        expect(decodeBody(latin1(text.slice(0, length)), BODY_CHUNKED, 0).more).toBe(true);
      }
    }
  });

  test("accepts what is exactly at a limit", () => {
    expect(decodeChunked(`400\r\n${"a".repeat(1024)}\r\n0\r\n\r\n`).body?.length).toBe(1024);
    expect(decodeChunked(`1;${"a".repeat(63)}\r\nx\r\n0\r\n\r\n`).body).toBe("x");
    const trailers = `A: ${"b".repeat(4096 - 7)}\r\n\r\n`;
    expect(decodeChunked(`0\r\n${trailers}`).trailers?.length).toBe(1);
    expect(decodeChunked(`0\r\nA${trailers}`).error).toBe("HTTP_TRAILERS_TOO_LARGE");
    const lines = "1;abcdefghijklmno\r\nx\r\n".repeat(8); // 8 * 16 bytes of extensions
    expect(decodeChunked(`${lines}0\r\n\r\n`).body).toBe("x".repeat(8));
  });

  test("takes Content-Length bytes and no more", () => {
    const bytes = latin1("hello\r\nGET");
    const run = (ends: readonly number[]): string =>
      JSON.stringify(decodeBody(bytes, BODY_LENGTH, 5, ends));
    const outcome = everyCut(bytes, run);
    expect(JSON.parse(outcome)).toEqual({ body: "hello", consumed: 5, trailers: [] });
    expect(decodeBody(bytes, BODY_LENGTH, 11).more).toBe(true);
    expect(decodeBody(bytes, BODY_LENGTH, 0)).toEqual({ body: "", consumed: 0, trailers: [] });
  });

  test("finishes at once without a body", () => {
    const outcome = { body: "", consumed: 0, trailers: [] };
    expect(decodeBody(latin1("GET"), BODY_NONE, 0)).toEqual(outcome);
  });

  test("takes everything until the close", () => {
    const bytes = latin1("0\r\n\r\nhello");
    const run = (ends: readonly number[]): string =>
      JSON.stringify(decodeBody(bytes, BODY_UNTIL_CLOSE, 0, ends));
    const outcome = JSON.parse(everyCut(bytes, run));
    expect(outcome).toEqual({ more: true, body: "0\r\n\r\nhello" });
    const large = latin1("x".repeat(1025));
    expect(decodeBody(large.slice(1), BODY_UNTIL_CLOSE, 0, [1000, 1024], SMALL).more).toBe(true);
    expect(decodeBody(large, BODY_UNTIL_CLOSE, 0, [1024, 1025], SMALL).error).toBe(
      "HTTP_BODY_TOO_LARGE",
    );
  });

  test("knows from Content-Length that a body is too large", () => {
    const decoder = new BodyDecoder(SMALL);
    decoder.reset(BODY_LENGTH, 1024);
    expect(decoder.error).toBe(0);
    decoder.reset(BODY_LENGTH, 1025);
    expect(decoder.error).toBe(HTTP_BODY_TOO_LARGE);
    expect(decoder.decode(latin1("x"), 0, 1)).toBe(DECODE_ERROR);
    expect(decoder.position).toBe(0);
    decoder.reset(BODY_LENGTH, Number.MAX_SAFE_INTEGER, {
      ...SMALL,
      bodyBytesMax: Number.POSITIVE_INFINITY,
    });
    expect(decoder.error).toBe(0);
  });

  test("keeps saying how it ended", () => {
    const decoder = new BodyDecoder(BODY_LIMITS_DEFAULT);
    decoder.reset(BODY_CHUNKED, 0);
    const last = latin1("0\r\n\r\n0\r\n");
    expect(decoder.decode(last, 0, last.length)).toBe(DECODE_DONE);
    expect(decoder.position).toBe(5);
    expect(decoder.decode(last, 5, last.length)).toBe(DECODE_DONE);
    expect(decoder.position).toBe(5);
    decoder.reset(BODY_CHUNKED, 0);
    expect(decoder.decode(latin1("x"), 0, 1)).toBe(DECODE_ERROR);
    expect(decoder.decode(last, 0, last.length)).toBe(DECODE_ERROR);
    decoder.reset(BODY_CHUNKED, 0);
    expect(decoder.decode(last, 0, last.length)).toBe(DECODE_DONE);
  });

  test("counts sizes that no int32 holds", () => {
    const limits = { ...SMALL, bodyBytesMax: Number.MAX_SAFE_INTEGER };
    const decoder = new BodyDecoder(limits);
    decoder.reset(BODY_CHUNKED, 0);
    const line = latin1("1fffffffffffff\r\nab");
    decoder.decode(line, 0, line.length);
    expect(decoder.bodyBytes).toBe(2);
    expect(decoder.remainingBytes).toBe(Number.MAX_SAFE_INTEGER - 2);
    expect(decodeChunked("20000000000000\r\n", limits).error).toBe("HTTP_CHUNK_SIZE_OVERFLOW");
  });
});
