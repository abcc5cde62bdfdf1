// `bun run build`: dist/millrace, one file with the runtime, all commands and the workers' code. It
// runs from any folder, with no node_modules and no Bun on the machine. It is put in its place when
// it is whole, so that a server which runs from the old one is not disturbed.
//   bun scripts/build.ts [--outfile FILE] [--no-bytecode]

import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const ROOT: string = resolve(import.meta.dir, "..");
const SOURCE: string = join(ROOT, "src");

/** The command, and what it spawns: see src/master/worker-entry.ts. */
const ENTRIES: string[] = [join(SOURCE, "cli/main.ts"), join(SOURCE, "worker.ts")];

async function build(outfile: string, bytecode: boolean): Promise<void> {
  await Bun.build({
    entrypoints: ENTRIES,
    root: SOURCE,
    target: "bun",
    format: "esm",
    // Starts in less than half the time: see bench/macro/startup.ts.
    bytecode,
    // The command and the worker share what both need; nothing is loaded before it is needed.
    splitting: true,
    // But not the names: they stand in profiles and in what console.log() shows.
    minify: { whitespace: true, syntax: true },
    // Inside the binary: traces name the files of src/ and their lines.
    sourcemap: "inline",
    compile: {
      outfile,
      // What an application gets from `bun run`: paths and jsx of the tsconfig.json, and the
      // package.json of the folder in which it is started.
      autoloadTsconfig: true,
      autoloadPackageJson: true,
    },
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { outfile: { type: "string" }, bytecode: { type: "boolean", default: true } },
    allowNegative: true,
  });
  const outfile = resolve(values.outfile ?? join(ROOT, "dist/millrace"));
  mkdirSync(dirname(outfile), { recursive: true });
  const workshop = mkdtempSync(join(dirname(outfile), ".build-")); // the bundler leaves maps, too
  try {
    const built = join(workshop, basename(outfile));
    await build(built, values.bytecode);
    renameSync(built, outfile);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
  console.log(`${outfile}: ${(statSync(outfile).size / 1e6).toFixed(1)} MB`);
}

await main();
