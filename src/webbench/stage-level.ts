// How many clients a closed loop has at a moment: the stages' straight lines, read at a time.

import type { Stage } from "./load-plan.ts";

/** The level `elapsedMs` after the start; the last stage's goal once they are over. */
export function levelAt(startAt: number, stages: readonly Stage[], elapsedMs: number): number {
  let level = startAt;
  let left = elapsedMs;
  for (const { ms, to } of stages) {
    if (left < ms) return level + ((to - level) * left) / ms;
    left -= ms;
    level = to;
  }
  return level;
}

export function stagesMs(stages: readonly Stage[]): number {
  return stages.reduce((sum, { ms }) => sum + ms, 0);
}

/** The highest level that is ever reached. */
export function levelMax(startAt: number, stages: readonly Stage[]): number {
  return stages.reduce((most, { to }) => Math.max(most, to), startAt);
}
