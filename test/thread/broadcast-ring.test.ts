import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/core/assert.ts";
import { BroadcastRing, type RecordVisitor, ringBytes } from "../../src/thread/broadcast-ring.ts";
import { Random } from "../support/random.ts";

const CAPACITY = 256;
const NOTHING = new Uint8Array(0);

class Reader implements RecordVisitor {
  readonly seen: string[] = [];
  readonly number: number;
  readonly ring: BroadcastRing;
  readonly unwanted: ReadonlySet<number>;

  constructor(ring: BroadcastRing, number: number, unwanted: readonly number[] = []) {
    this.ring = ring;
    this.number = number;
    this.unwanted = new Set(unwanted);
    ring.activate(number);
  }

  wants(tag: number): boolean {
    return !this.unwanted.has(tag);
  }

  receive(tag: number, record: Buffer, split: number): void {
    this.seen.push(
      `${tag} ${record.toString("latin1", 0, split)}|${record.toString("latin1", split)}`,
    );
  }

  read(most = Infinity): number {
    return this.ring.read(this.number, most, this);
  }
}

class World {
  readonly memory: SharedArrayBuffer = new SharedArrayBuffer(64 + ringBytes(CAPACITY, 3));
  readonly ring: BroadcastRing = this.open();

  /** The same ring as another thread would see it. */
  open(): BroadcastRing {
    return new BroadcastRing(this.memory, 64, CAPACITY, 3);
  }

  write(text: string, tag = 1): boolean {
    return this.ring.write(tag, Buffer.from(text), NOTHING);
  }
}

describe("BroadcastRing", () => {
  test("shows every record to every reader, once and in order", () => {
    const world = new World();
    const readers = [0, 1, 2].map((number) => new Reader(world.open(), number));
    world.ring.write(7, Buffer.from("topic"), Buffer.from("payload"));
    world.ring.write(-1, NOTHING, NOTHING);
    for (const reader of readers) {
      expect(reader.ring.hasRecords(reader.number)).toBe(true);
      expect(reader.read()).toBe(2);
      expect(reader.seen).toEqual(["7 topic|payload", "-1 |"]);
      expect(reader.read()).toBe(0);
      expect(reader.ring.hasRecords(reader.number)).toBe(false);
    }
  });

  test("shows a reader nothing from before it came", () => {
    const world = new World();
    world.write("early");
    const reader = new Reader(world.open(), 2);
    world.write("late");
    reader.read();
    expect(reader.seen).toEqual(["1 late|"]);
  });

  test("reads so many and goes on behind them", () => {
    const world = new World();
    const reader = new Reader(world.ring, 0);
    for (const text of ["a", "b", "c"]) world.write(text);
    expect([reader.read(2), reader.seen.length, reader.read(2)]).toEqual([2, 2, 1]);
  });

  test("makes no view of what a reader does not want", () => {
    const world = new World();
    const reader = new Reader(world.ring, 0, [5]);
    world.write("no", 5);
    world.write("yes", 6);
    expect(reader.read()).toBe(2);
    expect(reader.seen).toEqual(["6 yes|"]);
  });

  test("refuses when the slowest reader is a ring behind, and nothing has happened", () => {
    const world = new World();
    const fast = new Reader(world.ring, 0);
    const slow = new Reader(world.ring, 1);
    let written = 0;
    while (world.write("x".repeat(16))) {
      written++;
      fast.read();
    }
    expect(written).toBe(CAPACITY / 32);
    expect(world.write("")).toBe(false);
    expect(slow.read(1)).toBe(1);
    expect(world.write("x".repeat(16))).toBe(true);
    slow.read();
    fast.read();
    expect([slow.seen.length, fast.seen.length]).toEqual([written + 1, written + 1]);
  });

  test("needs no reader: it overwrites what nobody keeps", () => {
    const world = new World();
    for (let count = 0; count < 100; count++) expect(world.write("x".repeat(40))).toBe(true);
  });

  test("a dead reader holds the writer up until it is taken out", () => {
    const world = new World();
    const dead = new Reader(world.open(), 0);
    while (world.write("x"));
    world.open().deactivate(dead.number); // by the master, in its own thread
    expect(world.write("again")).toBe(true);
    const successor = new Reader(world.open(), 0);
    world.write("for the next one");
    successor.read();
    expect(successor.seen).toEqual(["1 for the next one|"]);
  });

  test("a writer that dies in the middle of a record has written nothing", () => {
    const world = new World();
    const reader = new Reader(world.open(), 0);
    world.write("whole");
    const torn = Buffer.from("torn");
    Object.defineProperty(torn, "length", {
      get: () => {
        if (new Error().stack!.includes("fill")) throw new Error("the thread ends here");
        return 4;
      },
    });
    expect(() => world.ring.write(1, torn, NOTHING)).toThrow("ends here");
    const successor = world.open(); // the next life of the writer
    successor.write(1, Buffer.from("next"), NOTHING);
    reader.read();
    expect(reader.seen).toEqual(["1 whole|", "1 next|"]);
  });

  test("a record larger than half a ring is our bug", () => {
    const world = new World();
    expect(() => world.write("x".repeat(CAPACITY / 2))).toThrow(AssertionError);
    expect(() => new BroadcastRing(world.memory, 64, 96, 1)).toThrow("a power of two");
  });

  test("positions wrap around at the end of an int32 as well", () => {
    const world = new World();
    new Int32Array(world.memory, 64)[0] = 0x7fff_fff0; // head, 16 granules before it
    const reader = new Reader(world.open(), 1);
    for (let count = 0; count < 50; count++) {
      expect(world.write(String(count))).toBe(true);
      expect(reader.read()).toBe(1);
    }
    expect(reader.seen).toEqual(Array.from({ length: 50 }, (_, count) => `1 ${count}|`));
  });

  test("is a queue for each reader, whatever the lengths, the order and who comes and goes", () => {
    const seed = Number(process.env["MILLRACE_SEED"] ?? 20_261_123);
    const random = new Random(seed);
    const world = new World();
    const expected: string[][] = [[], [], []];
    const readers: (Reader | null)[] = [null, null, null];
    for (let step = 0; step < 30_000; step++) {
      const number = random.below(3);
      const reader = readers[number]!;
      if (random.oneIn(3)) {
        const text = String(step).padEnd(random.below(CAPACITY / 2 - 32), ".");
        const full = !world.ring.write(step, Buffer.from(text), NOTHING);
        if (!full) expected.forEach((queue) => queue.push(`${step} ${text}|`));
      } else if (reader === null) {
        readers[number] = new Reader(world.open(), number);
        expected[number]!.length = 0;
      } else if (random.oneIn(40)) {
        reader.ring.deactivate(number);
        readers[number] = null;
      } else {
        const count = reader.read(1 + random.below(6));
        const wanted = expected[number]!.splice(0, count);
        const seen = reader.seen.splice(0);
        if (seen.join() !== wanted.join()) throw new Error(`seed ${seed} step ${step}: ${seen}`);
        if (count === 0 && expected[number]!.length > 0) throw new Error(`seed ${seed}: lost`);
      }
    }
  });
});
