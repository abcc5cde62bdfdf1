// Lines for the operator, on standard error, never on the data path. One line an event:
//   2026-11-23T06:02:22.000Z warn worker 1: exited with code 1, respawning in 100 ms
// A line break inside a message is escaped, so that a hostile string cannot forge a line.

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Log {
  debug(text: string): void;
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
}

export interface LogOptions {
  /** Lines below this level are dropped. Default "info". */
  level?: LogLevel;
  /** Stands between the level and the text, for example "worker 1". */
  name?: string;
  /** Where a line goes; standard error by default. */
  write?: (line: string) => void;
  now?: () => Date;
}

export function createLog(options: LogOptions = {}): Log {
  const least = LOG_LEVELS.indexOf(options.level ?? "info");
  const name = options.name === undefined ? "" : ` ${options.name}:`;
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const now = options.now ?? (() => new Date());
  const emit = (level: LogLevel) => (text: string) => {
    if (LOG_LEVELS.indexOf(level) < least) return;
    write(`${now().toISOString()} ${level}${name} ${escapeControls(text)}\n`);
  };
  return { debug: emit("debug"), info: emit("info"), warn: emit("warn"), error: emit("error") };
}

export const silentLog: Log = createLog({ level: "silent" });

/** Control characters as \xNN, so that one event stays one line. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
