// Options of a command as a table: name, what follows it, how it is read, what it is for. The table
// is what is parsed, checked, suggested from and printed by --help, so that these cannot differ.

import { parseArgs } from "node:util";
import { MillraceError } from "../core/errors.ts";
import { nearestName } from "./nearest-name.ts";

export interface OptionSpec<Value> {
  /** What stands for the value in the help: "N", "SIZE". */
  readonly placeholder: string;
  /** The value, or null if the text is none. */
  readonly parse: (text: string) => Value | null;
  /** Completes `"x" is not ...`. */
  readonly expected: string;
  readonly help: string;
}

export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>;

type ValueOf<Spec> = Spec extends OptionSpec<infer Value> ? Value : never;
export type OptionValues<Table extends OptionTable> = {
  [Name in keyof Table]?: ValueOf<Table[Name]>;
};

export interface ParsedOptions<Table extends OptionTable> {
  readonly values: OptionValues<Table>;
  readonly positionals: readonly string[];
}

export function usageError(message: string): MillraceError {
  return new MillraceError("ERR_USAGE", message);
}

/** Throws MillraceError ERR_USAGE; of an option given twice the last one counts. */
export function parseOptions<Table extends OptionTable>(
  table: Table,
  args: readonly string[],
): ParsedOptions<Table> {
  const values: Record<string, unknown> = {};
  const positionals: string[] = [];
  for (const token of tokenize(table, args)) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind === "option") {
      const spec = Object.hasOwn(table, token.name) ? table[token.name] : undefined;
      if (spec === undefined) throw unknownOption(token.rawName, Object.keys(table));
      if (token.value === undefined || (!token.inlineValue && token.value.startsWith("--"))) {
        throw usageError(`--${token.name}: needs a value, ${spec.expected}`);
      }
      values[token.name] = parseValue(`--${token.name}`, spec, token.value);
    }
  }
  return { values: values as OptionValues<Table>, positionals };
}

/** `origin` names the option or the variable in the message. */
export function parseValue<Value>(origin: string, spec: OptionSpec<Value>, text: string): Value {
  const value = spec.parse(text);
  if (value === null) throw usageError(`${origin}: "${text}" is not ${spec.expected}`);
  return value;
}

export function formatOptions(table: OptionTable): string {
  const heads = Object.entries(table).map(([name, spec]) => `--${name} ${spec.placeholder}`);
  const width = Math.max(...heads.map((head) => head.length));
  const lines = Object.values(table).map((spec, i) => `  ${heads[i]!.padEnd(width)}  ${spec.help}`);
  return lines.join("\n");
}

type Token =
  | { kind: "positional"; value: string }
  | { kind: "option"; name: string; rawName: string; value?: string; inlineValue?: boolean }
  | { kind: "option-terminator" };

function tokenize(table: OptionTable, args: readonly string[]): readonly Token[] {
  const options = Object.fromEntries(
    Object.keys(table).map((name) => [name, { type: "string" as const }]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens as readonly Token[];
}

function unknownOption(rawName: string, known: readonly string[]): MillraceError {
  const nearest = nearestName(rawName.replace(/^-+/, ""), known);
  const hint = nearest === null ? "" : `, did you mean "--${nearest}"?`;
  return usageError(`unknown option "${rawName}"${hint}`);
}
