// Whatever can be awaited counts as a promise of a handler: not every library gives true ones.

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== "object" || value === null) return false;
  return "then" in value && typeof value.then === "function";
}
