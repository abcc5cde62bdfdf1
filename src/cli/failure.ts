// How a command ends when it cannot do what was asked: one line on standard error, never a stack
// trace, and an exit code that tells a mistyped command from one that failed.

import { MillraceError, messageOf } from "../core/errors.ts";
import { escapeControls } from "../core/log.ts";

export const EXIT_CANNOT_START = 1;
export const EXIT_USAGE = 2;

/** "millrace: --port: ..." with its line break. */
export function failureText(error: unknown): string {
  return `millrace: ${escapeControls(inOptionsWords(messageOf(error)))}\n`;
}

export function exitCodeOf(error: unknown): number {
  const usage = error instanceof MillraceError && error.code === "ERR_USAGE";
  return usage ? EXIT_USAGE : EXIT_CANNOT_START;
}

/** "maxConnections: ..." as the option that set it: "--max-connections: ...". */
function inOptionsWords(message: string): string {
  return message.replace(/^[a-z]+(?:[A-Z][a-z]+)+(?=: )/, (name) => {
    return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  });
}
