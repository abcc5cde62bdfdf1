// Seeded randomness for tests: mulberry32, 32 bits of state, the same sequence on every machine.
// A test that fails must print its seed, so `seedOfRun` takes it from MILLRACE_SEED or the clock.

export class Random {
  readonly seed: number;
  private state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.state = this.seed;
  }

  /** A whole number in 0 .. 2^32 - 1. */
  uint32(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number in 0 .. bound - 1; 0 for a bound of 0 or 1. */
  below(bound: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * bound);
  }

  /** A whole number in least .. most, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True once in `odds` on average. */
  oneIn(odds: number): boolean {
    return this.below(odds) === 0;
  }

  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError("Cannot pick from an empty list");
    return items[this.below(items.length)]!;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index++) bytes[index] = this.uint32() & 0xff;
    return bytes;
  }
}

/** MILLRACE_SEED when it is set, so that a failure can be repeated; otherwise a new seed. */
export function seedOfRun(): number {
  const wanted = process.env["MILLRACE_SEED"];
  return wanted === undefined ? Date.now() >>> 0 : Number(wanted) >>> 0;
}
