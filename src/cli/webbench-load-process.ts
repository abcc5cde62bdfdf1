// The entry of a load process: `millrace webbench --load-process`, said by the command to itself.
// It loads the generator and nothing else, for a run may start hundreds of them.

import { runLoadProcess } from "../webbench/load-process.ts";

export const LOAD_PROCESS = "--load-process";

export async function loadProcess(): Promise<void> {
  // Ctrl-C goes to the whole group: the parent says what to do.
  process.on("SIGINT", () => undefined);
  await runLoadProcess({
    input: Bun.stdin.stream(),
    write: (line) => void process.stdout.write(line),
    exit: (code) => process.stdout.write("", () => process.exit(code)),
  });
}

/** This program again: the binary by itself, the runtime with its script otherwise. */
export function ownCommand(): string[] {
  const script = new URL("./main.ts", import.meta.url).pathname;
  const isCompiled = import.meta.url.includes("$bunfs") || import.meta.url.includes("~BUN");
  return [process.execPath, ...(isCompiled ? [] : [script]), "webbench", LOAD_PROCESS];
}
