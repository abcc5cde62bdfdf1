import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { BufferPool } from "../../../src/buffer/buffer-pool.ts";
import { KIB, MIB } from "../../../src/core/limits.ts";
import { PlainStore } from "../../../src/memory/plain-store.ts";
import { RECEIVE_GROUP, ReceiveBuffers } from "../../../src/net/uring/receive-buffers.ts";
import {
  DONE_BUFFER,
  DONE_BUFFER_SHIFT,
  ENOBUFS,
  ENTRY_BUFFER_SELECT,
  OP_RECV,
} from "../../../src/net/uring/ring-abi.ts";
import { addressOf } from "../../../src/net/uring/ring-calls.ts";
import { Ring } from "../../../src/net/uring/ring.ts";
import { calls, isSupported } from "./ring-world.ts";

const PIECE = 4 * KIB;
const HEAD = OP_RECV | (ENTRY_BUFFER_SELECT << 8);

describe.skipIf(!isSupported)("ReceiveBuffers", () => {
  let ring: Ring;
  let pool: BufferPool;
  let buffers: ReceiveBuffers;
  let [near, far] = [-1, -1];

  beforeEach(() => {
    const pair = new Int32Array(2);
    calls.socketpair(1, 1, 0, pair);
    [near, far] = [pair[0]!, pair[1]!];
    ring = Ring.open(calls, 8, 16);
    pool = new BufferPool(new PlainStore(MIB));
    buffers = new ReceiveBuffers(calls, ring.fd, pool, 4, PIECE);
  });
  afterEach(() => {
    ring.close();
    for (const fd of [near, far]) calls.close(fd);
    calls.munmap(buffers.mapping.address, buffers.mapping.bytes);
    buffers.release();
    expect(pool.heldBytes).toBe(0);
  });

  function send(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    expect(calls.send(far, addressOf(bytes), bytes.length, 0)).toBe(bytes.length);
  }

  /** The number of the piece that was filled, or the error. */
  function receive(): { result: number; number: number } {
    ring.push(HEAD, near, 0, 0, 0, 1, 0, RECEIVE_GROUP);
    ring.submit();
    expect(ring.next()).toBe(true);
    const number = (ring.flags & DONE_BUFFER) === 0 ? -1 : ring.flags >>> DONE_BUFFER_SHIFT;
    return { result: ring.result, number };
  }

  test("lends each piece once, says that there is none, and goes on when one comes back", () => {
    const numbers: number[] = [];
    for (const text of ["one", "three", "seven", "eight"]) {
      send(text);
      const { result, number } = receive();
      expect(buffers.view(number).toString("latin1", 0, result)).toBe(text);
      numbers.push(number);
    }
    expect(numbers.toSorted()).toEqual([0, 1, 2, 3]);
    send("late");
    expect(receive()).toEqual({ result: -ENOBUFS, number: -1 });
    expect(buffers.view(numbers[0]!).toString("latin1", 0, 3)).toBe("one"); // still ours
    buffers.give(numbers[2]!);
    expect(receive()).toEqual({ result: 4, number: numbers[2]! });
    expect(buffers.view(numbers[2]!).toString("latin1", 0, 4)).toBe("late");
  });

  test("fills a piece and no more", () => {
    send("x".repeat(PIECE + 1));
    expect(receive().result).toBe(PIECE);
    expect(receive().result).toBe(1);
  });

  test("counts on when its 16 bits are through", () => {
    for (let round = 0; round < 66_000; round++) {
      send("a");
      const { result, number } = receive();
      if (result !== 1) expect([round, result]).toEqual([round, 1]);
      buffers.give(number);
    }
    for (let round = 0; round < 4; round++) {
      send("b");
      expect(receive().result).toBe(1);
    }
    send("c");
    expect(receive().result).toBe(-ENOBUFS);
  });

  test("knows no other numbers", () => {
    expect(() => buffers.view(4)).toThrow("does not exist");
  });

  test("needs memory within the limit, and a ring", () => {
    const poor = new BufferPool(new PlainStore(KIB));
    expect(() => new ReceiveBuffers(calls, ring.fd, poor, 4, PIECE)).toThrow("memory limit");
    expect(() => new ReceiveBuffers(calls, -1, pool, 4, PIECE)).toThrow("buffers of an io_uring");
    expect(pool.heldBytes).toBe(4 * PIECE); // those that are open
  });
});
