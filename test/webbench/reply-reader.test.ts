import { expect, test } from "bun:test";
import { REPLY_DONE, REPLY_ERROR, REPLY_MORE } from "../../src/webbench/reply-reader.ts";
import { newReplyReader } from "../../src/webbench/reply-format.ts";
import type { ReplyFormat } from "../../src/webbench/load-plan.ts";

const FORMATS: readonly ReplyFormat[] = [
  { kind: "http" },
  { kind: "http09" },
  { kind: "length", bytes: 8 },
  { kind: "delimiter", base64: "Cg==" },
  { kind: "frame", prefixBytes: 2 },
];

test("any ReplyReader wants more of nothing, and is incomplete without anything", () => {
  expect(new Set([REPLY_MORE, REPLY_DONE, REPLY_ERROR]).size).toBe(3);
  for (const format of FORMATS) {
    const reader = newReplyReader(format);
    for (let round = 0; round < 2; round++) {
      reader.begin(1);
      expect([format.kind, reader.read(Buffer.from("H"), 0, 0)]).toEqual([format.kind, REPLY_MORE]);
      expect([format.kind, reader.finish()]).toEqual([format.kind, REPLY_ERROR]);
    }
  }
});
