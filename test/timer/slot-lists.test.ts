import { expect, test } from "bun:test";
import { IDS_PER_CHUNK, NONE, SlotLists } from "../../src/timer/slot-lists.ts";
import { Random, seedOfRun } from "../support/random.ts";

test("SlotLists is a stack of ids for each slot", () => {
  const random = new Random(seedOfRun());
  const slots = 64;
  const lists = new SlotLists(slots, 10); // far less than what follows: it grows
  const model = Array.from({ length: slots }, (): number[] => []);
  for (let step = 0; step < 20_000; step++) {
    const slot = random.below(slots);
    if (random.below(100) < (step < 10_000 ? 60 : 40)) {
      lists.push(slot, step);
      model[slot]!.push(step);
    } else {
      expect(lists.pop(slot)).toBe(model[slot]!.pop() ?? NONE);
    }
    if (step % 1000 === 0) lists.checkInvariants();
  }
  for (let slot = 0; slot < slots; slot++) {
    const ids: number[] = [];
    lists.forEach(slot, (id) => ids.push(id));
    expect(ids).toEqual(model[slot]!.toReversed());
    expect(lists.isOccupied(slot)).toBe(ids.length > 0);
  }
  expect(lists.count).toBe(model.flat().length);
});

test("SlotLists shows a full newest chunk, and takes nothing by it", () => {
  const lists = new SlotLists(32, 1);
  const ahead = new Int32Array(IDS_PER_CHUNK);
  for (let id = 0; id < 10 * IDS_PER_CHUNK + 7; id++) {
    expect(lists.peekFull(3, ahead)).toBe(id > 0 && id % IDS_PER_CHUNK === 0);
    lists.push(3, id);
    expect(lists.peekFull(4, ahead)).toBe(false);
  }
  let shown = 0;
  while (lists.isOccupied(3)) {
    if (!lists.peekFull(3, ahead)) {
      lists.pop(3);
      continue;
    }
    shown++;
    const before = lists.count;
    expect(Array.from(ahead)).toEqual(Array.from(ahead, () => lists.pop(3)));
    expect(lists.count).toBe(before - IDS_PER_CHUNK);
  }
  expect(shown).toBe(10);
  lists.checkInvariants();
});

test("SlotLists gives chunks back: filling and emptying for ever takes no more memory", () => {
  const lists = new SlotLists(32, 100);
  const { byteLength } = lists;
  for (let round = 0; round < 1_000; round++) {
    for (let id = 0; id < 100; id++) lists.push((round + id) % 32, id);
    for (let slot = 0; slot < 32; slot++) while (lists.pop(slot) !== NONE);
  }
  lists.checkInvariants();
  expect(lists.count).toBe(0);
  expect(lists.byteLength).toBe(byteLength);
});

test("SlotLists has room for what it expects, however the slots share it", () => {
  const random = new Random(seedOfRun());
  for (const expected of [1, 14, 15, 16, 100, 5_000]) {
    for (const used of [1, 3, 32, 64]) {
      const lists = new SlotLists(64, expected);
      const { byteLength } = lists;
      for (let id = 0; id < expected; id++) lists.push(random.below(used), id);
      expect(lists.byteLength).toBe(byteLength);
      for (let id = 0; id < expected * 2; id++) lists.push(random.below(used), id);
      lists.checkInvariants();
    }
  }
});

test("SlotLists finds the next occupied slot round its ring, and sees no other ring", () => {
  const random = new Random(seedOfRun());
  for (let count = 0; count < 500; count++) {
    const lists = new SlotLists(256, 16);
    const base = random.pick([64, 128]);
    const size = random.pick([32, 64, 128]);
    const chosen = Array.from({ length: random.below(4) }, () => random.below(size));
    lists.push(base - 1, 1);
    if (base + size < 256) lists.push(base + size, 1);
    for (const index of chosen) lists.push(base + index, 1);
    for (let start = 0; start < size; start++) {
      const distances = chosen.map((index) => (index - start + size) % size);
      const nearest = distances.length === 0 ? NONE : Math.min(...distances);
      const found = lists.nextOccupied(base, size, start);
      if (found !== nearest) expect({ seed: random.seed, start, chosen, found }).toBeNull();
    }
  }
});

test("SlotLists forgets everything when it is cleared", () => {
  const lists = new SlotLists(32, 1);
  for (let id = 0; id < 1000; id++) lists.push(id % 32, id);
  lists.clear();
  lists.checkInvariants();
  expect(lists.nextOccupied(0, 32, 5)).toBe(NONE);
  expect(lists.pop(3)).toBe(NONE);
  lists.push(3, 7);
  expect(lists.pop(3)).toBe(7);
});
