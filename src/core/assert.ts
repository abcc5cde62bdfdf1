// Assertions for our own mistakes. A failed one throws AssertionError, which nobody catches: the
// worker dies and the master replaces it. They stay on in production, so they must be O(1) and
// their text constant. What a peer or a user does wrong is never asserted: see errors.ts.

export class AssertionError extends Error {
  override name = "AssertionError";
}

export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) fail(text);
}

/** Closes a switch or a branch that cannot be reached. */
export function unreachable(text: string): never {
  fail(text);
}

function fail(text: string): never {
  throw new AssertionError(text);
}
