// The laws of the source tree, each a function from files to problems. A problem is one line:
// "path: what is wrong: how to put it right". tidy.test.ts runs them over the repository and
// over small bad examples, so that a law which has gone blind fails as well.

import { functionsOf, importsOf, mask } from "./source-text.ts";

/** Path from the root of the repository -> text. */
export type Files = ReadonlyMap<string, string>;

export const FILE_LINES_MAX = 500;
export const FUNCTION_LINES_MAX = 70;
export const LINE_COLUMNS_MAX = 100;

/** A folder of src/ may import itself and these; type imports count. Lower floors come first. */
export const FLOORS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  memory: ["core"],
  timer: ["core"],
  buffer: ["core", "memory"],
  thread: ["core", "memory"],
  net: ["core", "timer", "buffer"],
  http: ["core", "buffer"],
  server: ["core", "memory", "timer", "buffer", "net", "http"],
  master: ["core", "memory", "thread", "net", "server"],
  webbench: ["core", "timer", "thread", "http"],
};

/** These folders and files may import anything of src/. */
const ABOVE_ALL: ReadonlySet<string> = new Set(["cli", "index.ts", "worker.ts"]);

const BANNED_NAMES: Readonly<Record<string, string>> = {
  util: "the one thing it does",
  utils: "the one thing it does",
  helper: "what it helps to do",
  helpers: "what it helps to do",
  common: "the concept that is shared",
  misc: "one concept a file",
  manager: "pool, table, supervisor or what it is",
  data: "what the bytes or records are",
  info: "what it tells",
};

export function brokenFloors(files: Files): string[] {
  return sourcesOf(files).flatMap(([path, text]) => {
    const from = floorOf(path);
    if (ABOVE_ALL.has(from)) return [];
    const allowed = FLOORS[from];
    if (allowed === undefined) return [`${path}: unknown floor ${from}: add it to FLOORS`];
    return importsOf(text)
      .map((target) => resolve(path, target))
      .filter((target) => target.startsWith("src/"))
      .filter((target) => floorOf(target) !== from && !allowed.includes(floorOf(target)))
      .map((target) => {
        const may = allowed.length === 0 ? "nothing" : `only ${allowed.join(", ")}`;
        return `${path}: imports ${target}: ${from}/ may import ${may}`;
      });
  });
}

/** Types are erased and make no order of loading: two types may name each other. */
export function importCycles(files: Files): string[] {
  const done = new Set<string>();
  const problems: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    const back = trail.indexOf(path);
    if (back >= 0) {
      const cycle = [...trail.slice(back), path].join(" -> ");
      problems.push(`${path}: import cycle ${cycle}: move what both need to a third file`);
    } else if (!done.has(path)) {
      for (const target of importsOf(files.get(path) ?? "", false)) {
        visit(resolve(path, target), [...trail, path]);
      }
      done.add(path);
    }
  };
  for (const [path] of sourcesOf(files)) visit(path, []);
  return problems;
}

export function badImportPaths(files: Files): string[] {
  return typescriptOf(files).flatMap(([path, text]) =>
    importsOf(text)
      .filter((target) => !/\.(?:ts|json|html|css|txt)$/.test(target))
      .map((target) => `${path}: imports "${target}": write the extension .ts`),
  );
}

export function longFiles(files: Files): string[] {
  return typescriptOf(files)
    .map(([path, text]) => [path, linesOf(text).length] as const)
    .filter(([, lines]) => lines > FILE_LINES_MAX)
    .map(([path, lines]) => `${path}: ${lines} lines: split it below ${FILE_LINES_MAX}`);
}

export function longFunctions(files: Files): string[] {
  return typescriptOf(files).flatMap(([path, text]) =>
    functionsOf(mask(text))
      .filter((span) => span.lineCount > FUNCTION_LINES_MAX)
      .filter((span) => !/\bdescribe\b/.test(span.header))
      .map(
        (span) =>
          `${path}:${span.line}: function of ${span.lineCount} lines: ` +
          `split it below ${FUNCTION_LINES_MAX}`,
      ),
  );
}

export function longLines(files: Files): string[] {
  return typescriptOf(files).flatMap(([path, text]) =>
    linesOf(text).flatMap((line, index) => {
      const columns = [...line].length;
      if (columns <= LINE_COLUMNS_MAX) return [];
      return [`${path}:${index + 1}: ${columns} columns: break it at ${LINE_COLUMNS_MAX}`];
    }),
  );
}

export function badNames(files: Files): string[] {
  return typescriptOf(files).flatMap(([path]) => {
    const file = path.slice(path.lastIndexOf("/") + 1);
    const problems: string[] = [];
    if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|bench|fuzz|d))?\.ts$/.test(file)) {
      problems.push(`${path}: file name: use kebab-case`);
    }
    for (const word of path.replace(/\.ts$/, "").split(/[/.\-_]/)) {
      const better = BANNED_NAMES[word];
      if (better !== undefined) problems.push(`${path}: "${word}" says nothing: name ${better}`);
    }
    return problems;
  });
}

/** Marks of unfinished work, in any comment or string. */
export function unfinishedWork(files: Files): string[] {
  const marks = new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`);
  return typescriptOf(files).flatMap(([path, text]) =>
    linesOf(text).flatMap((line, index) => {
      const mark = marks.exec(line)?.[0];
      return mark === undefined ? [] : [`${path}:${index + 1}: ${mark}: finish it or file it`];
    }),
  );
}

export function missingHeads(files: Files): string[] {
  return sourcesOf(files)
    .filter(([, text]) => !/^(?:#![^\n]*\n)?(?:\/\/ \S|\/\*)/.test(text))
    .map(([path]) => `${path}: no head comment: say what it is, who owns it, its invariant`);
}

const PRIVATE_NAME = /\bthis\.#\w|^\s*(?:readonly\s+)?#\w+\s*[=:;(]/;

/** Objects of the platform's that applications enumerate, spread, and put properties of their own
 *  on: there, private to the type checker is not private enough. */
const MAY_HIDE: ReadonlySet<string> = new Set(["src/server/server-request.ts"]);

const BANNED_SYNTAX: readonly (readonly [RegExp, string])[] = [
  [/\benum\s+\w+\s*\{/, "enum: use constants and a union type"],
  [/\b(?:namespace|module)\s+\w+\s*\{/, "namespace: use a module"],
  [/\bas\s+any\b|<any\b|[:|&,(]\s*any\s*(?:[;,)\]>=|&[{}]|$)/, "any: name the type, or unknown"],
  [PRIVATE_NAME, "#private: use private, which is erased"],
  [/\b(?:test|it|describe)\.only\(/, "only: it hides every other test"],
  [/@ts-(?:ignore|nocheck)/, "a silenced type error: put it right"],
];

export function bannedSyntax(files: Files): string[] {
  return typescriptOf(files).flatMap(([path, text]) =>
    linesOf(mask(text)).flatMap((line, index) =>
      BANNED_SYNTAX.filter(([pattern]) => pattern.test(line))
        .filter(([pattern]) => pattern !== PRIVATE_NAME || !MAY_HIDE.has(path))
        .map(([, advice]) => `${path}:${index + 1}: ${advice}`),
    ),
  );
}

/** `exempt` maps a source file to the reason why it has no test of its own. */
export function missingTests(files: Files, exempt: Readonly<Record<string, string>>): string[] {
  const problems = Object.keys(exempt)
    .filter((path) => !files.has(path) || files.has(testOf(path)))
    .map((path) => `${path}: exempt without need: take it off the list`);
  for (const [path, text] of sourcesOf(files)) {
    if (path in exempt || files.has(testOf(path)) || isTypesOnly(text)) continue;
    problems.push(`${path}: no test: write ${testOf(path)}`);
  }
  return problems;
}

export function longDocuments(files: Files): string[] {
  const lineLimits = { "ARCHITECTURE.md": 300, "CONTRIBUTING.md": 100 };
  return Object.entries(lineLimits).flatMap(([path, linesMax]) => {
    const lines = linesOf(files.get(path) ?? "").length;
    return lines <= linesMax ? [] : [`${path}: ${lines} lines: shorten it to ${linesMax}`];
  });
}

function testOf(path: string): string {
  return path.replace(/^src\//, "test/").replace(/\.ts$/, ".test.ts");
}

/** Nothing is left of it once the types are erased. */
function isTypesOnly(text: string): boolean {
  try {
    const left = new Bun.Transpiler({ loader: "ts" }).transformSync(text);
    return (
      mask(left)
        .replace(/export\s*\{\s*\};?/g, "")
        .trim() === ""
    );
  } catch {
    return false; // a syntax error is for the type check to report
  }
}

function typescriptOf(files: Files): [string, string][] {
  return [...files].filter(([path]) => path.endsWith(".ts"));
}

function sourcesOf(files: Files): [string, string][] {
  return typescriptOf(files).filter(([path]) => path.startsWith("src/"));
}

function floorOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function resolve(from: string, target: string): string {
  return new URL(target, `file:///${from}`).pathname.slice(1);
}

function linesOf(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}
