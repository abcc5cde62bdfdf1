// TypeScript as text, for laws that need no compiler. `mask` blanks out comments, strings and
// regular expressions but keeps every line break and every offset, so that what is found in the
// masked text can be looked up in the real one. `functionsOf` finds function bodies by braces.

export interface FunctionSpan {
  /** The line of its header, from 1. */
  line: number;
  lineCount: number;
  header: string;
}

// Behind a name or a bracket "!" is no operator: what follows "value!" is a division.
const BEFORE_REGEXP =
  /(?:^|[(,=:[&|?{};+\-*%<>~^]|(?<![\w$)\]])!|\b(?:return|typeof|case|of|in))\s*$/;

export function mask(text: string): string {
  let out = "";
  let index = 0;
  const templates: number[] = []; // brace depth of each open ${
  let depth = 0;
  const blank = (end: number): void => {
    out += text.slice(index, end).replace(/[^\n]/g, " ");
    index = end;
  };
  while (index < text.length) {
    const character = text[index]!;
    if (text.startsWith("//", index)) blank(endOf(text, "\n", index));
    else if (text.startsWith("/*", index)) blank(endOf(text, "*/", index + 2) + 2);
    else if (character === '"' || character === "'") blank(endOfString(text, index));
    else if (character === "/" && BEFORE_REGEXP.test(out)) blank(endOfRegExp(text, index));
    else if (character === "`" || (character === "}" && templates.at(-1) === depth)) {
      if (character === "}") templates.pop();
      const end = endOfTemplate(text, index + 1);
      if (text[end - 1] === "{") templates.push(depth);
      blank(end);
    } else {
      if (character === "{") depth++;
      if (character === "}") depth--;
      out += character;
      index++;
    }
  }
  return out;
}

function endOf(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? text.length : at;
}

function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text[index] !== text[start] && text[index] !== "\n") {
    index += text[index] === "\\" ? 2 : 1;
  }
  return Math.min(index + 1, text.length);
}

function endOfRegExp(text: string, start: number): number {
  let inClass = false;
  let index = start + 1;
  while (index < text.length && (inClass || text[index] !== "/") && text[index] !== "\n") {
    if (text[index] === "\\") index++;
    else if (text[index] === "[") inClass = true;
    else if (text[index] === "]") inClass = false;
    index++;
  }
  return Math.min(index + 1, text.length);
}

/** After the closing backtick, or after the brace of the next `${`. */
function endOfTemplate(text: string, from: number): number {
  let index = from;
  while (index < text.length && text[index] !== "`") {
    if (text[index] === "$" && text[index + 1] === "{") return index + 2;
    index += text[index] === "\\" ? 2 : 1;
  }
  return Math.min(index + 1, text.length);
}

interface Block {
  line: number;
  header: string;
  headerStart: number;
  /** Parentheses that were open before it, within the block around it. */
  parens: number;
}

/** Every block that is a function's body; the blocks of `if`, `for` and so on come along. */
export function functionsOf(masked: string): FunctionSpan[] {
  const spans: FunctionSpan[] = [];
  const open: Block[] = [];
  let line = 1;
  let headerStart = 0;
  let parens = 0;
  for (let index = 0; index < masked.length; index++) {
    const character = masked[index]!;
    if (character === "\n") line++;
    else if (character === "(") parens++;
    else if (character === ")") parens--;
    else if (character === ";") headerStart = index + 1;
    else if (character === "{") {
      const header = masked.slice(headerStart, index).trim();
      open.push({ line: line - countOf(header, "\n"), header, headerStart, parens });
      headerStart = index + 1;
      parens = 0;
    } else if (character === "}") {
      const block = open.pop();
      const { line: first, header } = block ?? { line, header: "" };
      if (isFunction(header)) spans.push({ line: first, lineCount: line - first + 1, header });
      parens = block?.parens ?? 0;
      // An object or a type within parentheses belongs to the header that it interrupts.
      headerStart = parens > 0 && !isFunction(header) ? block!.headerStart : index + 1;
    }
  }
  return spans;
}

function isFunction(header: string): boolean {
  return /(?:=>|\)(?:\s*:[^=]*)?)$/.test(header);
}

function countOf(text: string, character: string): number {
  return text.split(character).length - 1;
}

/** The relative paths that a file imports or re-exports, with or without its type imports. */
export function importsOf(text: string, types = true): string[] {
  const kind = types ? "" : "(?!type\\s)";
  const stated = `^(?:import|export)\\s+${kind}(?:[^'";]*?\\sfrom\\s)?"(\\.{1,2}/[^"]+)"`;
  const lazy = /\b(?:import|require)\(\s*"(\.{1,2}\/[^"]+)"\s*\)/g;
  const matches = [...text.matchAll(new RegExp(stated, "gm")), ...text.matchAll(lazy)];
  return matches.map((match) => match[1]!);
}
