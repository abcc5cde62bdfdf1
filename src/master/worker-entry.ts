// Where a worker's code is: beside this file, or inside the compiled binary, where the entries that
// `bun build --compile src/cli/main.ts src/master/worker-main.ts` was given keep their places below
// their common folder (src/), become .js, and everything else has melted into the main one.

const INSIDE_BINARY = "/$bunfs/root/";

/** Of the module that asks: import.meta.url. */
export function workerEntry(askedBy: string): URL {
  const inside = askedBy.includes(INSIDE_BINARY);
  return new URL(inside ? "./master/worker-main.js" : "./worker-main.ts", askedBy);
}
