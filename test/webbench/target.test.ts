import { describe, expect, test } from "bun:test";
import { MillraceError } from "../../src/core/errors.ts";
import { isAddress, parseTarget } from "../../src/webbench/target.ts";

describe("parseTarget", () => {
  test.each([
    ["http://h/", "http h 80 h / 1"],
    ["HTTP://H.Test", "http h.test 80 h.test / 1"],
    ["https://h/a/b?c=d#e", "https h 443 h /a/b?c=d 1"],
    ["http://h:8080/a%20b", "http h 8080 h:8080 /a%20b 1"],
    ["http://[::1]:81/", "http ::1 81 [::1]:81 / 1"],
    ["3=http://h/x=y", "http h 80 h /x=y 3"],
    ["tcp://127.0.0.1:9000", "tcp 127.0.0.1 9000 127.0.0.1:9000  1"],
    ["tcp://h:80", "tcp h 80 h:80  1"],
    ["https://h:80/", "https h 80 h:80 / 1"],
  ])("reads %p", (url, expected) => {
    const { protocol, hostname, port, authority, path, weight } = parseTarget(url);
    expect(`${protocol} ${hostname} ${port} ${authority} ${path} ${weight}`).toBe(expected);
  });

  test.each([
    ["127.0.0.1:8080", "no scheme"],
    ["ftp://h/", "only http, https and tcp"],
    ["http://", "malformed"],
    ["http://h:99999/", "malformed"],
    ["http://h:0/", "a port is above 0"],
    ["http://h/a b", "a blank or control character"],
    ["http://h/\r\nX: y", "a blank or control character"],
    ["tcp://h", "tcp needs a port"],
    ["tcp://h:0", "tcp needs a port"],
    ["0=http://h/", "a weight is a number"],
    ["99999=http://h/", "a weight is a number"],
    [`http://h/${"x".repeat(9000)}`, "longer than"],
    ["", "no scheme"],
  ])("refuses %p", (url, reason) => {
    expect(() => parseTarget(url)).toThrow(reason);
    expect(() => parseTarget(url)).toThrow(MillraceError);
  });
});

test("isAddress tells addresses from names", () => {
  expect(["127.0.0.1", "::1", "localhost", "1.2.3", ""].map(isAddress)).toEqual([
    ...[true, true, false, false, false],
  ]);
});
