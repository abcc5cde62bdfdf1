import { expect, test } from "bun:test";
import { LentViews } from "../../src/net/lent-views.ts";
import { Random } from "../support/random.ts";

const BUFFER_BYTES = 8192;
const memory = new ArrayBuffer(64 * BUFFER_BYTES);
const lend = (number: number): Buffer => Buffer.from(memory, number * BUFFER_BYTES, BUFFER_BYTES);

test("gives the same view for the same place of the same buffer", () => {
  const views = new LentViews();
  const buffer = lend(3);
  const first = views.of(buffer, 4, 68);
  buffer[4] = 7;
  expect(views.of(buffer, 4, 68)).toBe(first);
  expect([first.byteOffset, first.length, first[0]]).toEqual([3 * BUFFER_BYTES + 4, 64, 7]);
});

test("is never wrong about the buffer, the start or the end", () => {
  const views = new LentViews();
  const random = new Random(1);
  // Two of each number: a ring that was opened anew lends other buffers at the same offsets.
  const buffers = Array.from({ length: 128 }, (_, index) => lend(index % 64));
  const alone = Buffer.alloc(BUFFER_BYTES); // not in the same memory
  buffers.push(alone);
  for (let count = 0; count < 100_000; count++) {
    const buffer = random.pick(buffers);
    const start = random.below(random.pick([4, 64, BUFFER_BYTES]));
    const end = start + random.below(random.pick([2, BUFFER_BYTES - start + 1]));
    const view = views.of(buffer, start, end);
    expect(view.buffer).toBe(buffer.buffer);
    if (end > start) expect(view.byteOffset - buffer.byteOffset).toBe(start);
    expect(view.length).toBe(end - start);
  }
});

test("an empty frame and one at the very end are views too", () => {
  const views = new LentViews();
  const buffer = lend(0);
  expect(views.of(buffer, 0, 0).length).toBe(0);
  expect(views.of(buffer, BUFFER_BYTES, BUFFER_BYTES).length).toBe(0);
  expect(views.of(buffer, BUFFER_BYTES - 1, BUFFER_BYTES).length).toBe(1);
});
