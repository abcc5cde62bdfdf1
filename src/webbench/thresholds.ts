// What a run has to keep to: --fail-if 'p99>50ms'. A rule names a figure of the result, compares
// it, and says why it failed; one that cannot be read is refused before any load is made.

import { MillraceError } from "../core/errors.ts";
import { FIGURES, type Figure, unknownFigure } from "./figure-names.ts";
import { timeText } from "./figures-text.ts";
import type { RunResult } from "./run-result.ts";

export interface Threshold {
  readonly text: string;
  readonly figure: Figure;
  readonly operator: Operator;
  /** In the figure's own unit: ms for times, a share of 1 for percents. */
  readonly limit: number;
}

const OPERATORS = {
  ">=": (value: number, limit: number) => value >= limit,
  "<=": (value: number, limit: number) => value <= limit,
  "==": (value: number, limit: number) => value === limit,
  "!=": (value: number, limit: number) => value !== limit,
  ">": (value: number, limit: number) => value > limit,
  "<": (value: number, limit: number) => value < limit,
} as const;
type Operator = keyof typeof OPERATORS;

const RULE = /^\s*([A-Za-z][\w.-]*)\s*(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)?)\s*(us|ms|s|m|%)?\s*$/;
const UNITS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Throws MillraceError ERR_USAGE. */
export function parseThreshold(text: string): Threshold {
  const match = RULE.exec(text);
  if (match === null) throw refuse(text, `write it like 'p99>50ms' or 'errors>0'`);
  const name = match[1]!;
  const figure = FIGURES.find((each) => each.name === name);
  if (figure === undefined) throw refuse(text, unknownFigure(name));
  const limit = limitOf(text, figure, Number(match[3]), match[4] ?? "");
  return { text, figure, operator: match[2] as Operator, limit };
}

function limitOf(text: string, figure: Figure, number: number, unit: string): number {
  switch (figure.unit) {
    case "time":
      if (unit in UNITS_MS) return number * UNITS_MS[unit]!;
      throw refuse(text, `${figure.name} is a time: give it a unit (us, ms, s)`);
    case "share":
      if (unit === "%") return number / 100;
      if (unit === "" && number <= 1) return number;
      throw refuse(text, `${figure.name} is a share: between 0 and 1, or in %`);
    default:
      if (unit === "") return number;
      throw refuse(text, `${figure.name} is a plain number`);
  }
}

/** Why each rule that was broken was broken; empty when all was well. */
export function brokenThresholds(thresholds: readonly Threshold[], result: RunResult): string[] {
  return thresholds.flatMap(({ text, figure, operator, limit }) => {
    const value = figure.read(result);
    if (!OPERATORS[operator](value, limit)) return [];
    return [`${text}: ${figure.name} was ${figureText(figure, value)}`];
  });
}

export function figureText(figure: Figure, value: number): string {
  if (figure.unit === "time") return timeText(value);
  if (figure.unit === "share") return `${(value * 100).toFixed(2)} %`;
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

function refuse(text: string, reason: string): MillraceError {
  return new MillraceError("ERR_USAGE", `--fail-if: cannot use "${text}": ${reason}`);
}
