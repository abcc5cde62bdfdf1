// The hash by which routers find a static path. The parser computes it in the loop that checks the
// path's bytes, so a step must cost next to nothing: h * 31 + byte, written so that the dependency
// from one byte to the next is two operations long. Equal hashes do not mean equal paths; since a
// table holds only the service's own routes, a peer gains nothing by colliding.

/** One byte more. The parser's loop holds this formula inline. */
export function hashStep(hash: number, byte: number): number {
  return ((hash << 5) + (byte - hash)) | 0;
}

/** Spreads the high bits down: tables use the low ones. */
export function hashFinish(hash: number): number {
  return hash ^ (hash >>> 16);
}

/** The int32 hash of bytes[start, end). */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let index = start; index < end; index++) hash = hashStep(hash, bytes[index]!);
  return hashFinish(hash);
}

/** The same hash of a path given as a string of ASCII, the only kind that a request can carry. */
export function hashPath(path: string): number {
  let hash = 0;
  for (let index = 0; index < path.length; index++) hash = hashStep(hash, path.charCodeAt(index));
  return hashFinish(hash);
}
