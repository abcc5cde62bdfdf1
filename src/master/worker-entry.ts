// Where a worker's code is: src/worker.ts, or its place inside the compiled binary. There the
// entries that `bun build --compile src/cli/main.ts src/worker.ts` was given keep their places
// below their common folder (src/), become .js, and everything else has melted into the main one.

const INSIDE_BINARY = "/$bunfs/root/";

/** Of the module that asks: import.meta.url. */
export function workerEntry(askedBy: string): URL {
  const inside = askedBy.includes(INSIDE_BINARY);
  return new URL(inside ? "./worker.js" : "../worker.ts", askedBy);
}
