import { expect, test } from "bun:test";
import { HTTP_OK, HTTP_TARGET_AUTHORITY, HTTP_TARGET_FORM } from "../../src/http/http-error.ts";
import {
  METHOD_CONNECT,
  METHOD_GET,
  METHOD_OPTIONS,
  METHOD_OTHER,
} from "../../src/http/methods.ts";
import {
  TARGET_ABSOLUTE,
  TARGET_ASTERISK,
  TARGET_AUTHORITY,
  TargetParts,
} from "../../src/http/request-target.ts";
import { displace, latin1, textOf } from "../support/replay.ts";

const OFFSET = 6;
const parts = new TargetParts();

interface Split {
  code: number;
  form: number;
  host: string | null;
  path: string;
  query: string;
}

function split(target: string, method: number = METHOD_GET): Split {
  const bytes = displace(latin1(target), 0, target.length, OFFSET);
  const code = parts.split(bytes, OFFSET, OFFSET + target.length, method);
  const host = parts.hostStart < 0 ? null : textOf(bytes, parts.hostStart, parts.hostEnd);
  const path = textOf(bytes, parts.pathStart, parts.pathEnd);
  const query = textOf(bytes, parts.queryStart, parts.queryEnd);
  return { code, form: parts.form, host, path, query };
}

test("TargetParts splits an absolute-form", () => {
  const cases: [string, string, string, string][] = [
    ["http://h", "h", "/", ""],
    ["http://h/", "h", "/", ""],
    ["http://h?", "h", "/", ""],
    ["http://h?q", "h", "/", "q"],
    ["http://h#f?q", "h", "/", ""],
    ["HTTP://h:80/a/b?c?d#e#f", "h:80", "/a/b", "c?d"],
    ["https://u@v@h/a", "h", "/a", ""],
    ["http://u:p@[::1]:8/@x", "[::1]:8", "/@x", ""],
    ["http://h//", "h", "//", ""],
  ];
  for (const [target, host, path, query] of cases) {
    const expected = { code: HTTP_OK, form: TARGET_ABSOLUTE, host, path, query };
    expect([target, split(target)]).toEqual([target, expected]);
  }
});

test("TargetParts takes CONNECT for an authority, with its port", () => {
  const expected = { code: HTTP_OK, form: TARGET_AUTHORITY, host: "h:1", path: "", query: "" };
  expect(split("h:1", METHOD_CONNECT)).toEqual(expected);
  expect(split("[::1]:443", METHOD_CONNECT).host).toBe("[::1]:443");
  for (const target of ["h", "h:", "443", ":443", "[::1]", "http://h:1", "*", "u@h:1", "h:1/"]) {
    expect(split(target, METHOD_CONNECT).code).toBe(HTTP_TARGET_AUTHORITY);
  }
});

test("TargetParts takes an asterisk for OPTIONS and for methods that it does not know", () => {
  const expected = { code: HTTP_OK, form: TARGET_ASTERISK, host: null, path: "*", query: "" };
  expect(split("*", METHOD_OPTIONS)).toEqual(expected);
  expect(split("*", METHOD_OTHER)).toEqual(expected);
  expect(split("*").code).toBe(HTTP_TARGET_FORM);
  expect(split("**", METHOD_OPTIONS).code).toBe(HTTP_TARGET_FORM);
});

test("TargetParts refuses what has no form", () => {
  for (const target of [
    "a",
    "http:/h",
    "http:h",
    "htt://h",
    "httpss://h",
    "ws://h",
    "?",
    "#",
    "h:1",
  ]) {
    expect([target, split(target).code]).toEqual([target, HTTP_TARGET_FORM]);
  }
  for (const target of ["http://", "http:///a", "http://@", "http://h:x", "http://a|b"]) {
    expect([target, split(target).code]).toEqual([target, HTTP_TARGET_AUTHORITY]);
  }
});
