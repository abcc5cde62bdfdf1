import { expect, test } from "bun:test";

import {
  CLASS_TRANSFER_LOW,
  CLASS_TRANSFER_USED,
  LIST_SLOTS,
  SLOT_UNUSED_FLAG,
} from "../../src/memory/arena-layout.ts";
import { putIntoTransfer, takeFromTransfer } from "../../src/memory/transfer-cache.ts";

const [BASE, SLOTS, LIST] = [0, 32, 64];

function create(...blocks: number[]): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer(1024));
  words[LIST] = blocks.length;
  words.set(blocks, LIST + LIST_SLOTS);
  return words;
}

const listed = (words: Int32Array): number[] => [
  ...words.subarray(LIST + LIST_SLOTS, LIST + LIST_SLOTS + words[LIST]!),
];

test("takeFromTransfer gives back what putIntoTransfer got, last batch first", () => {
  const words = create(1, 2, 3, 4, 5);
  expect(putIntoTransfer(words, BASE, SLOTS, 8, LIST, 2)).toBe(2);
  expect(putIntoTransfer(words, BASE, SLOTS, 8, LIST, 2)).toBe(2);
  expect(listed(words)).toEqual([1]);
  expect(takeFromTransfer(words, BASE, SLOTS, LIST, 2)).toBe(2);
  expect(listed(words)).toEqual([1, 2, 3]);
});

test("putIntoTransfer takes no more than there is room for", () => {
  const words = create(1, 2, 3, 4, 5);
  expect(putIntoTransfer(words, BASE, SLOTS, 3, LIST, 5)).toBe(3);
  expect(putIntoTransfer(words, BASE, SLOTS, 3, LIST, 2)).toBe(0);
  expect(listed(words)).toEqual([1, 2]);
});

test("takeFromTransfer gives what there is, and keeps the low-water mark", () => {
  const words = create(1, 2, 3);
  putIntoTransfer(words, BASE, SLOTS, 8, LIST, 3);
  words[BASE + CLASS_TRANSFER_LOW] = 3;
  expect(takeFromTransfer(words, BASE, SLOTS, LIST, 2)).toBe(2);
  expect(words[BASE + CLASS_TRANSFER_LOW]).toBe(1);
  expect(takeFromTransfer(words, BASE, SLOTS, LIST, 9)).toBe(1);
  expect(takeFromTransfer(words, BASE, SLOTS, LIST, 9)).toBe(0);
  expect(words[BASE + CLASS_TRANSFER_USED]).toBe(0);
});

test("putIntoTransfer drops the flag of unused slots", () => {
  const words = create(7 | SLOT_UNUSED_FLAG);
  putIntoTransfer(words, BASE, SLOTS, 8, LIST, 1);
  expect(words[SLOTS]).toBe(7);
});
