// InputBuffer: contiguous, in order, growing by class, and empty-handed when it is empty.

import { describe, expect, test } from "bun:test";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { InputBuffer } from "../../src/buffer/input-buffer.ts";
import { KIB, MIB } from "../../src/core/limits.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import { Random, seedOfRun } from "../support/random.ts";

function make(limitBytes: number = 64 * MIB): { pool: BufferPool; input: InputBuffer } {
  const pool = new BufferPool(new PlainStore(limitBytes));
  return { pool, input: new InputBuffer(pool) };
}

function textOf(input: InputBuffer): string {
  return input.length === 0 ? "" : input.bytes.toString("latin1", input.start, input.end);
}

function append(input: InputBuffer, text: string): boolean {
  return input.append(Buffer.from(text, "latin1"), 0, text.length);
}

describe("InputBuffer", () => {
  test("holds no io_buf while it is empty", () => {
    const { pool, input } = make();
    expect([input.length, input.start, input.end, pool.heldBytes]).toEqual([0, 0, 0, 0]);
    expect(append(input, "")).toBe(true);
    expect(pool.heldBytes).toBe(0);
    append(input, "abc");
    expect(pool.heldBytes).toBe(4 * KIB);
    input.pop(2);
    expect([textOf(input), pool.heldBytes]).toEqual(["c", 4 * KIB]);
    input.pop(1);
    expect([input.length, pool.heldBytes]).toEqual([0, 0]);
    input.pop(0);
    input.release();
    input.release();
    expect(pool.heldBytes).toBe(0);
  });

  test("bytes and pop of what is not there are our bugs", () => {
    const { input } = make();
    expect(() => input.bytes).toThrow("empty input buffer");
    expect(() => input.pop(1)).toThrow("empty input buffer");
    append(input, "ab");
    expect(() => input.pop(3)).toThrow("more bytes than there are");
    expect(textOf(input)).toBe("ab");
  });

  test("moves to the front before it takes a larger class", () => {
    const { pool, input } = make();
    append(input, "x".repeat(4000));
    input.pop(3990);
    append(input, "y".repeat(4000));
    expect([input.start, input.length, pool.heldBytes]).toEqual([0, 4010, 4 * KIB]);
    expect(textOf(input)).toBe("x".repeat(10) + "y".repeat(4000));
  });

  test("grows class by class, byte for byte the same, and holds one io_buf at a time", () => {
    const { pool, input } = make();
    let model = "";
    for (let piece = 0; piece < 100; piece++) {
      const text = String.fromCharCode(33 + piece).repeat(1021);
      expect(append(input, text)).toBe(true);
      model += text;
      const capacity = [4, 16, 64, 256].map((size) => size * KIB).find((it) => it >= model.length);
      expect(pool.heldBytes).toBe(capacity!);
    }
    expect(textOf(input)).toBe(model);
    input.release();
    expect(pool.heldBytes).toBe(0);
  });

  test("a refused append changes nothing, and may succeed later", () => {
    const { pool, input } = make(96 * KIB);
    append(input, "a".repeat(16 * KIB));
    const other = pool.acquire(64 * KIB)!;
    expect(append(input, "b".repeat(KIB))).toBe(false);
    expect([textOf(input) === "a".repeat(16 * KIB), pool.heldBytes]).toEqual([true, 80 * KIB]);
    pool.release(other);
    expect(append(input, "b".repeat(KIB))).toBe(true);
    expect(textOf(input)).toBe("a".repeat(16 * KIB) + "b".repeat(KIB));
    expect(pool.heldBytes).toBe(64 * KIB);
  });

  test("more than the largest class is refused", () => {
    const { pool, input } = make();
    const bytes = Buffer.alloc(8 * MIB);
    expect(input.append(bytes, 0, bytes.length)).toBe(true);
    expect(append(input, "x")).toBe(false);
    expect(input.length).toBe(8 * MIB);
    input.release();
    expect(pool.heldBytes).toBe(0);
  });

  test("takes ranges of any view", () => {
    const { input } = make();
    input.append(Buffer.from("__abc__"), 2, 5);
    input.append(new Uint8Array(Buffer.from("__def__")), 2, 5);
    expect(textOf(input)).toBe("abcdef");
  });

  test("behaves as a string, whatever is appended and popped", () => {
    const seed = seedOfRun();
    const random = new Random(seed);
    const { pool, input } = make();
    let model = "";
    for (let step = 0; step < 2000; step++) {
      if (random.oneIn(2)) {
        const letter = String.fromCharCode(97 + (step % 26));
        const text = letter.repeat(random.below(random.pick([3, 300, 9000])));
        if (model.length + text.length < 200_000) {
          append(input, text);
          model += text;
        }
      } else {
        const count = random.below(model.length + 1);
        input.pop(count);
        model = model.slice(count);
      }
      const same = textOf(input) === model;
      expect([seed, step, same]).toEqual([seed, step, true]);
      expect([seed, step, input.length === 0]).toEqual([seed, step, pool.heldBytes === 0]);
    }
    input.release();
    expect(pool.heldBytes).toBe(0);
  });
});
