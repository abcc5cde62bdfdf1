import { expect, test } from "bun:test";
import { hashBytes, hashPath } from "../../src/http/path-hash.ts";
import { latin1 } from "../support/replay.ts";

test("hashBytes gives what hashPath gives", () => {
  for (const path of ["", "/", "/a", "/hello", "/api/v1/users/1234567890/posts?~%7f"]) {
    const bytes = latin1(`xx${path}yy`);
    expect(hashBytes(bytes, 2, 2 + path.length)).toBe(hashPath(path));
    expect(hashPath(path)).toBe(hashPath(path) | 0);
  }
});

test("hashPath spreads paths that resemble each other over the low bits", () => {
  const buckets = new Int32Array(1024);
  const names = ["users", "teams", "posts", "votes"];
  for (let index = 0; index < 512; index++) {
    const path = `/api/v${index & 7}/${names[index & 3]!}/${index}`;
    buckets[hashPath(path) & 1023]!++;
  }
  expect(Math.max(...buckets)).toBeLessThan(8);
});
