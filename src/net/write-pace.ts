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
// peer has, and it is full at both ends of a pause, so over a window it is what the peer took. But
// it takes more only when much of its buffer is free, which is megabytes of a fast connection: at
// the end of a window that saw too little, what the peer has acknowledged counts instead.

export interface WriteRate {
  /** The length of a window; Infinity for no judgement at all. */
  readonly writeStallMs: number;
  /** What must be taken in it. 1 is any byte: then only a peer that stands still is cut off. */
  readonly writeBytesMin: number;
}

const WAITS = -1;
const UNKNOWN = -1;

export class WritePace {
  /** The peer has failed if output still waits now. Moves on while none does. */
  deadlineMs: number;
  private readonly rate: WriteRate;
  private readonly heldBytes: () => number;
  private windowBytes = 0;
  private restsSinceMs: number = WAITS;
  private heldAtStart: number = UNKNOWN; // by the kernel, when ...
  private takenAtStart = 0; // ... so much of this window had been taken

  /** `heldBytes`: what the kernel holds now, that the peer has not acknowledged. */
  constructor(rate: WriteRate, nowMs: number, heldBytes: () => number) {
    this.rate = rate;
    this.heldBytes = heldBytes;
    this.deadlineMs = nowMs + rate.writeStallMs;
  }

  /** The kernel has refused something; it may have before. After taken() for what it took of it. */
  waits(nowMs: number): void {
    if (this.heldAtStart === UNKNOWN) this.noteHeld(this.heldBytes());
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
    if (this.windowBytes >= this.rate.writeBytesMin) this.begin(nowMs, UNKNOWN);
  }

  /** Whether time is left. At the deadline: if what the peer acknowledged begins a new window. */
  goesOn(nowMs: number): boolean {
    if (nowMs < this.deadlineMs) return true;
    const held = this.heldBytes();
    const acknowledged = this.windowBytes - this.takenAtStart + this.heldAtStart - held;
    if (acknowledged < this.rate.writeBytesMin) return false;
    this.begin(nowMs, held);
    return true;
  }

  private begin(nowMs: number, heldBytes: number): void {
    this.windowBytes = 0;
    this.noteHeld(heldBytes);
    this.deadlineMs = nowMs + this.rate.writeStallMs;
    if (this.restsSinceMs !== WAITS) this.restsSinceMs = nowMs;
  }

  private noteHeld(bytes: number): void {
    this.heldAtStart = bytes;
    this.takenAtStart = this.windowBytes;
  }
}
