// How fast a peer must take what waits for it: in each window at least so many bytes. The clock of
// a window runs only while the kernel refuses output, so an application with nothing to say costs
// its peer nothing; the bytes count always. A window ends when enough has been taken, and the next
// one begins there: a peer that keeps up is never near the end of one. A connection has a pace from
// the first refusal on.
//
//   refused |--waits--| all taken .. nothing to say .. refused |--waits--| deadline
//            <-------                 one window               --------->
//
// What is counted is what the kernel took over. It takes no more than its buffer beyond what the
// peer has, and it is full at both ends of a pause, so over a window it is what the peer took.

export interface WriteRate {
  /** The length of a window; Infinity for no judgement at all. */
  readonly writeStallMs: number;
  /** What must be taken in it. 1 is any byte: then only a peer that stands still is cut off. */
  readonly writeBytesMin: number;
}

const WAITS = -1;

export class WritePace {
  /** The peer has failed if output still waits now. Moves on while none does. */
  deadlineMs: number;
  private readonly rate: WriteRate;
  private windowBytes = 0;
  private restsSinceMs: number = WAITS;

  constructor(rate: WriteRate, nowMs: number) {
    this.rate = rate;
    this.deadlineMs = nowMs + rate.writeStallMs;
  }

  /** The kernel has refused something; it may have before. */
  waits(nowMs: number): void {
    if (this.restsSinceMs === WAITS) return;
    this.deadlineMs += nowMs - this.restsSinceMs;
    this.restsSinceMs = WAITS;
  }

  /** Nothing is left that it refused. */
  rests(nowMs: number): void {
    if (this.restsSinceMs === WAITS) this.restsSinceMs = nowMs;
  }

  /** So many bytes have left. */
  taken(bytes: number, nowMs: number): void {
    this.windowBytes += bytes;
    if (this.windowBytes < this.rate.writeBytesMin) return;
    this.windowBytes = 0;
    this.deadlineMs = nowMs + this.rate.writeStallMs;
    if (this.restsSinceMs !== WAITS) this.restsSinceMs = nowMs;
  }
}
