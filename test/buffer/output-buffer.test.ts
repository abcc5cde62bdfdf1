// OutputBuffer: what was appended leaves once, in order, whatever the sink takes at a time.

import { describe, expect, test } from "bun:test";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { type ByteSink, OutputBuffer } from "../../src/buffer/output-buffer.ts";
import { KIB, MIB } from "../../src/core/limits.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import { Random, seedOfRun } from "../support/random.ts";

class Sink implements ByteSink {
  taken: Buffer = Buffer.alloc(0);
  writeCount = 0;
  /** What each coming write takes at most; then everything. */
  readonly takes: number[];

  constructor(...takes: number[]) {
    this.takes = takes;
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    this.writeCount++;
    const count = Math.min(length, this.takes.shift() ?? Infinity);
    if (count > 0) {
      this.taken = Buffer.concat([this.taken, bytes.subarray(offset, offset + count)]);
    }
    return count;
  }
}

function make(limitBytes: number = 64 * MIB): { pool: BufferPool; output: OutputBuffer } {
  const pool = new BufferPool(new PlainStore(limitBytes));
  return { pool, output: new OutputBuffer(pool) };
}

function append(output: OutputBuffer, text: string): boolean {
  const done = output.append(Buffer.from(text, "latin1"), 0, text.length);
  output.checkInvariants();
  return done;
}

describe("OutputBuffer", () => {
  test("leaves once and in order for every pair of short writes", () => {
    const text = "0123456789";
    for (let first = 0; first <= text.length; first++) {
      for (let second = 0; second <= text.length; second++) {
        const { pool, output } = make();
        const sink = new Sink(first, second);
        append(output, text.slice(0, 4));
        append(output, text.slice(4));
        let written = 0;
        for (let turn = 0; turn < 3; turn++) {
          written += output.writeTo(sink);
          output.checkInvariants();
          expect(output.pendingBytes).toBe(text.length - written);
        }
        expect(sink.taken.toString()).toBe(text);
        expect(pool.heldBytes).toBe(0);
      }
    }
  });

  test("writes on after a whole io_buf and stops after a short one", () => {
    const { output } = make();
    append(output, "x".repeat(4 * KIB));
    append(output, "y".repeat(70 * KIB));
    const sink = new Sink(Infinity, 100);
    expect(output.writeTo(sink)).toBe(4 * KIB + 100);
    expect(sink.writeCount).toBe(2);
    expect(output.writeTo(new Sink(0))).toBe(0);
    expect(output.pendingBytes).toBe(70 * KIB - 100);
  });

  test("appends behind what is half gone", () => {
    const { pool, output } = make();
    const sink = new Sink(3, 0);
    append(output, "abcdef");
    output.writeTo(sink);
    append(output, "ghi");
    expect(pool.heldBytes).toBe(4 * KIB); // in the same io_buf
    output.writeTo(sink);
    output.writeTo(sink);
    expect(sink.taken.toString()).toBe("abcdefghi");
    expect(pool.heldBytes).toBe(0);
  });

  test("holds little more than it keeps, however the bytes come", () => {
    for (const pieces of [
      [5 * MIB],
      [65 * KIB],
      [1, 5 * MIB],
      [4 * KIB + 1, 300 * KIB],
      [9 * MIB],
    ]) {
      const { pool, output } = make();
      for (const bytes of pieces) expect(output.append(Buffer.alloc(bytes), 0, bytes)).toBe(true);
      output.checkInvariants();
      expect(pool.heldBytes - output.pendingBytes).toBeLessThan(64 * KIB + 12 * KIB);
      output.release();
      expect([output.pendingBytes, pool.heldBytes]).toEqual([0, 0]);
    }
  });

  test("small appends fill the last io_buf and then take few of the step's size", () => {
    const { pool, output } = make();
    for (let count = 0; count < 1000; count++) append(output, "z".repeat(200));
    expect(output.pendingBytes).toBe(200_000);
    expect(pool.heldBytes).toBeLessThanOrEqual(4 * KIB + 4 * 64 * KIB);
  });

  test("append of nothing takes nothing", () => {
    const { pool, output } = make();
    expect(append(output, "")).toBe(true);
    expect([output.pendingBytes, pool.heldBytes]).toEqual([0, 0]);
    expect(output.writeTo(new Sink())).toBe(0);
  });

  test("memory refused in the middle: false, and what is queued is a prefix", () => {
    const { pool, output } = make(80 * KIB);
    const text = Array.from({ length: 30_000 }, (_, index) => `${index} `).join("");
    expect(append(output, text)).toBe(false);
    expect(output.pendingBytes).toBe(80 * KIB);
    const sink = new Sink();
    output.writeTo(sink);
    expect(sink.taken.toString()).toBe(text.slice(0, 80 * KIB));
    expect(pool.heldBytes).toBe(0);
  });

  test("memory refused at once: false, nothing queued, and the next one may succeed", () => {
    const { pool, output } = make(4 * KIB);
    const other = pool.acquire(1)!;
    expect(append(output, "abc")).toBe(false);
    expect([output.pendingBytes, pool.heldBytes]).toEqual([0, 4 * KIB]);
    pool.release(other);
    expect(append(output, "abc")).toBe(true);
  });

  test("falls back to small io_bufs where a large one is refused", () => {
    const { output } = make(64 * KIB);
    append(output, "x");
    expect(append(output, "y".repeat(30 * KIB))).toBe(true);
    expect(output.pendingBytes).toBe(30 * KIB + 1);
  });

  test("a sink that closed is told by -1, and what is queued stays until release", () => {
    const { pool, output } = make();
    append(output, "abc");
    expect(output.writeTo({ write: () => -1 })).toBe(-1);
    expect(output.pendingBytes).toBe(3);
    output.checkInvariants();
    output.release();
    output.release();
    expect([output.pendingBytes, pool.heldBytes]).toEqual([0, 0]);
  });

  test("release from within the sink's write ends the writing", () => {
    for (const taken of [0, 2, 3]) {
      const { pool, output } = make();
      append(output, "abc");
      const write = () => {
        output.release();
        return taken;
      };
      expect(output.writeTo({ write })).toBe(-1);
      expect([output.pendingBytes, pool.heldBytes]).toEqual([0, 0]);
      output.checkInvariants();
    }
  });

  test("a sink that takes more than it is given is a bug", () => {
    const { output } = make();
    append(output, "abc");
    expect(() => output.writeTo({ write: () => 4 })).toThrow("more than it was given");
  });

  test("adopt takes over a chain without copying, and gives empty links back", () => {
    const { pool, output } = make();
    append(output, "first ");
    const links = ["second ", "", "third"].map((text) => {
      const buf = pool.acquire(5 * KIB)!;
      buf.append(Buffer.from(text), 0, text.length);
      return buf;
    });
    links[0]!.next = links[1]!;
    links[1]!.next = links[2]!;
    output.adopt(links[0]!);
    output.checkInvariants();
    expect(pool.heldBytes).toBe(4 * KIB + 2 * 16 * KIB);
    append(output, " fourth");
    const sink = new Sink(3, 0, 5);
    while (output.pendingBytes > 0) output.writeTo(sink);
    expect(sink.taken.toString()).toBe("first second third fourth");
    expect(pool.heldBytes).toBe(0);
  });

  test("behaves as a queue of bytes, whatever is appended and taken", () => {
    const seed = seedOfRun();
    const random = new Random(seed);
    const { pool, output } = make();
    const expected: Uint8Array[] = [];
    const sink = new Sink();
    for (let step = 0; step < 600; step++) {
      if (random.oneIn(2) && output.pendingBytes < 2 * MIB) {
        const bytes = random.bytes(random.below(random.pick([3, 500, 40_000])));
        output.append(bytes, 0, bytes.length);
        expected.push(bytes);
      } else {
        sink.takes.push(...Array.from({ length: 3 }, () => random.below(70_000)), 0);
        output.writeTo(sink);
        sink.takes.length = 0;
      }
      output.checkInvariants();
    }
    output.writeTo(sink);
    const same = Buffer.compare(sink.taken, Buffer.concat(expected)) === 0;
    expect([seed, same, pool.heldBytes]).toEqual([seed, true, 0]);
  });
});
