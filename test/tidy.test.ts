// The laws of the house as a test. Each law runs over the whole repository, and before that over a
// small breach of it, so that a law that has gone blind fails too. The laws are in support/laws.ts.

import { describe, expect, test } from "bun:test";
import * as laws from "./support/laws.ts";
import { functionsOf, importsOf, mask } from "./support/source-text.ts";

const ROOT = `${import.meta.dir}/..`;

/** Source files without a test of their own, and why. */
const TEST_EXEMPT: Readonly<Record<string, string>> = {};

async function readRepository(): Promise<laws.Files> {
  const files = new Map<string, string>();
  const glob = new Bun.Glob("{src,test,bench,scripts,examples}/**/*.ts");
  for await (const path of glob.scan(ROOT)) {
    if (!path.includes("node_modules")) files.set(path, await Bun.file(`${ROOT}/${path}`).text());
  }
  for (const path of ["ARCHITECTURE.md", "CONTRIBUTING.md"]) {
    const file = Bun.file(`${ROOT}/${path}`);
    if (await file.exists()) files.set(path, await file.text());
  }
  return files;
}

const repository = await readRepository();

interface Law {
  name: string;
  check: (files: laws.Files) => string[];
  /** Files that keep the law except for one breach, and a part of the message about it. */
  breach: Record<string, string>;
  message: string;
}

const head = "// What it is.\n";
const lines = (count: number, text: string): string => `${text}\n`.repeat(count);

const LAWS: Law[] = [
  {
    name: "a folder imports only its own floor and those below, types included",
    check: laws.brokenFloors,
    breach: {
      "src/memory/span.ts": 'import type { Head } from "../http/head.ts";\n',
      "src/cli/main.ts": 'import { a } from "../http/head.ts";\n',
      "src/http/head.ts": 'import { assert } from "../core/assert.ts";\n',
    },
    message: "src/memory/span.ts: imports src/http/head.ts: memory/ may import only core",
  },
  {
    name: "imports make no cycle",
    check: laws.importCycles,
    breach: {
      "src/net/a.ts": 'import { b } from "./b.ts";\n',
      "src/net/b.ts": 'export * from "./c.ts";\n',
      "src/net/c.ts": 'import {\n  a,\n} from "./a.ts";\nimport type { D } from "./d.ts";\n',
      "src/net/d.ts": 'import { b } from "./b.ts";\nimport type { C } from "./c.ts";\n',
    },
    message: "src/net/a.ts -> src/net/b.ts -> src/net/c.ts -> src/net/a.ts",
  },
  {
    name: "a relative import names its file in full",
    check: laws.badImportPaths,
    breach: { "test/net/a.test.ts": 'import {\n  a,\n} from "../../src/net/a";\n' },
    message: 'imports "../../src/net/a"',
  },
  {
    name: `a file has at most ${laws.FILE_LINES_MAX} lines`,
    check: laws.longFiles,
    breach: { "bench/micro/a.ts": lines(501, "run();"), "src/net/b.ts": lines(500, "run();") },
    message: "bench/micro/a.ts: 501 lines",
  },
  {
    name: `a function has at most ${laws.FUNCTION_LINES_MAX} lines`,
    check: laws.longFunctions,
    breach: {
      "src/net/a.ts":
        `class A {\n${lines(80, "  x = 1;")}  long(\n    a: { b: B },\n  ): void {\n` +
        `${lines(67, "    run(`${'}'}`); // }")}  }\n}\n`,
      "test/net/a.test.ts": `describe("A", () => {\n${lines(80, "run();")}});\n`,
      "src/net/b.ts": `function b(): void {\n${lines(68, "  run(/[{/]/);")}}\n`,
    },
    message: "src/net/a.ts:82: function of 71 lines",
  },
  {
    name: `a line has at most ${laws.LINE_COLUMNS_MAX} columns`,
    check: laws.longLines,
    breach: { "scripts/a.ts": `${"é".repeat(100)}\n${"x".repeat(101)}\n` },
    message: "scripts/a.ts:2: 101 columns",
  },
  {
    name: "a name is kebab-case and says something",
    check: laws.badNames,
    breach: { "src/net/buffer-utils.ts": head, "src/net/event-loop.ts": head },
    message: '"utils" says nothing',
  },
  {
    name: "nothing is left unfinished",
    check: laws.unfinishedWork,
    breach: { "src/net/a.ts": `${head}run(); // ${"TO" + "DO"}: more\n` },
    message: "src/net/a.ts:2",
  },
  {
    name: "a source file begins with a comment that says what it is",
    check: laws.missingHeads,
    breach: {
      "src/net/a.ts": "\nexport const A = 1;\n",
      "src/net/b.ts": head,
      "src/cli/main.ts": `#!/usr/bin/env bun\n${head}`,
    },
    message: "src/net/a.ts: no head comment",
  },
  {
    name: "types are erasable and honest",
    check: laws.bannedSyntax,
    breach: {
      "src/net/a.ts": 'const a = "as any";\n// b as any\nlet many: company = any_;\nf(x as any);\n',
      "src/net/b.ts": "const anything: unknown = { any: 1 };\n",
    },
    message: "src/net/a.ts:4: any",
  },
  {
    name: "a source file has a test of the same name",
    check: (files) => laws.missingTests(files, files === repository ? TEST_EXEMPT : {}),
    breach: {
      "src/net/a.ts": "export const A = 1;\n",
      "src/net/protocol.ts": `${head}export interface Protocol {\n  open(): void;\n}\n`,
      "src/net/b.ts": "export const B = 1;\n",
      "test/net/b.test.ts": "",
    },
    message: "src/net/a.ts: no test: write test/net/a.test.ts",
  },
  {
    name: "the documents stay short",
    check: laws.longDocuments,
    breach: { "ARCHITECTURE.md": lines(301, "text"), "CONTRIBUTING.md": lines(100, "text") },
    message: "ARCHITECTURE.md: 301 lines",
  },
];

describe("tidy:", () => {
  for (const { name, check, breach, message } of LAWS) {
    test(name, () => {
      const caught = check(new Map(Object.entries(breach)));
      expect(caught).toHaveLength(1);
      expect(caught[0]).toContain(message);
      expect(check(repository).join("\n")).toBe("");
    });
  }

  test("an exemption from a test of its own that is not needed is a problem", () => {
    const files = new Map([["src/net/a.ts", head]]);
    expect(laws.missingTests(files, { "src/net/gone.ts": "why" })).toHaveLength(1);
  });

  test("the floors in the table stand in their order: none imports one above it", () => {
    const order = Object.keys(laws.FLOORS);
    for (const [floor, below] of Object.entries(laws.FLOORS)) {
      for (const other of below) expect(order.indexOf(other)).toBeLessThan(order.indexOf(floor));
    }
  });
});

describe("source text:", () => {
  test("mask keeps every offset and line", () => {
    for (const [path, text] of repository) {
      const masked = mask(text);
      expect([path, masked.length]).toEqual([path, text.length]);
      expect([path, masked.split("\n").length]).toEqual([path, text.split("\n").length]);
    }
  });

  test("mask leaves the braces of every file balanced", () => {
    for (const [path, text] of repository) {
      if (!path.endsWith(".ts")) continue;
      let depth = 0;
      for (const character of mask(text)) {
        depth += character === "{" ? 1 : character === "}" ? -1 : 0;
      }
      expect([path, depth]).toEqual([path, 0]);
    }
  });

  test("mask knows strings, templates within templates, and division from expressions", () => {
    const text = "a! / b / c; f(`x${g(`{${h({ k: '}' })}`)}}`, /[/{\"]/g); '\\'{'; // {";
    expect(mask(text).replace(/ +/g, " ")).toBe("a! / b / c; f( g( h({ k: }) ) , g); ; ");
  });

  test("functionsOf counts from header to closing brace", () => {
    const text = "const f = (\n  a: number,\n): void => {\n  if (a) {\n    g();\n  }\n};\n";
    expect(functionsOf(mask(text)).map((span) => [span.line, span.lineCount])).toEqual([
      [4, 3],
      [1, 7],
    ]);
  });

  test("importsOf sees types, re-exports, side effects and lazy imports, but no strings", () => {
    const text =
      'import "./a.ts";\nimport type { B } from "./b.ts";\nexport * from "./c.ts";\n' +
      'const d = await import("./d.ts");\nimport x from "bun";\n  \'import "./no.ts"\';\n';
    expect(importsOf(text)).toEqual(["./a.ts", "./b.ts", "./c.ts", "./d.ts"]);
    expect(importsOf(text, false)).toEqual(["./a.ts", "./c.ts", "./d.ts"]);
  });
});
