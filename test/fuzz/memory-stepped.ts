// The allocator's own source with a call before every store to shared memory, loaded as a second
// copy. A test that stops the copy at the n-th store sees exactly what the death of a thread at
// that instruction leaves behind; nothing is modelled, only the real code runs.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type * as ArenaModule from "../../src/memory/arena.ts";
import type * as AuditModule from "../../src/memory/arena-audit.ts";
import type * as SharedMemoryModule from "../../src/memory/shared-memory.ts";

export interface SteppedAllocator {
  Arena: typeof ArenaModule.Arena;
  auditArena: typeof AuditModule.auditArena;
  SharedMemory: typeof SharedMemoryModule.SharedMemory;
  /** Called before every store. */
  onStep: (step: () => void) => void;
  /** How many places were found. */
  places: number;
}

const SOURCE: string = join(import.meta.dir, "../../src");
const STORE = /^(\s*)((?:this\.)?(?:words|marks|tiny|memory\.words)\[.*(?: [-+|&]?= |\+\+;|--;))/;
const CALLS = "memory\\.pageClass\\.fill|marks\\.(?:clear|write)|spans\\.set|Atomics\\.|unlock\\(";
const STORE_CALL: RegExp = new RegExp(`^(\\s*)((?:this\\.)?(?:${CALLS}).*[;(,])$`);
const STORE_IN_LINE =
  /^(\s*)((?:for|if) \(.*\)|else) ((?:this\.)?(?:words|spans\.set|marks\.write).*;)$/;
const INSIDE = new Set(["lock.ts", "arena-audit.ts", "arena-stats.ts"]);

export async function loadStepped(): Promise<SteppedAllocator> {
  const root = mkdtempSync(join(tmpdir(), "millrace-stepped-"));
  let places = 0;
  for (const folder of ["core", "memory"]) {
    mkdirSync(join(root, folder));
    for (const name of readdirSync(join(SOURCE, folder))) {
      const text = readFileSync(join(SOURCE, folder, name), "utf8");
      const stepped = folder === "memory" && !INSIDE.has(name);
      const out = stepped ? insertSteps(text, () => places++) : text;
      writeFileSync(join(root, folder, name), out);
    }
  }
  try {
    const { Arena } = (await import(join(root, "memory/arena.ts"))) as typeof ArenaModule;
    const audit = (await import(join(root, "memory/arena-audit.ts"))) as typeof AuditModule;
    const shared = (await import(
      join(root, "memory/shared-memory.ts")
    )) as typeof SharedMemoryModule;
    const onStep = (step: () => void): void => void Reflect.set(globalThis, HOOK, step);
    onStep(() => {});
    return {
      Arena,
      auditArena: audit.auditArena,
      SharedMemory: shared.SharedMemory,
      onStep,
      places,
    };
  } finally {
    rmSync(root, { recursive: true });
  }
}

const HOOK = "__millraceStep";

function insertSteps(text: string, found: () => void): string {
  const call = `globalThis.${HOOK}();`;
  const lines = text.split("\n").map((line) => {
    if (STORE_IN_LINE.test(line)) {
      found();
      return line.replace(STORE_IN_LINE, `$1$2 { ${call} $3 }`);
    }
    if (!STORE.test(line) && !STORE_CALL.test(line)) return line;
    found();
    return line.replace(/^(\s*)/, `$1${call} `);
  });
  return lines.join("\n");
}
