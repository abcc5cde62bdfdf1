// Checks of the options that users give to framings. Wrong ones are a RangeError or a TypeError
// that names the framing and the option.

import { FRAME_BYTES_MAX_DEFAULT, FRAME_BYTES_MAX_LIMIT } from "../../core/limits.ts";

export function wholeOption(
  framing: string,
  name: string,
  value: unknown,
  least: number,
  most: number,
): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value as number;
  }
  throw new RangeError(
    `Cannot use ${framing} framing with ${name} ${String(value)}: it must be ${least}..${most}`,
  );
}

export function maxFrameBytesOption(framing: string, value: unknown): number {
  return wholeOption(
    framing,
    "maxFrameBytes",
    value ?? FRAME_BYTES_MAX_DEFAULT,
    1,
    FRAME_BYTES_MAX_LIMIT,
  );
}

export function choiceOption<Choice extends string | number>(
  framing: string,
  name: string,
  value: unknown,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const list = choices.join(", ");
  throw new RangeError(
    `Cannot use ${framing} framing with ${name} ${String(value)}: it must be one of ${list}`,
  );
}
