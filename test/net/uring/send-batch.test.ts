import { afterEach, describe, expect, test } from "bun:test";
import { BufferPool } from "../../../src/buffer/buffer-pool.ts";
import { KIB } from "../../../src/core/limits.ts";
import { PlainStore } from "../../../src/memory/plain-store.ts";
import { type BatchMember, SendBatch } from "../../../src/net/uring/send-batch.ts";

const pool = new BufferPool(new PlainStore(1024 * KIB));
let batch: SendBatch<BatchMember> | null = null;
afterEach(() => {
  batch?.release();
  batch = null;
});

function open(bytes: number, members: number): SendBatch<BatchMember> {
  batch = new SendBatch(pool, bytes, members);
  return batch;
}

function add(target: SendBatch<BatchMember>, member: BatchMember, text: string): boolean {
  const bytes = Buffer.from(`..${text}..`, "latin1");
  return target.add(member, bytes, 2, bytes.length - 2);
}

function runs(target: SendBatch<BatchMember>): string[] {
  return Array.from({ length: target.count }, (_, index) =>
    target.bytes.toString("latin1", target.starts[index], target.ends[index]),
  );
}

describe("SendBatch", () => {
  test("lays members side by side and extends the last one", () => {
    const target = open(4 * KIB, 8);
    const [a, b] = [{ batchIndex: -1 }, { batchIndex: -1 }];
    expect([add(target, a, "one"), add(target, a, "two"), add(target, b, "three")]).toEqual([
      true,
      true,
      true,
    ]);
    expect(runs(target)).toEqual(["onetwo", "three"]);
    expect([target.bytesOf(a), target.bytesOf(b)]).toEqual([6, 5]);
    expect([a.batchIndex, b.batchIndex]).toEqual([0, 1]);
  });

  test("refuses bytes that would stand behind those of others, and changes nothing", () => {
    const target = open(4 * KIB, 8);
    const [a, b] = [{ batchIndex: -1 }, { batchIndex: -1 }];
    add(target, a, "one");
    add(target, b, "two");
    expect(add(target, a, "late")).toBe(false);
    expect(runs(target)).toEqual(["one", "two"]);
  });

  test("takes exactly what fits", () => {
    const target = open(4 * KIB, 2);
    const all = { batchIndex: -1 };
    expect(add(target, all, "x".repeat(4 * KIB + 1))).toBe(false);
    expect([all.batchIndex, target.count]).toEqual([-1, 0]);
    expect(add(target, all, "x".repeat(4 * KIB))).toBe(true);
    expect(add(target, all, "y")).toBe(false);
    expect(add(target, { batchIndex: -1 }, "y")).toBe(false);
    expect(target.bytesOf(all)).toBe(4 * KIB);
  });

  test("takes no more members than it was made for", () => {
    const target = open(4 * KIB, 2);
    expect(add(target, { batchIndex: -1 }, "a")).toBe(true);
    expect(add(target, { batchIndex: -1 }, "b")).toBe(true);
    expect(add(target, { batchIndex: -1 }, "c")).toBe(false);
  });

  test("takes nothing while it is sealed", () => {
    const target = open(4 * KIB, 2);
    const member = { batchIndex: -1 };
    add(target, member, "a");
    target.sealed = true;
    expect(add(target, member, "b")).toBe(false);
    target.clear();
    expect([target.sealed, target.count, target.members[0]]).toEqual([false, 0, null]);
  });

  test("forgets a member that leaves, and keeps the others where they are", () => {
    const target = open(4 * KIB, 4);
    const [a, b] = [{ batchIndex: -1 }, { batchIndex: -1 }];
    add(target, a, "one");
    add(target, b, "two");
    target.drop(a);
    target.drop(a);
    expect([a.batchIndex, target.members[0], target.members[1]]).toEqual([-1, null, b]);
    expect(runs(target)[1]).toBe("two");
    expect(add(target, b, "more")).toBe(true);
    expect(runs(target)[1]).toBe("twomore");
  });

  test("needs memory within the limit", () => {
    const poor = new BufferPool(new PlainStore(KIB));
    expect(() => new SendBatch(poor, 64 * KIB, 2)).toThrow("memory limit");
  });
});
