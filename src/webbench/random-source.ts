// Numbers that a seed repeats: xorshift128+ would need 64-bit arithmetic, mulberry32 does not, and
// its 2^32 states are plenty for arrivals and choices of one run.

/** A source of numbers in [0, 1). */
export function randomSource(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
