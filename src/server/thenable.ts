// Whatever can be awaited counts as a promise of a handler: not every library gives true ones.

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== "object" || value === null) return false;
  return "then" in value && typeof value.then === "function";
}

/** Tells of the failure of what a handler returned and nobody waits for. */
export function watchFailure(result: unknown, onFailure: (error: unknown) => void): void {
  if (isThenable(result)) Promise.resolve(result).then(undefined, onFailure);
}
