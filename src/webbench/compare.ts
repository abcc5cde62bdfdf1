// Two results side by side, figure by figure, with the ratio of the second to the first. A file
// that is no result is the user's error; runs that were not asked for the same are compared, but
// told.

import { readFileSync } from "node:fs";
import { MillraceError, messageOf } from "../core/errors.ts";
import { type Figure, FIGURES } from "./figure-names.ts";
import { RESULT_FORMAT, type RunResult, type RunSettings } from "./run-result.ts";
import { figureText } from "./thresholds.ts";

const NOTICEABLE = 0.05;
const WIDTH = 14;

/** Of a file that --json wrote; throws MillraceError ERR_USAGE. */
export function readResult(path: string): RunResult {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new MillraceError("ERR_USAGE", `Cannot read "${path}": ${messageOf(error)}`, error);
  }
  if ((parsed as Partial<RunResult> | null)?.format === RESULT_FORMAT) return parsed as RunResult;
  throw new MillraceError("ERR_USAGE", `Cannot compare "${path}": it is no result of webbench`);
}

export function compareResults(before: RunResult, after: RunResult): string {
  const columns = ["A", "B"].map((name) => name.padStart(WIDTH));
  const head = `  ${"".padEnd(18)}${columns.join("")}${"B / A".padStart(9)}\n`;
  const lines = FIGURES.filter((figure) => isWorthALine(figure, before, after)).map((figure) =>
    lineOf(figure, figure.read(before), figure.read(after)),
  );
  const notes = differences(before.settings, after.settings).map((note) => `  note: ${note}\n`);
  return head + lines.join("") + notes.join("");
}

function isWorthALine(figure: Figure, before: RunResult, after: RunResult): boolean {
  return figure.read(before) !== 0 || figure.read(after) !== 0;
}

function lineOf(figure: Figure, before: number, after: number): string {
  const ratio = before === 0 ? "" : (after / before).toFixed(2);
  const texts = [before, after].map((value) => figureText(figure, value).padStart(WIDTH));
  const end = `${ratio.padStart(9)}${verdict(figure, before, after)}`;
  return `  ${figure.name.padEnd(18)}${texts.join("")}${end}\n`;
}

/** " worse" or " better" when it is more than noise may do. */
function verdict({ worse }: Figure, before: number, after: number): string {
  if (worse === 0 || Math.abs(after - before) <= NOTICEABLE * Math.abs(before)) return "";
  return after > before === worse > 0 ? "  worse" : "  better";
}

function differences(before: RunSettings, after: RunSettings): string[] {
  const names = Object.keys(before) as (keyof RunSettings)[];
  return names.flatMap((name) => {
    const [a, b] = [before[name], after[name]].map((value) => JSON.stringify(value));
    return a === b ? [] : [`${name} differs: ${a} and ${b}`];
  });
}
