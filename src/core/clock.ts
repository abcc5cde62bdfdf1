// Time as the data path sees it: a monotonic count of milliseconds, behind an interface so that a
// test can stand still or jump. Date.now is for dates on the wire only, never for intervals.

export interface Clock {
  /** Milliseconds since an arbitrary point, never going back. May have a fraction. */
  nowMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
};
