// Command lines in the manner of getopt_long, which `millrace webbench` keeps from webbench 1.5:
// letters that may be bundled (-fc100) beside long names, options that may be given several times.
// The table is what is parsed, suggested from and printed, as in option-table.ts.

import { nearestName } from "./nearest-name.ts";
import { type OptionSpec, parseValue, usageError } from "./option-table.ts";

export interface LetterOption<Value> {
  /** Beside the long name. */
  readonly letter?: string;
  readonly help: string;
  /** What follows it; null for a flag. */
  readonly value: OptionSpec<Value> | null;
  /** The value stands behind "=" or not at all, and is then "". */
  readonly isOptional?: boolean;
}

export type LetterTable = Readonly<Record<string, LetterOption<unknown>>>;

type ValueOf<Option> = Option extends { value: OptionSpec<infer Value> } ? Value : true;
export type LetterValues<Table extends LetterTable> = {
  [Name in keyof Table]?: readonly ValueOf<Table[Name]>[];
};

export interface ParsedLetters<Table extends LetterTable> {
  /** Every value of each option in the order of the command line. */
  readonly values: LetterValues<Table>;
  readonly positionals: readonly string[];
}

/** Throws MillraceError ERR_USAGE. */
export function parseLetters<Table extends LetterTable>(
  table: Table,
  args: readonly string[],
): ParsedLetters<Table> {
  const reader = new LetterReader(table, args);
  reader.read();
  return { values: reader.values as LetterValues<Table>, positionals: reader.positionals };
}

export function formatLetters(table: LetterTable): string {
  const heads = Object.entries(table).map(([name, option]) => headOf(name, option));
  const width = Math.max(...heads.map((head) => head.length));
  return Object.values(table)
    .map(({ help }, index) => `  ${heads[index]!.padEnd(width)}  ${help}`)
    .join("\n");
}

function headOf(name: string, { letter, value, isOptional }: LetterOption<unknown>): string {
  const short = letter === undefined ? "    " : `-${letter}, `;
  if (value === null) return `${short}--${name}`;
  const { placeholder } = value;
  return `${short}--${name}${isOptional === true ? `[=${placeholder}]` : ` ${placeholder}`}`;
}

class LetterReader {
  readonly values: Record<string, unknown[]> = {};
  readonly positionals: string[] = [];
  private readonly table: LetterTable;
  private readonly args: string[];

  constructor(table: LetterTable, args: readonly string[]) {
    this.table = table;
    this.args = [...args];
  }

  read(): void {
    for (let arg = this.args.shift(); arg !== undefined; arg = this.args.shift()) {
      if (arg === "--") {
        this.positionals.push(...this.args.splice(0));
      } else if (arg.startsWith("--")) {
        this.readLong(arg);
      } else if (arg.startsWith("-") && arg.length > 1) {
        this.readBundle(arg);
      } else {
        this.positionals.push(arg);
      }
    }
  }

  private readLong(arg: string): void {
    const at = arg.indexOf("=");
    const name = arg.slice(2, at < 0 ? undefined : at);
    if (!Object.hasOwn(this.table, name)) throw this.unknown(`--${name}`, name);
    const inline = at < 0 ? null : arg.slice(at + 1);
    if (this.table[name]!.value !== null) return this.take(name, `--${name}`, inline);
    if (inline !== null) throw usageError(`--${name}: takes no value`);
    this.add(name, true);
  }

  private readBundle(arg: string): void {
    for (let at = 1; at < arg.length; at++) {
      const letter = arg[at]!;
      const name = Object.keys(this.table).find((each) => this.table[each]!.letter === letter);
      if (name === undefined) throw this.unknown(`-${letter}`, arg.slice(1));
      if (this.table[name]!.value === null) {
        this.add(name, true);
        continue;
      }
      const rest = arg.slice(at + 1);
      return this.take(name, `-${letter}`, rest === "" ? null : rest);
    }
  }

  private take(name: string, origin: string, inline: string | null): void {
    const { value, isOptional } = this.table[name]!;
    if (inline === null && isOptional === true) return this.add(name, "");
    const text = inline ?? this.args.shift();
    // "-5" is a wrong number and "-" standard output, but "--rate" is the next option.
    if (text === undefined || (inline === null && text.startsWith("--"))) {
      throw usageError(`${origin}: needs a value, ${value!.expected}`);
    }
    this.add(name, parseValue(origin, value!, text));
  }

  private add(name: string, value: unknown): void {
    (this.values[name] ??= []).push(value);
  }

  private unknown(origin: string, typed: string): Error {
    const nearest = nearestName(typed, Object.keys(this.table));
    const hint = nearest === null ? "" : `, did you mean "--${nearest}"?`;
    return usageError(`unknown option "${origin}"${hint}`);
  }
}
