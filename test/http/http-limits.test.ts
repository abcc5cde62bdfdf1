import { expect, test } from "bun:test";
import * as core from "../../src/core/limits.ts";
import {
  BODY_LIMITS_DEFAULT,
  REQUEST_LIMITS_DEFAULT,
  REQUEST_LIMITS_WIDEST,
} from "../../src/http/http-limits.ts";
import { HTTP_LIMIT_RANGES } from "../../src/server/http-limit-options.ts";

test("the defaults are those of core/limits.ts", () => {
  expect(REQUEST_LIMITS_DEFAULT).toMatchObject({
    headBytesMax: core.HEAD_BYTES_MAX,
    headerBytesMax: core.HEADER_BYTES_MAX,
    headersMax: core.HEADERS_MAX,
    targetBytesMax: core.TARGET_BYTES_MAX,
  });
  expect(BODY_LIMITS_DEFAULT).toEqual({
    bodyBytesMax: core.BODY_BYTES_MAX_DEFAULT,
    chunkLineBytesMax: core.CHUNK_LINE_BYTES_MAX,
    chunkExtensionBytesMax: core.CHUNK_EXTENSION_BYTES_MAX,
    trailerBytesMax: core.TRAILER_BYTES_MAX,
    headerBytesMax: core.HEADER_BYTES_MAX,
    headersMax: core.HEADERS_MAX,
  });
});

test("the widest limits let through what any listener may", () => {
  for (const name of ["headBytesMax", "headerBytesMax", "headersMax", "targetBytesMax"] as const) {
    expect(REQUEST_LIMITS_WIDEST[name]).toBe(HTTP_LIMIT_RANGES[name][1]);
  }
});

test("a request line of 8000 bytes fits, as RFC 9112 3 recommends", () => {
  expect(REQUEST_LIMITS_DEFAULT.targetBytesMax).toBeGreaterThanOrEqual(8000);
});
