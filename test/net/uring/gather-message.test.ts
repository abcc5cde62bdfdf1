import { expect, test } from "bun:test";
import { readSync } from "node:fs";
import { GatherMessage } from "../../../src/net/uring/gather-message.ts";
import { addressOf } from "../../../src/net/uring/ring-calls.ts";
import { calls } from "./ring-world.ts";

test.skipIf(calls === null)("sends two runs as one, again and again", () => {
  const pair = new Int32Array(2);
  calls.socketpair(1, 1, 0, pair);
  const [near, far] = [pair[0]!, pair[1]!];
  const message = new GatherMessage();
  const [head, body] = [Buffer.alloc(8192, "head "), Buffer.alloc(8192, "body ")];
  const received = Buffer.alloc(100);
  for (const [first, second] of [
    [5, 5],
    [1, 10],
    [0, 5],
    [10, 0],
  ] as const) {
    message.set(addressOf(head), first, addressOf(body), second);
    expect(calls.sendmsg(near, message.address, 0)).toBe(first + second);
    const count = readSync(far, received);
    const expected = head.toString("latin1", 0, first) + body.toString("latin1", 0, second);
    expect(received.toString("latin1", 0, count)).toBe(expected);
  }
  for (const fd of [near, far]) calls.close(fd);
});
