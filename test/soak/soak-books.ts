// The books of the soak's clients. Every connection and every request that is to be answered ends
// in exactly one column, and each column that is not "answered" has a cause that the server counts
// as well:
//
//   owed = answered + refused + dropped + cut     cut = killed + unnamed + raced + forMemory
//
//   dropped    pipelined behind an answer that said Connection: close, so that its peer knows that
//              nobody has looked at it (RFC 9112, section 9.6)
//   killed     the worker that answered on this connection before was felled by the soak
//   unnamed    cut before anything came, so that nobody knows by which worker
//   raced      the connection had been silent for long enough for the server to close it, and was
//              closed in the moment in which the next request left
//   forMemory  a request that takes buffers, cut off at the memory limit; `refused` is its 503
//
// Whatever fits none of these is a complaint, and the soak fails by it.

const COMPLAINTS_MAX = 12;

/** A drained worker closes what has been silent for 1 s. Less, since a thread may have to wait for
 *  a processor between its look at the socket and the close; and this side's may, too. */
const RACE_SILENCE_MS = 500;

/** A connection that ended while answers were owed on it. */
export interface Cut {
  /** Of the worker, if the connection ever learned it. */
  readonly life: string | null;
  /** Answers that are missing. */
  readonly calls: number;
  /** How long before the request the one before it had left: the server cannot have found the
   *  connection silent for longer. 0 on a fresh one. */
  readonly silentMs: number;
  /** By this side's clock, as all times here. */
  readonly atMs: number;
  /** A part of the answer had come. */
  readonly begun: boolean;
  /** Cannot be answered without a buffer. */
  readonly takesBuffers: boolean;
  readonly wasReset: boolean;
  readonly what: string;
}

export interface Tally {
  connections: number;
  calls: number;
}

export type Cause = "killed" | "unnamed" | "raced" | "forMemory";

export class SoakBooks {
  made = 0;
  /** Connections that could not be made. */
  unreachable = 0;
  /** Connections that said nothing, or were reset: they may end before they are accepted. */
  mute = 0;
  /** Whole valid heads that were sent: owed an answer, or given up by the peer that sent them. */
  heads = 0;
  givenUp = 0;
  malformed = 0;
  owed = 0;
  answered = 0;
  refused = 0;
  dropped = 0;
  readonly cuts: Readonly<Record<Cause, Tally>> = {
    killed: { connections: 0, calls: 0 },
    unnamed: { connections: 0, calls: 0 },
    raced: { connections: 0, calls: 0 },
    forMemory: { connections: 0, calls: 0 },
  };
  /** Whole answers that were read, by class of status: index 2 is 2xx. */
  readonly read: number[] = [0, 0, 0, 0, 0, 0];
  frames = 0;
  echoes = 0;
  /** Answers to heartbeats of the server: nothing comes back that tells whether they arrived. */
  beatsBack = 0;
  /** Frames that were sent on connections which ended without an answer to all of them. */
  framesLost = 0;
  /** Connections of frames that were cut off, and no felled worker's. */
  frameCuts = 0;
  frameKills = 0;
  /** Peers that the server was to end, and did. */
  ended = 0;
  floods = 0;
  reloads = 0;
  kills = 0;
  readonly complaints: string[] = [];
  complaintCount = 0;
  /** When the request left that a worker was to die of. */
  readonly felledAtMs: Map<string, number> = new Map();
  private undecided: Cut[] = [];
  private undecidedFrames: { life: string | null; atMs: number }[] = [];

  /** Answers that were owed and did not come, once it has been decided why. */
  get cutCalls(): number {
    return Object.values(this.cuts).reduce((sum, { calls }) => sum + calls, 0);
  }

  /** Answers that were owed did not come. The worker may turn out to have been felled. */
  cutOff(cut: Cut): void {
    this.undecided.push(cut);
  }

  /** The same for frames. A drained worker ends whoever goes on talking, and so does the limit. */
  frameCut(life: string | null): void {
    this.undecidedFrames.push({ life, atMs: performance.now() });
  }

  /** Once the killers have named all lives that they took. */
  decide(): void {
    for (const cut of this.undecided.splice(0)) {
      const cause = this.causeOf(cut);
      if (cause === null) {
        this.complain(unexplained(cut));
        continue;
      }
      this.cuts[cause].connections++;
      this.cuts[cause].calls += cut.calls;
    }
    for (const { life, atMs } of this.undecidedFrames.splice(0)) {
      if (this.wasFelled(life, atMs)) this.frameKills++;
      else this.frameCuts++;
    }
  }

  complain(problem: string): void {
    this.complaintCount++;
    if (this.complaints.length < COMPLAINTS_MAX) this.complaints.push(problem);
  }

  private causeOf(cut: Cut): Cause | null {
    if (cut.life === null) return "unnamed";
    if (this.wasFelled(cut.life, cut.atMs)) return "killed";
    if (cut.takesBuffers) return "forMemory";
    return !cut.begun && cut.silentMs >= RACE_SILENCE_MS ? "raced" : null;
  }

  private wasFelled(life: string | null, atMs: number): boolean {
    return life !== null && atMs >= (this.felledAtMs.get(life) ?? Infinity);
  }
}

function unexplained({ what, life, silentMs, atMs, begun, wasReset }: Cut): string {
  const how = `${wasReset ? "reset" : "closed"}${begun ? " within the answer" : ""}`;
  const after = `after ${silentMs.toFixed(0)} ms of silence`;
  const at = new Date(performance.timeOrigin + atMs).toISOString();
  return `${at} ${what}: no answer, ${how} ${after}, and worker ${life} was not felled`;
}
