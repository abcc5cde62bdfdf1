// BufferPool over a store with a limit: classes, the stash, refusals, and who holds what.

import { beforeEach, describe, expect, test } from "bun:test";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import type { IoBuf } from "../../src/buffer/io-buf.ts";
import { IO_BUF_CLASS_BYTES, KIB, MIB } from "../../src/core/limits.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import { Random, seedOfRun } from "../support/random.ts";

let store = new PlainStore(64 * MIB);
let pool = new BufferPool(store);
beforeEach(() => {
  store = new PlainStore(64 * MIB);
  pool = new BufferPool(store);
});

function take(bytes: number): IoBuf {
  const buf = pool.acquire(bytes);
  if (buf === null) throw new Error(`no io_buf of ${bytes} bytes`);
  return buf;
}

describe("BufferPool", () => {
  test("gives the smallest class that is not smaller than what is asked for", () => {
    IO_BUF_CLASS_BYTES.forEach((bytes, index) => {
      const below = index === 0 ? 0 : IO_BUF_CLASS_BYTES[index - 1]! + 1;
      for (const wanted of [below, bytes - 1, bytes]) {
        const buf = take(wanted);
        expect([wanted, buf.capacity, buf.classIndex]).toEqual([wanted, bytes, index]);
        pool.release(buf);
      }
    });
    expect(pool.acquire(8 * MIB + 1)).toBeNull();
    expect(pool.heldBytes).toBe(0);
    pool.checkInvariants();
  });

  test("gives an io_buf out again, empty and with the same view", () => {
    const first = take(100);
    first.append(Buffer.from("secret"), 0, 6);
    first.pop(2);
    const { bytes } = first;
    pool.release(first);
    const second = take(4096);
    expect(second).toBe(first);
    expect(second.bytes).toBe(bytes);
    expect([second.head, second.length, second.next]).toEqual([0, 0, null]);
  });

  test("counts what is out by its capacity", () => {
    const small = take(1);
    const large = take(17 * KIB);
    expect(pool.heldBytes).toBe(4 * KIB + 64 * KIB);
    pool.release(small);
    expect(pool.heldBytes).toBe(64 * KIB);
    pool.release(large);
    expect(pool.heldBytes).toBe(0);
  });

  test("a double release is our bug, and changes nothing", () => {
    const buf = take(1);
    pool.release(buf);
    expect(() => pool.release(buf)).toThrow("released twice");
    expect(pool.heldBytes).toBe(0);
    pool.checkInvariants();
  });

  test("releaseChain takes back every link, and nothing for null", () => {
    const chain = [take(1), take(20 * KIB), take(1), take(2 * MIB)];
    chain.forEach((buf, index) => (buf.next = chain[index + 1] ?? null));
    pool.releaseChain(chain[0]!);
    pool.releaseChain(null);
    expect(pool.heldBytes).toBe(0);
    expect(chain.every((buf) => !buf.held)).toBe(true);
    pool.checkInvariants();
  });

  test("keeps few: what is above the stash, and every large one, goes back to the store", () => {
    const many = Array.from({ length: 200 }, () => take(1));
    many.push(take(1 * MIB), take(8 * MIB));
    for (const buf of many) pool.release(buf);
    expect(store.bytesInUse).toBe(64 * 4 * KIB);
    pool.checkInvariants();
    pool.flush();
    expect(store.bytesInUse).toBe(0);
    pool.checkInvariants();
  });

  test("trim gives back half of what lay idle, and all of it in the end", () => {
    const many = Array.from({ length: 64 }, () => take(1));
    for (const buf of many) pool.release(buf);
    pool.trim(); // they were in use since the last one: nothing lay idle
    expect(store.bytesInUse).toBe(64 * 4 * KIB);
    pool.trim();
    expect(store.bytesInUse).toBe(32 * 4 * KIB);
    for (let times = 0; times < 7; times++) pool.trim();
    expect(store.bytesInUse).toBe(0);
    pool.checkInvariants();
  });

  test("trim leaves alone what is in use between two trims", () => {
    const idle = Array.from({ length: 10 }, () => take(1));
    for (const buf of idle) pool.release(buf);
    pool.trim();
    const busy = Array.from({ length: 10 }, () => take(1));
    for (const buf of busy) pool.release(buf);
    pool.trim();
    expect(store.bytesInUse).toBe(10 * 4 * KIB);
  });

  test("at the limit it flushes its stash first, and then refuses with a null and a count", () => {
    store = new PlainStore(128 * KIB);
    pool = new BufferPool(store);
    const small = Array.from({ length: 32 }, () => take(1));
    for (const buf of small) pool.release(buf);
    expect(store.bytesInUse).toBe(128 * KIB);
    const two = [take(64 * KIB), take(64 * KIB)];
    expect(pool.refusedCount).toBe(0);
    expect(pool.acquire(1)).toBeNull();
    expect([pool.refusedCount, pool.heldBytes]).toEqual([1, 128 * KIB]);
    pool.release(two[0]!);
    expect(take(1).capacity).toBe(4 * KIB);
    pool.checkInvariants();
  });

  test("two pools on one store share its limit", () => {
    store = new PlainStore(128 * KIB);
    pool = new BufferPool(store);
    const other = new BufferPool(store);
    const buf = take(64 * KIB);
    expect(other.acquire(64 * KIB)).not.toBeNull();
    expect(other.acquire(1)).toBeNull();
    pool.release(buf);
    expect(other.acquire(1)).toBeNull(); // in the other's stash: it is not ours to flush
    pool.flush();
    expect(other.acquire(1)).not.toBeNull();
  });

  test("no byte of one holder is touched by another, whatever is taken and given back", () => {
    const seed = seedOfRun();
    const random = new Random(seed);
    const held: { buf: IoBuf; mark: number }[] = [];
    let heldBytes = 0;
    for (let step = 0; step < 4000; step++) {
      if (random.oneIn(2) && held.length < 60) {
        const buf = pool.acquire(1 << random.below(18));
        if (buf === null) continue;
        const mark = random.below(256);
        buf.bytes[0] = buf.bytes[buf.capacity - 1] = mark;
        held.push({ buf, mark });
        heldBytes += buf.capacity;
      } else if (held.length > 0) {
        const [{ buf, mark }] = held.splice(random.below(held.length), 1) as [(typeof held)[0]];
        const marks = [buf.bytes[0], buf.bytes[buf.capacity - 1]];
        expect([seed, step, ...marks]).toEqual([seed, step, mark, mark]);
        heldBytes -= buf.capacity;
        pool.release(buf);
      }
      if (random.oneIn(100)) pool.trim();
      if (random.oneIn(500)) pool.flush();
      expect([seed, step, pool.heldBytes]).toEqual([seed, step, heldBytes]);
    }
    pool.checkInvariants();
    for (const { buf } of held) pool.release(buf);
    pool.flush();
    expect([pool.heldBytes, store.bytesInUse]).toEqual([0, 0]);
  });
});
