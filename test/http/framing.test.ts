import { expect, test } from "bun:test";
import {
  codingError,
  contentLengthOf,
  endsInChunked,
  skipSpace,
  trimSpace,
} from "../../src/http/framing.ts";
import {
  HTTP_CODING_INVALID,
  HTTP_CODING_NOT_FINAL,
  HTTP_CODING_UNKNOWN,
  HTTP_LENGTH_INVALID,
  HTTP_LENGTH_OVERFLOW,
  HTTP_OK,
} from "../../src/http/http-error.ts";
import { displace, latin1 } from "../support/replay.ts";

type Reader<Result> = (bytes: Uint8Array, start: number, end: number) => Result;

function read<Result>(reader: Reader<Result>, text: string): Result {
  const bytes = latin1(text);
  return reader(displace(bytes, 0, bytes.length, 4), 4, 4 + bytes.length);
}

test("contentLengthOf is exact up to 2^53-1", () => {
  for (const value of ["0", "7", "0042", "9007199254740991", `${"0".repeat(40)}5`]) {
    expect(read(contentLengthOf, value)).toBe(Number(value));
  }
});

test("contentLengthOf refuses what is larger, however large", () => {
  const larger = ["9007199254740992", "9007199254740993", "18446744073709551616", "9".repeat(400)];
  for (const value of larger) expect(read(contentLengthOf, value)).toBe(-HTTP_LENGTH_OVERFLOW);
});

test("contentLengthOf refuses what is no number of digits", () => {
  const others = ["", " 5", "5 ", "-0", "+5", "5.", "0x5", "1e1", "5,5", "\xb2", "Infinity", "5\0"];
  for (const value of others) expect(read(contentLengthOf, value)).toBe(-HTTP_LENGTH_INVALID);
});

test("codingError accepts chunked alone and says what else is wrong", () => {
  const cases: [number, string[]][] = [
    [HTTP_OK, ["chunked", "CHUNKED", "Chunked"]],
    [HTTP_CODING_UNKNOWN, ["x", "chunke", "gzip,chunked", "x, y", "a ,\tchunked"]],
    [HTTP_CODING_NOT_FINAL, ["gzip", "identity", "chunked,gzip", "chunked, x", "x, deflate"]],
    [HTTP_CODING_INVALID, ["", ",", "chunked,", ",chunked", "a;b", "chunked;q=1", "a b", "\xff"]],
    [HTTP_CODING_INVALID, ["chunked,chunked", "chunked, x, chunked", '"chunked"', "chunked\0"]],
  ];
  for (const [code, values] of cases) {
    for (const value of values) {
      expect([value, read(codingError, value)]).toEqual([value, code]);
    }
  }
});

test("endsInChunked looks at the last coding only", () => {
  for (const value of ["chunked", "gzip, chunked", "gzip,CHUNKED", ",\tchunked"]) {
    expect([value, read(endsInChunked, value)]).toEqual([value, true]);
  }
  for (const value of ["", "xchunked", "chunked,", "chunked, gzip", "chunked;a", "a chunked"]) {
    expect([value, read(endsInChunked, value)]).toEqual([value, false]);
  }
});

test("skipSpace and trimSpace stay in their range", () => {
  const bytes = latin1("  \t  ");
  expect(skipSpace(bytes, 1, 4)).toBe(4);
  expect(trimSpace(bytes, 1, 4)).toBe(1);
  expect(skipSpace(latin1(" a"), 0, 2)).toBe(1);
  expect(trimSpace(latin1("a "), 0, 2)).toBe(1);
  expect(trimSpace(latin1("a\r"), 0, 2)).toBe(2);
});
