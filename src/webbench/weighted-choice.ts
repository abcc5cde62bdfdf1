// Which of several requests comes next: smooth weighted round robin, so that weights 3 and 1 give
// A A B A, exactly three to one after every fourth, instead of a random walk around it.

import { assert } from "../core/assert.ts";

export class WeightedChoice {
  private readonly weights: readonly number[];
  private readonly credits: Float64Array;
  private readonly total: number;

  constructor(weights: readonly number[]) {
    assert(weights.length > 0 && weights.every((weight) => weight > 0), "weights are above 0");
    this.weights = weights;
    this.credits = new Float64Array(weights.length);
    this.total = weights.reduce((sum, weight) => sum + weight, 0);
  }

  /** An index into the weights. */
  next(): number {
    const { weights, credits } = this;
    let best = 0;
    for (let index = 0; index < weights.length; index++) {
      credits[index]! += weights[index]!;
      if (credits[index]! > credits[best]!) best = index;
    }
    credits[best]! -= this.total;
    return best;
  }
}
