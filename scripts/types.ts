// The types of the package: dist/types, a declaration file for each module of which src/index.ts
// shows something. Made when the package is packed, and removed afterwards, since a checkout looks
// at its sources. So users' compilers get no code of ours to judge by rules of their own.
//   bun scripts/types.ts [--remove]

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const ROOT: string = resolve(import.meta.dir, "..");
const TYPES: string = join(ROOT, "dist/types");
const DOOR = "index.ts";

/** The declarations speak of Buffer, Bun and Request: users need not list them under "types". */
const RUNTIME_TYPES = '/// <reference types="bun" />\n';

/** Only writes them: whether they are right is said by `bun check`. */
function emit(folder: string): void {
  const config = {
    extends: join(ROOT, "tsconfig.json"),
    files: [join(ROOT, "src", DOOR)],
    include: [],
    compilerOptions: {
      rootDir: join(ROOT, "src"),
      outDir: folder,
      noEmit: false,
      noCheck: true,
      emitDeclarationOnly: true,
      stripInternal: true,
      typeRoots: [join(ROOT, "node_modules/@types")],
    },
  };
  const project = join(folder, "tsconfig.json");
  writeFileSync(project, JSON.stringify(config));
  const compiler = join(ROOT, "node_modules/.bin/tsc");
  const { exitCode, stdout } = Bun.spawnSync([process.execPath, compiler, "--project", project]);
  if (exitCode !== 0) throw new Error(`No types could be made:\n${stdout.toString()}`);
}

/** What users cannot reach from the door stays behind. Returns the number of files. */
function collect(folder: string): number {
  const modules = new Set([DOOR]);
  for (const module of modules) {
    const name = module.replace(/\.ts$/, ".d.ts");
    const text = readFileSync(join(folder, name), "utf8");
    for (const [, target] of text.matchAll(/\b(?:from |import\()"(\.[^"]+)"/g)) {
      modules.add(join(dirname(module), target!));
    }
    mkdirSync(dirname(join(TYPES, name)), { recursive: true });
    writeFileSync(join(TYPES, name), module === DOOR ? RUNTIME_TYPES + text : text);
  }
  return modules.size;
}

function make(): void {
  const folder = mkdtempSync(join(tmpdir(), "millrace-types-"));
  try {
    emit(folder);
    const count = collect(folder);
    console.error(`${TYPES}: ${count} declaration files`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({ options: { remove: { type: "boolean", default: false } } });
rmSync(TYPES, { recursive: true, force: true });
if (!values.remove) make();
