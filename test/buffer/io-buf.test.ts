// IoBuf: head, length and capacity hold together after every operation.

import { describe, expect, test } from "bun:test";
import { copyBytes, IoBuf } from "../../src/buffer/io-buf.ts";
import { Random, seedOfRun } from "../support/random.ts";

function make(capacity = 10, text = ""): IoBuf {
  const buf = new IoBuf(Buffer.alloc(capacity, "."), 1, 0);
  buf.append(Buffer.from(text), 0, text.length);
  return buf;
}

function textOf(buf: IoBuf): string {
  return buf.bytes.toString("latin1", buf.head, buf.tail);
}

/** head, length, tail and room. */
function shape(buf: IoBuf): number[] {
  return [buf.head, buf.length, buf.tail, buf.room];
}

describe("IoBuf", () => {
  test("append takes what fits and says how much", () => {
    const buf = make(10);
    expect(shape(buf)).toEqual([0, 0, 0, 10]);
    expect(buf.append(Buffer.from("abcdef"), 1, 4)).toBe(3);
    expect(shape(buf)).toEqual([0, 3, 3, 7]);
    expect(buf.append(Buffer.from("0123456789"), 0, 10)).toBe(7);
    expect(shape(buf)).toEqual([0, 10, 10, 0]);
    expect(buf.append(Buffer.from("x"), 0, 1)).toBe(0);
    expect(buf.append(Buffer.from("x"), 1, 1)).toBe(0);
    expect(textOf(buf)).toBe("bcd0123456");
  });

  test("pop moves the head, and back to the front with the last byte", () => {
    const buf = make(10, "abcdef");
    buf.pop(2);
    expect([textOf(buf), ...shape(buf)]).toEqual(["cdef", 2, 4, 6, 4]);
    buf.pop(0);
    expect(shape(buf)).toEqual([2, 4, 6, 4]);
    buf.pop(4);
    expect(shape(buf)).toEqual([0, 0, 0, 10]);
  });

  test("pop of more than there is, or of less than nothing, is our bug", () => {
    const buf = make(10, "abc");
    expect(() => buf.pop(4)).toThrow("more bytes than there are");
    expect(() => buf.pop(-1)).toThrow("more bytes than there are");
    expect(() => buf.pop(Number.NaN)).toThrow("more bytes than there are");
    expect(shape(buf)).toEqual([0, 3, 3, 7]);
  });

  test("adjust brings the rest to the front, also over itself", () => {
    const buf = make(10, "abcdefghij");
    buf.pop(1);
    buf.adjust();
    expect([textOf(buf), ...shape(buf)]).toEqual(["bcdefghij", 0, 9, 9, 1]);
    buf.adjust();
    expect(shape(buf)).toEqual([0, 9, 9, 1]);
  });

  test("copy replaces the content and leaves the other as it is", () => {
    const from = make(10, "abcdef");
    from.pop(2);
    const to = make(4, "zz");
    to.copy(from);
    expect([textOf(to), textOf(from), ...shape(to)]).toEqual(["cdef", "cdef", 0, 4, 4, 0]);
    expect(() => make(3).copy(from)).toThrow("more bytes than fit");
    const empty = make(3);
    empty.copy(make(9));
    expect(shape(empty)).toEqual([0, 0, 0, 3]);
  });

  test("clear forgets everything", () => {
    const buf = make(10, "abc");
    buf.pop(1);
    buf.clear();
    expect(shape(buf)).toEqual([0, 0, 0, 10]);
  });

  test("behaves as a bounded string, whatever is done to it", () => {
    const seed = seedOfRun();
    const random = new Random(seed);
    const buf = make(32);
    let model = "";
    for (let step = 0; step < 3000; step++) {
      const word = String.fromCharCode(97 + (step % 26)).repeat(random.below(12));
      const act = random.below(5);
      if (act < 2) {
        const room = 32 - buf.head - model.length;
        const taken = buf.append(Buffer.from(word), 0, word.length);
        expect([seed, step, taken]).toEqual([seed, step, Math.min(word.length, room)]);
        model += word.slice(0, taken);
      } else if (act < 4) {
        const count = random.below(model.length + 1);
        buf.pop(count);
        model = model.slice(count);
      } else {
        buf.adjust();
      }
      expect([seed, step, textOf(buf)]).toEqual([seed, step, model]);
      expect(buf.head + buf.length + buf.room).toBe(32);
    }
  });
});

describe("copyBytes", () => {
  test("copies any range of any kind of view, at any offset", () => {
    const text = "0123456789";
    const shared = new Uint8Array(new SharedArrayBuffer(10));
    shared.set(Buffer.from(text));
    const offsetView = new Uint8Array(Buffer.from(`__${text}__`)).subarray(2, 12);
    for (const source of [
      Buffer.from(text),
      new Uint8Array(Buffer.from(text)),
      shared,
      offsetView,
    ]) {
      for (let start = 0; start <= 10; start++) {
        for (let end = start; end <= 10; end++) {
          const target = Buffer.alloc(14, ".");
          copyBytes(source, start, end, target, 2);
          expect(target.toString()).toBe(`..${text.slice(start, end)}`.padEnd(14, "."));
        }
      }
    }
  });

  test("copies a range onto itself", () => {
    const bytes = Buffer.from("0123456789");
    copyBytes(bytes, 0, 8, bytes, 2);
    expect(bytes.toString()).toBe("0101234567");
  });
});
