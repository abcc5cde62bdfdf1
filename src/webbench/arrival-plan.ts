// When an open loop sends: the times of all arrivals under a rate that moves on straight lines, in
// constant distances or as a Poisson process. Nothing is stored, for arrival k is where the
// integral of the rate reaches k: constant load counts k up by one, Poisson by exponential steps
// of mean one.
//
//   rate      /-----       count(t) = count at the start of the stage + rate x t + slope x t^2 / 2
//            /             solved for t; Infinity once the stages are over
//           /

import { assert } from "../core/assert.ts";
import type { Stage } from "./load-plan.ts";

interface Piece {
  readonly startMs: number;
  readonly endMs: number;
  readonly startCount: number;
  readonly endCount: number;
  readonly ratePerMs: number;
  readonly slope: number; // of the rate, per ms and ms
}

export interface ArrivalOptions {
  /** Requests a second at the start. */
  readonly startAt: number;
  readonly stages: readonly Stage[];
  /** The first arrival, in parts of a distance: processes that share a rate take turns. */
  readonly phase: number;
  /** null: constant distances. Otherwise a source of numbers in [0, 1). */
  readonly random: (() => number) | null;
}

export class ArrivalPlan {
  /** Planned time of the next arrival, in ms after the start; Infinity when there is none. */
  nextMs = 0;
  private count: number;
  private piece = 0;
  private readonly pieces: readonly Piece[];
  private readonly random: (() => number) | null;

  constructor(options: ArrivalOptions) {
    assert(options.stages.length > 0, "an arrival plan needs a stage");
    this.pieces = layOut(options.startAt / 1000, options.stages);
    this.random = options.random;
    this.count = options.random === null ? options.phase : exponential(options.random);
    this.nextMs = this.solve();
  }

  /** Moves on to the arrival after nextMs. */
  advance(): void {
    this.count += this.random === null ? 1 : exponential(this.random);
    this.nextMs = this.solve();
  }

  /** Arrivals from nextMs up to, but not including, `ms`; uses them up. */
  skipTo(ms: number): number {
    let skipped = 0;
    for (; this.nextMs < ms; skipped++) this.advance();
    return skipped;
  }

  private solve(): number {
    while (this.piece < this.pieces.length && this.count >= this.pieces[this.piece]!.endCount) {
      this.piece++;
    }
    const piece = this.pieces[this.piece];
    if (piece === undefined) return Infinity;
    const more = this.count - piece.startCount;
    const { ratePerMs: rate, slope } = piece;
    // The root that stays exact when the slope is small.
    const root = Math.sqrt(Math.max(0, rate * rate + 2 * slope * more));
    return more <= 0 ? piece.startMs : piece.startMs + (2 * more) / (rate + root);
  }
}

function layOut(ratePerMs: number, stages: readonly Stage[]): Piece[] {
  const pieces: Piece[] = [];
  let [startMs, startCount, rate] = [0, 0, ratePerMs];
  for (const { ms, to } of stages) {
    const endRate = to / 1000;
    const endMs = startMs + ms;
    const endCount = startCount + ((rate + endRate) / 2) * ms;
    const slope = ms === 0 ? 0 : (endRate - rate) / ms;
    pieces.push({ startMs, endMs, startCount, endCount, ratePerMs: rate, slope });
    [startMs, startCount, rate] = [endMs, endCount, endRate];
  }
  return pieces;
}

function exponential(random: () => number): number {
  return -Math.log(1 - random());
}
